"""Text or a mapping that describes options, read into plain data that knows where each value stood."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from thalweg.config.old import told
from thalweg.config.variables import KeyPath, PlaceholderError, Variables, dotted
from thalweg.errors import ConfigurationError

ConfigSource: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]
"""The path of a YAML or JSON file, the text of one, or a mapping of the same shape."""


class Origin(NamedTuple):
    """Where a part of a description stood before it was brought into its one shape."""

    source: Source
    path: KeyPath


@dataclass(frozen=True)
class Source:
    """What was read. `lines` is empty where there was no text; `folder` is what relative paths are relative to. `parts`
    tells of what stands elsewhere now than where it was written."""

    data: dict[str, Any]
    name: str = ""
    folder: Path = field(default_factory=Path.cwd)
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    parts: Mapping[KeyPath, Origin] = field(default_factory=dict)
    keywords: KeyPath = ()
    """What leads to keyword arguments; whoever gave them need not hear of it."""

    def place(self, path: KeyPath) -> str:
        """`flow.yml:7: executors[1].replicas`, as much of it as is known."""
        origin = self.origin(path)
        if origin.source is not self:
            return origin.source.place(origin.path)
        away = len(self.keywords)
        path = origin.path[away:] if away and origin.path[:away] == self.keywords else origin.path
        known = next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), None)
        line = "" if known is None else f":{known}" if self.name else f"line {known}"
        head = f"{self.name}{line}"
        return ": ".join(part for part in (head, dotted(path)) if part)

    def origin(self, path: KeyPath) -> Origin:
        """Where what stands at `path` was written."""
        for end in range(len(path), 0, -1):
            found = self.parts.get(path[:end])
            if found is not None:
                inner = (*found.path, *path[end:])
                return Origin(self, inner) if found.source is self else found.source.origin(inner)
        return Origin(self, path)

    def shaped(self, data: dict[str, Any], parts: Mapping[KeyPath, Origin]) -> Source:
        """The same with its data in another shape. In `parts`, what stood in this one names this one."""
        made = replace(self, data=data, parts=parts)
        moved = {path: Origin(made, old.path) if old.source is self else old for path, old in parts.items()}
        object.__setattr__(made, "parts", moved)
        return made


def read(
    source: ConfigSource,
    context: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    substitute: bool = True,
) -> Source:
    """Read the path of a file, YAML or JSON text, or a mapping, and fill in its placeholders.

    In text, a placeholder that is not quoted is read as if its value stood there (`8080` is a number); a quoted one is
    text. The environment is that of this process where none is given. With `substitute=False` nothing is filled in.

    Raises:
        ConfigurationError: no such file, not YAML, not a mapping, a key twice, or a placeholder without a value.
    """
    variables = Variables(context or {}, os.environ if environment is None else environment)
    found = _parsed(source)
    if not substitute:
        return found

    def warn(path: KeyPath, message: str) -> None:
        told(f"{found.place(path)}: {message}")

    try:
        return replace(found, data=variables.fill(found.data, _scalar, warn))
    except PlaceholderError as error:
        raise ConfigurationError(f"{found.place(error.path)}: {error.reason}") from None


def _parsed(source: ConfigSource) -> Source:
    if isinstance(source, Mapping):
        return Source(dict(source))
    from thalweg.config.markup import parsed  # loads a YAML parser, which a worker never needs

    if isinstance(source, str) and is_text(source):
        found = parsed(source, "")
        return Source(found.data, "", Path.cwd(), found.lines)
    path = Path(source)
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}.") from None
    found = parsed(text, str(path))
    return Source(found.data, str(path), path.resolve().parent, found.lines)


def is_text(source: str) -> bool:
    """Whether `source` is a description itself, and no path of one."""
    return "\n" in source or ": " in source or source.lstrip().startswith(("{", "!"))


def _scalar(text: str) -> Any:
    from thalweg.config.markup import scalar

    return scalar(text)
