"""Descriptions of a Flow for other tools: each a pure function of the options."""
