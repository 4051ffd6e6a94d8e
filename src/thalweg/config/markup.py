"""YAML and JSON text, read into plain data that knows on which line each value stood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from thalweg.config.source import KeyPath, Source, Variables
from thalweg.errors import ConfigurationError

_VALUE_TAG = "tag:thalweg,value"
"""Marks a node that holds a finished value from the context instead of text."""


class _Loader(yaml.SafeLoader):
    """The safe loader, and values that came from the context."""


def _finished(loader: _Loader, node: yaml.Node) -> Any:
    return node.value


_Loader.add_constructor(_VALUE_TAG, _finished)


def parsed(text: str, name: str, folder: Path, variables: Variables) -> Source:
    """The data of `text`, its placeholders filled in.

    Raises:
        ConfigurationError: not YAML, not a mapping, a key twice, or a placeholder without a value.
    """
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
