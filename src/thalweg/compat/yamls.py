"""Jina's YAML: tags, and references to the environment, to a context, and to other places of the same file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from thalweg.compat.excepts import BadConfigSource
from thalweg.config.markup import WordsLoader

PASSES = 3
"""How often references are looked up, so that one may stand in the value of another."""
SUFFIXES = (".yml", ".yaml", ".jaml", ".json")

_BRACED = re.compile(r"\$\{\{\s*([\w.\[\]'\"-]+)\s*\}\}")
_PLAIN = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})")
_PART = re.compile(r"([\w-]+)|\[(\d+)\]")


class YamlFile(NamedTuple):
    """The data of a YAML file, and the folder that its paths are relative to."""

    data: dict[str, Any]
    folder: Path


class _Loader(WordsLoader):
    """Takes a tag `!Name` for `jtype: Name`, whatever it stands at."""


def _tagged(loader: _Loader, name: str, node: yaml.Node) -> Any:
    if not isinstance(node, yaml.MappingNode):
        return {"jtype": name}
    return {"jtype": name, **loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _tagged)


def read_yaml(
    source: Any, *, context: Mapping[str, Any] | None = None, substitute: bool = True, folders: tuple[str, ...] = ()
) -> YamlFile:
    """What `source` describes: a path, the text itself, a mapping, or an open file. References are filled in from the
    environment and from `context`; one that names nothing stays text, as in Jina.

    Raises:
        BadConfigSource: there is no such file, or it is no mapping.
    """
    text, folder = _text(source, folders)
    try:
        data = dict(source) if text is None else yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise BadConfigSource(f"{str(source)[:80]!r} is no YAML: {error}") from None
    if not isinstance(data, dict):
        raise BadConfigSource(f"{str(source)[:80]!r} is neither YAML with a mapping in it nor the path of a file.")
    return YamlFile(substituted(data, context or {}, os.environ) if substitute else data, folder)


def is_yaml(source: Any) -> bool:
    """Whether `uses` means YAML."""
    if isinstance(source, Mapping):
        return True
    if not isinstance(source, str):
        return False
    return source.lstrip().startswith("!") or "jtype" in source or source.endswith(SUFFIXES)


def _text(source: Any, folders: tuple[str, ...]) -> tuple[str | None, Path]:
    if isinstance(source, Mapping):
        return None, Path.cwd()
    if hasattr(source, "read"):
        return str(source.read()), Path(getattr(source, "name", "") or ".").resolve().parent
    text = os.fspath(source)
    if text.endswith(SUFFIXES) and "\n" not in text:
        for folder in ("", *folders):
            path = Path(folder, text).expanduser()
            if path.is_file():
                return path.read_text("utf-8"), path.resolve().parent
        raise BadConfigSource(f"There is no file {text!r}.")
    return text, Path.cwd()


def substituted(data: Any, context: Mapping[str, Any], environment: Mapping[str, str]) -> Any:
    """`data` with every reference in it filled in; pure."""
    for _ in range(PASSES):
        data = _Substitution(data, context, environment).of(data, data)
    return data


class _Substitution:
    def __init__(self, root: Any, context: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self._root = root
        self._context = context
        self._environment = environment

    def of(self, value: Any, around: Any) -> Any:
        """`value` filled in; `around` is the mapping that it stands in."""
        if isinstance(value, dict):
            return {name: self.of(one, value) for name, one in value.items()}
        if isinstance(value, list):
            return [self.of(one, around) for one in value]
        return self._text(value, around) if isinstance(value, str) and "$" in value else value

    def _text(self, text: str, around: Any) -> Any:
        whole = _BRACED.fullmatch(text.strip())
        if whole:
            return self._reference(whole[1], around)
        filled = _BRACED.sub(lambda match: str(self._reference(match[1], around)), text)
        filled = _PLAIN.sub(lambda match: self._environment.get(match[1] or match[2], match[0]), filled)
        return filled if filled == text else _typed(filled)

    def _reference(self, name: str, around: Any) -> Any:
        kind, _, rest = name.partition(".")
        if kind in ("ENV", "env") and rest:
            return _typed(self._environment[rest]) if rest in self._environment else f"${rest}"
        if kind in ("root", "this") and rest:
            return _at(self._root if kind == "root" else around, rest, f"${{{{{name}}}}}")
        key = rest if kind in ("CONTEXT", "context") and rest else name
        return self._context.get(key, f"$${key}")


def _at(value: Any, path: str, otherwise: str) -> Any:
    for name, number in _PART.findall(path):
        try:
            value = value[int(number)] if number else value[name]
        except (KeyError, IndexError, TypeError):
            return otherwise
    return value


def _typed(text: str) -> Any:
    """Text as the number, truth value or list that it spells."""
    try:
        value = yaml.load(text, _Loader)
    except yaml.YAMLError:
        return text
    return value if isinstance(value, (int, float, bool, list)) else text
