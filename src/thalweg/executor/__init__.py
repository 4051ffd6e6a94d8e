"""User code: what it looks like, how it is found, and how it is run."""

from thalweg.executor.batching import dynamic_batching
from thalweg.executor.endpoint import Endpoint, requests
from thalweg.executor.executor import Executor
from thalweg.executor.hooks import probe, warmup
from thalweg.executor.progress import report_progress
from thalweg.executor.writing import write

__all__ = ["Endpoint", "Executor", "dynamic_batching", "probe", "report_progress", "requests", "warmup", "write"]
