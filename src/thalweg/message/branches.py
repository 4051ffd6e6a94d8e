"""How a request says of which branches of a Flow its documents are, for an Executor that joins them itself."""

from __future__ import annotations

BRANCHES = "__branches__"
"""The parameter that says so: the name of each branch and how many documents it has, in the order in which they follow each
other. It goes as far as the worker and never comes back."""
