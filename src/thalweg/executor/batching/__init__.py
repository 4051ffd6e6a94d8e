"""Dynamic batching: documents of several requests in one call of user code."""

from thalweg.executor.batching.declaration import dynamic_batching

__all__ = ["dynamic_batching"]
