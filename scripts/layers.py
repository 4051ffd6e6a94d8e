"""Fail where a package of Thalweg imports one that stands above or beside it.

    python -m scripts.layers src/thalweg

Imports inside functions count: a hidden cycle is still a cycle. Peers on one level do not import each other. The façade
`thalweg/__init__.py` may import anything.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.source import modules, report

LEVELS = (
    ("errors",),
    ("docs",),
    ("config", "message"),
    ("graph", "telemetry"),
    ("executor", "export", "transport"),
    ("access", "routing"),
    ("service", "client"),
    ("gateway", "jobs"),
    ("orchestration",),
    ("cli",),
    ("__main__", "compat", "testing"),
)


def violations(root: Path, levels: tuple[tuple[str, ...], ...] = LEVELS) -> Iterator[str]:
    """One line for each import that points up or sideways, and for each module that has no place."""
    rank = {package: height for height, level in enumerate(levels) for package in level}
    for module in modules(root):
        if module.name == root.name:
            continue
        here = module.name.split(".")[1]
        if here not in rank:
            yield f"{module.path}: '{here}' has no place among the layers; give it one in scripts/layers.py"
            continue
        for found in module.imports():
            parts = found.target.split(".")
            if parts[0] != root.name or len(parts) < 2 or parts[1] == here:
                continue
            if rank.get(parts[1], -1) >= rank[here]:
                yield f"{module.path}:{found.line}: {here} must not import {parts[1]}"


if __name__ == "__main__":
    sys.exit(report(violations(Path(sys.argv[1]))))
