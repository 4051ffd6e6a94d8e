"""Where a worker runs, if not beside the others in the parent's own environment. Plain values; they stay in the parent."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec


class ContainerPlace(msgspec.Struct, frozen=True, tag="container"):
    """A container of its own. `thalweg.config.ContainerOptions` describes what they have in common.

    `volumes` are as an engine takes them, `source:target:mode`.
    """

    image: str
    volumes: list[str] = []
    gpus: str | int | None = None
    entrypoint: list[str] = []
    networks: list[str] = []
    pull: str = "missing"
    user: str = ""
    arguments: dict[str, Any] = {}
    variables: dict[str, str] = {}


class EnvironmentPlace(msgspec.Struct, frozen=True, tag="environment"):
    """A virtual environment with these requirements: lines as pip takes them, and files of such lines."""

    lines: list[str] = []
    files: list[str] = []


Place: TypeAlias = ContainerPlace | EnvironmentPlace
