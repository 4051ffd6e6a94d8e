"""Documents in the hands of other libraries, each of which the user has installed."""
