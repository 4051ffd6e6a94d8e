"""Text or a mapping that describes options, read into plain data that knows on which line each value stood."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from thalweg.errors import ConfigurationError

KeyPath: TypeAlias = tuple[str | int, ...]

_PLACEHOLDER = re.compile(r"\$\{\{(.*?)\}\}")
_VARIABLE = re.compile(r"\s*(ENV|CONTEXT)\.([A-Za-z_]\w*)\s*(?::-(.*?))?\s*", re.IGNORECASE)
_VALUE_TAG = "tag:thalweg,value"
"""Marks a node that holds a finished value from the context instead of text."""


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
    if isinstance(source, str) and _is_text(source):
        return _parsed(source, "", Path.cwd(), variables)
    path = Path(source)
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}.") from error
    return _parsed(text, str(path), path.resolve().parent, variables)


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


class _Loader(yaml.SafeLoader):
    """The safe loader, and values that came from the context."""


def _finished(loader: _Loader, node: yaml.Node) -> Any:
    return node.value


_Loader.add_constructor(_VALUE_TAG, _finished)


def _parsed(text: str, name: str, folder: Path, variables: Variables) -> Source:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise ConfigurationError(f"{name or 'The text'} must be a mapping of options, such as 'jtype: Flow'.")
        walk = _Walk(loader, name, variables)
        walk.document(node)
        data = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError(_syntax(error, name)) from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{name or 'The text'} is not YAML: {error}") from error
    finally:
        loader.dispose()
    return Source(data, name, folder, walk.lines)


def _syntax(error: yaml.MarkedYAMLError, name: str) -> str:
    mark = error.problem_mark or error.context_mark
    line = f"line {mark.line + 1}" if mark else "the text"
    reason = ", ".join(part for part in (error.context, error.problem) if part)
    return f"{name}:{mark.line + 1}: {reason}" if name and mark else f"{line}: {reason}"


class _Walk:
    """Goes through the nodes of a document once: notes lines, fills in placeholders, refuses keys that stand twice."""

    def __init__(self, loader: _Loader, name: str, variables: Variables) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._loader = loader
        self._name = name
        self._variables = variables
        self._seen: set[int] = set()

    def document(self, node: yaml.Node) -> None:
        self._visit(node, ())

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> None:
        keys: set[str] = set()
        for key, value in node.value:
            inner = (*path, str(key.value))
            self.lines.setdefault(inner, key.start_mark.line + 1)
            if inner[-1] in keys and inner[-1] != "<<":
                raise self._error(inner, key, f"stands twice; the first is on line {self.lines[inner]}")
            keys.add(str(inner[-1]))
            self._visit(value, inner)

    def _visit(self, node: yaml.Node, path: KeyPath) -> None:
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            self._mapping(node, path)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.lines[(*path, index)] = item.start_mark.line + 1
                self._visit(item, (*path, index))
        elif isinstance(node, yaml.ScalarNode) and "${{" in node.value:
            self._fill(node, path)

    def _fill(self, node: yaml.ScalarNode, path: KeyPath) -> None:
        try:
            value = self._variables.replace(node.value)
        except ConfigurationError as error:
            raise self._error(path, node, str(error)) from None
        node.value = value
        if not isinstance(value, str):
            node.tag = _VALUE_TAG
        elif node.style is None:
            node.tag = self._loader.resolve(yaml.ScalarNode, value, (True, False))  # type: ignore[no-untyped-call]

    def _error(self, path: KeyPath, node: yaml.Node, reason: str) -> ConfigurationError:
        place = Source({}, self._name, lines={path: node.start_mark.line + 1}).place(path)
        return ConfigurationError(f"{place}: {reason}")
