"""YAML and JSON text, read into plain data that knows on which line each value stood."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any, NamedTuple

import yaml

from thalweg.config.variables import KeyPath, PlainText
from thalweg.errors import ConfigurationError

_PLAIN_TAG = "tag:thalweg,plain"


class WordsLoader(yaml.SafeLoader):
    """The safe loader, for which `on`, `off`, `yes` and `no` are words, as in YAML 1.2."""


WordsLoader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
WordsLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


class _Loader(WordsLoader):
    """A tag `!Name` means `jtype: Name`."""


def _tagged(loader: _Loader, name: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {"jtype": name, **loader.construct_mapping(node, deep=True)}
    if isinstance(node, yaml.ScalarNode) and not node.value:
        return {"jtype": name}
    raise yaml.constructor.ConstructorError(
        None, None, f"could not determine a constructor for the tag '!{name}'", node.start_mark
    )


def _plain(loader: _Loader, node: yaml.Node) -> PlainText:
    return PlainText(node.value)


_Loader.add_multi_constructor("!", _tagged)
_Loader.add_constructor(_PLAIN_TAG, _plain)


class Markup(NamedTuple):
    """The data of a text, and the line of each key and item. Text with a `$` in it that had no quotes is `PlainText`."""

    data: dict[str, Any]
    lines: dict[KeyPath, int]


def parsed(text: str, name: str) -> Markup:
    """The data of `text`; `name` is that of its file.

    Raises:
        ConfigurationError: not YAML, not a mapping, or a key twice.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if isinstance(node, yaml.ScalarNode) and node.tag.startswith("!") and not node.value:
            return Markup({"jtype": node.tag[1:]}, {("jtype",): 1})
        if not isinstance(node, yaml.MappingNode):
            raise ConfigurationError(f"{name or 'The text'} must be a mapping of options, such as 'jtype: Flow'.")
        walk = _Walk(name)
        walk.visit(node, ())
        data = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError(_syntax(error, name)) from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{name or 'The text'} is not YAML: {error}") from error
    finally:
        loader.dispose()
    return Markup(data, walk.lines)


def scalar(text: str) -> Any:
    """What `text` means in YAML where it stands without quotes and is one value: `8` is a number, `[1]` stays text."""
    loader = _Loader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    try:
        return loader.construct_object(yaml.ScalarNode(tag, text))
    except (ValueError, yaml.YAMLError):
        return text
    finally:
        loader.dispose()


def value_of(text: str) -> Any:
    """What `text` means in YAML, lists and mappings too; `text` itself where it is none."""
    try:
        return yaml.load(text, _Loader)  # a safe loader: nothing but plain data comes out
    except yaml.YAMLError:
        return text


def _syntax(error: yaml.MarkedYAMLError, name: str) -> str:
    mark = error.problem_mark or error.context_mark
    line = f"line {mark.line + 1}" if mark else "the text"
    reason = ", ".join(part for part in (error.context, error.problem) if part)
    return f"{name}:{mark.line + 1}: {reason}" if name and mark else f"{line}: {reason}"


class _Walk:
    """Goes through the nodes of a document once: notes lines, marks text without quotes, refuses keys that stand twice."""

    def __init__(self, name: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._name = name
        self._seen: set[int] = set()

    def visit(self, node: yaml.Node, path: KeyPath) -> None:
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            self._mapping(node, path)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.lines[(*path, index)] = item.start_mark.line + 1
                self.visit(item, (*path, index))
        elif isinstance(node, yaml.ScalarNode) and node.style is None and "$" in node.value:
            node.tag = _PLAIN_TAG

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> None:
        if node.tag.startswith("!"):
            self.lines[(*path, "jtype")] = node.start_mark.line + 1
        keys: set[Hashable] = set()
        for key, value in node.value:
            inner = (*path, str(key.value))
            line = key.start_mark.line + 1
            if inner[-1] in keys and inner[-1] != "<<":
                first = self.lines[inner]
                head = f"{self._name}:{line}" if self._name else f"line {line}"
                where = ".".join(str(part) for part in inner)
                raise ConfigurationError(f"{head}: {where}: stands twice; the first is on line {first}")
            self.lines.setdefault(inner, line)
            keys.add(inner[-1])
            self.visit(value, inner)


class _Dumper(yaml.SafeDumper):
    """The safe dumper. Text with a `$` in it has quotes, so that it is text again when it is read."""


def _text(dumper: _Dumper, value: str) -> yaml.Node:
    style = "'" if "$" in value and value.isprintable() else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style)


_Dumper.add_representer(str, _text)


def dumped(data: Any) -> str:
    """Plain data as YAML, in the order in which it is."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
