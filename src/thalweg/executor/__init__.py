"""User code: what it looks like, how it is found, and how it is run."""

from thalweg.executor.endpoint import Endpoint, requests
from thalweg.executor.executor import Executor

__all__ = ["Endpoint", "Executor", "requests"]
