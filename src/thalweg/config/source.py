"""Text or a mapping that describes options, read into plain data that knows on which line each value stood."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from thalweg.errors import ConfigurationError

KeyPath: TypeAlias = tuple[str | int, ...]

_PLACEHOLDER = re.compile(r"\$\{\{(.*?)\}\}")
_VARIABLE = re.compile(r"\s*(ENV|CONTEXT)\.([A-Za-z_]\w*)\s*(?::-(.*?))?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """What was read. `lines` is empty where there was no text; `folder` is what relative paths are relative to."""

    data: dict[str, Any]
    name: str = ""
    folder: Path = field(default_factory=Path.cwd)
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def place(self, path: KeyPath) -> str:
        """`flow.yml:7: executors[1].replicas`, as much of it as is known."""
        known = next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), None)
        line = "" if known is None else f":{known}" if self.name else f"line {known}"
        head = f"{self.name}{line}"
        return ": ".join(part for part in (head, dotted(path)) if part)


def dotted(path: KeyPath) -> str:
    """`executors[1].uses_with.model` for the keys and positions of `path`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class Variables:
    """Replaces `${{ ENV.NAME }}`, `${{ CONTEXT.name }}` and `${{ ENV.NAME:-default }}`.

    A default stands in for what is not set, or set to nothing. Anything else between the braces is an error, and so is
    a name that is not set and has no default.
    """

    def __init__(self, context: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self._places: dict[str, Mapping[str, Any]] = {"CONTEXT": context, "ENV": environment}

    def replace(self, text: str) -> Any:
        """`text` with its placeholders filled in; where it is one placeholder and nothing else, the value as it is."""
        alone = _PLACEHOLDER.fullmatch(text.strip())
        if alone and "${{" not in alone[1]:
            return self._value(alone[1])
        return _PLACEHOLDER.sub(lambda found: str(self._value(found[1])), text)

    def _value(self, inside: str) -> Any:
        parts = _VARIABLE.fullmatch(inside)
        if parts is None:
            raise ConfigurationError(
                f"${{{{{inside}}}}} is not understood: write ${{{{ ENV.NAME }}}} or ${{{{ CONTEXT.name }}}}, "
                "with :-default before the closing braces if it may be missing"
            )
        place, name, default = parts[1].upper(), parts[2], parts[3]
        value = self._places[place].get(name)
        if default is not None and value in (None, ""):
            return default
        if name not in self._places[place]:
            what = "environment variable" if place == "ENV" else "context variable"
            raise ConfigurationError(f"the {what} {name} is not set, and no default is given (:-default)")
        return value


def read(
    source: str | os.PathLike[str] | Mapping[str, Any],
    context: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Source:
    """Read the path of a file, YAML or JSON text, or a mapping, and fill in its placeholders.

    In text, a placeholder that is not quoted is read as if its value stood there (`8080` is a number); a quoted one is
    text. The environment is that of this process where none is given.

    Raises:
        ConfigurationError: no such file, not YAML, not a mapping, a key twice, or a placeholder without a value.
    """
    variables = Variables(context or {}, os.environ if environment is None else environment)
    if isinstance(source, Mapping):
        return Source(_filled(dict(source), variables, ()))
    from thalweg.config.markup import parsed  # loads a YAML parser, which a worker never needs

    if isinstance(source, str) and _is_text(source):
        return parsed(source, "", Path.cwd(), variables)
    path = Path(source)
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}.") from error
    return parsed(text, str(path), path.resolve().parent, variables)


def _is_text(source: str) -> bool:
    return "\n" in source or ": " in source or source.lstrip().startswith("{")


def _filled(value: Any, variables: Variables, path: KeyPath) -> Any:
    if isinstance(value, Mapping):
        return {key: _filled(item, variables, (*path, str(key))) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled(item, variables, (*path, index)) for index, item in enumerate(value)]
    if isinstance(value, str) and "${{" in value:
        try:
            return variables.replace(value)
        except ConfigurationError as error:
            raise ConfigurationError(f"{dotted(path)}: {error}") from None
    return value
