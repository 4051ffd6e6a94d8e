"""Fail where a package of Thalweg imports a library that is not its business.

    python -m scripts.imports src/thalweg

`ALLOWED` says which library each package may import when it is loaded, and which only inside functions: those that are
heavy, or that a user may not have installed. A library that is imported at load must be a core dependency.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from scripts.source import Import, Module, modules, report


class Libraries(NamedTuple):
    """Top-level module names of third-party libraries."""

    at_load: frozenset[str] = frozenset()
    in_functions: frozenset[str] = frozenset()


def libraries(at_load: str = "", in_functions: str = "") -> Libraries:
    return Libraries(frozenset(at_load.split()), frozenset(in_functions.split()))


ALLOWED: dict[str, Libraries] = {
    "thalweg": libraries("msgspec pydantic"),
    "thalweg.access": libraries("", "jwt"),
    "thalweg.cli": libraries("click rich", "yaml"),
    "thalweg.cli.load": libraries("click httptools", "aiohttp uvloop"),
    "thalweg.client": libraries("", "rich uvloop"),
    "thalweg.compat": libraries("yaml", "orjson"),
    "thalweg.config": libraries("pydantic_core yaml", "cloudpickle"),
    "thalweg.docs": libraries("numpy orjson pydantic_core", "simdjson google rich torch"),
    "thalweg.docs.integrations.datasets": libraries("datasets"),
    "thalweg.docs.integrations.fastapi": libraries("fastapi"),
    "thalweg.docs.integrations.haystack": libraries("haystack"),
    "thalweg.docs.integrations.langchain": libraries("langchain_core"),
    "thalweg.docs.integrations.llama_index": libraries("llama_index"),
    "thalweg.docs.integrations.torch": libraries("torch"),
    "thalweg.docs.mypy": libraries("", "mypy"),
    "thalweg.executor": libraries("cloudpickle", "uvloop"),
    "thalweg.jobs": libraries("", "uvloop"),
    "thalweg.message.proto": libraries("google"),
    "thalweg.orchestration": libraries("", "cloudpickle docker uvloop watchfiles"),
    "thalweg.service": libraries("", "cloudpickle uvloop"),
    "thalweg.testing": libraries("hypothesis numpy pytest"),
    "thalweg.transport.grpc": libraries("google grpc"),
    "thalweg.transport.jina": libraries("grpc", "google"),
    "thalweg.transport.graphql": libraries("graphql"),
    "thalweg.transport.websocket": libraries("websockets"),
    "thalweg.transport.http": libraries("aiohttp httptools uvicorn", "python_multipart zstandard"),
}

GUESTS = ("thalweg.docs.integrations", "thalweg.testing", "thalweg.transport.graphql")
"""Loaded by a user who has installed what they import, and by nothing else."""

MODULE_OF = {"PyYAML": "yaml", "grpcio": "grpc", "protobuf": "google"}
"""Distributions whose module has another name."""


def core(pyproject: Path) -> frozenset[str]:
    """The modules of the core dependencies."""
    project = tomllib.loads(pyproject.read_text("utf-8"))["project"]
    names = (re.split(r"[^\w-]", requirement)[0] for requirement in project["dependencies"])
    return frozenset(MODULE_OF.get(name, name.replace("-", "_")) for name in names) | {"pydantic_core"}


def allowed(module: str, table: Mapping[str, Libraries]) -> Libraries:
    """What `module` may import: all that the packages around it may."""
    around = [entry for package, entry in table.items() if f"{module}.".startswith(f"{package}.")]
    return Libraries(
        frozenset[str]().union(*(entry.at_load for entry in around)),
        frozenset[str]().union(*(entry.in_functions for entry in around)),
    )


def violations(root: Path, dependencies: frozenset[str], table: Mapping[str, Libraries] = ALLOWED) -> Iterator[str]:
    """One line for each import that the table does not allow, or that a fresh installation could not follow."""
    for module in modules(root):
        for found in module.imports():
            library = found.target.split(".")[0]
            if library != root.name and library not in sys.stdlib_module_names:
                reason = _objection(module, found, library, dependencies, table)
                if reason:
                    yield f"{module.path}:{found.line}: {module.name} {reason}"


def _objection(
    module: Module, found: Import, library: str, dependencies: frozenset[str], table: Mapping[str, Libraries]
) -> str:
    entry = allowed(module.name, table)
    if library not in entry.at_load | entry.in_functions:
        return f"must not import {library}; what it may stands in scripts/imports.py"
    if found.inside_function:
        return ""
    if library not in entry.at_load:
        return f"may import {library} inside functions only"
    if library not in dependencies and not f"{module.name}.".startswith(tuple(f"{guest}." for guest in GUESTS)):
        return f"imports {library}, which is no core dependency"
    return ""


if __name__ == "__main__":
    sys.exit(report(violations(Path(sys.argv[1]), core(Path("pyproject.toml")))))
