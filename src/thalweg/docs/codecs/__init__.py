"""How documents travel: as JSON, or as columns."""
