"""Change of what runs, without losing a request: from what is to be different to old processes that have drained."""
