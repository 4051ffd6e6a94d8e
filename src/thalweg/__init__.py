"""Thalweg: turn models into services."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thalweg.client import AsyncClient, Client
    from thalweg.executor import Executor, dynamic_batching, probe, report_progress, requests, warmup, write
    from thalweg.gateway import Gateway
    from thalweg.orchestration import AsyncFlow, Deployment, Flow

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "AsyncFlow",
    "Client",
    "Deployment",
    "Executor",
    "Flow",
    "Gateway",
    "dynamic_batching",
    "probe",
    "report_progress",
    "requests",
    "warmup",
    "write",
]

_HOMES = {
    "AsyncClient": "thalweg.client",
    "AsyncFlow": "thalweg.orchestration",
    "Client": "thalweg.client",
    "Deployment": "thalweg.orchestration",
    "Executor": "thalweg.executor",
    "Flow": "thalweg.orchestration",
    "Gateway": "thalweg.gateway",
    "dynamic_batching": "thalweg.executor",
    "probe": "thalweg.executor",
    "report_progress": "thalweg.executor",
    "requests": "thalweg.executor",
    "warmup": "thalweg.executor",
    "write": "thalweg.executor",
}
"""Where each public name is defined. Loaded when it is first asked for, so that `import thalweg` does no work."""


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
