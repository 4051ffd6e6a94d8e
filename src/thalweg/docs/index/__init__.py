"""Documents that are kept and found again, in memory or in a vector database."""
