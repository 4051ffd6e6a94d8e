"""One step of a request on its way through a Flow: passed on, awaited, joined with others."""
