"""Questions about documents: which match a condition, which are nearest to a vector."""
