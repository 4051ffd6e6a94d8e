"""Starting, watching and stopping processes: `Flow` and `Deployment`.

The fork server lives in this package too, and loads as little of it as it can: so each name is loaded at its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thalweg.orchestration.asynchronous import AsyncFlow
    from thalweg.orchestration.deployment import Deployment
    from thalweg.orchestration.flow import Flow
    from thalweg.orchestration.member import News, Phase

__all__ = ["AsyncFlow", "Deployment", "Flow", "News", "Phase"]

_HOMES = {
    "AsyncFlow": "thalweg.orchestration.asynchronous",
    "Deployment": "thalweg.orchestration.deployment",
    "Flow": "thalweg.orchestration.flow",
    "News": "thalweg.orchestration.member",
    "Phase": "thalweg.orchestration.member",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value
