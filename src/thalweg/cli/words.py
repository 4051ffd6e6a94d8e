"""What stands on the command line for an option, as a value, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from thalweg.errors import ConfigurationError

PAIR = re.compile(r"(?P<key>[^\s=:{}\[\]]+)(?:=|:\s+|:$)(?P<value>.*)\Z", re.DOTALL)
"""`key=value`, or `key: value` as YAML and Jina write it."""


class OptionShape(Enum):
    """How the values of an option are written."""

    SCALAR = "scalar"
    FLAG = "flag"
    LIST = "list"
    MAPPING = "mapping"
    ANY = "any"


def shape_of(schema: Mapping[str, Any]) -> OptionShape:
    """How values by `schema` are written."""
    variants = schema.get("anyOf") or schema.get("oneOf") or (schema,)
    kinds = {_kind(one) for one in variants} - {"null"}
    if "mapping" in kinds:
        return OptionShape.MAPPING
    if "array" in kinds:
        return OptionShape.LIST
    if kinds == {"boolean"}:
        return OptionShape.FLAG
    return OptionShape.ANY if "" in kinds else OptionShape.SCALAR


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema or schema.get("type") == "object":
        return "mapping"
    if schema.get("type") == "array" and dict(schema.get("items") or {}).get("type") == "array":
        return "mapping"  # pairs of a name and a value
    if "enum" in schema or "const" in schema:
        return "string"
    return str(schema.get("type", ""))


def fits_too(word: str, shape: OptionShape, schema: Mapping[str, Any]) -> bool:
    """Whether `word`, which stands after a value of such an option, is likely to be another one of it."""
    if shape is OptionShape.MAPPING:
        return word.lstrip().startswith("{") or (PAIR.match(word) is not None and not word.startswith("-"))
    if shape is not OptionShape.LIST:
        return False
    items: Mapping[str, Any] = next(
        (one["items"] for one in schema.get("anyOf", (schema,)) if isinstance(one.get("items"), Mapping)), {}
    )
    if items.get("type") == "integer":
        return word.isdigit()
    return word.lower() in [str(one).lower() for one in items.get("enum", ())]


def is_value(word: str, schema: Mapping[str, Any]) -> bool:
    """Whether `word` is the value of an option that may stand alone: a truth value, a mapping, a choice, or a number."""
    variants = schema.get("anyOf", ())
    choices = [str(choice) for one in variants for choice in one.get("enum", [one["const"]] if "const" in one else [])]
    if word.lower() in ("true", "false", "null", "none", *choices):
        return True
    if any(one.get("type") == "integer" for one in variants) and word.isdigit():
        return True
    return any(_kind(one) == "mapping" for one in variants) and fits_too(word, OptionShape.MAPPING, schema)


def value_of_words(words: Sequence[str], shape: OptionShape, schema: Mapping[str, Any]) -> Any:
    """What `words` mean for an option.

    Raises:
        ConfigurationError: they mean nothing.
    """
    if shape is OptionShape.MAPPING:
        return _mapping(words, schema)
    if shape is OptionShape.LIST:
        return _list(words, schema)
    if shape is OptionShape.ANY:
        return _json(words[-1]) if words[-1].lstrip().startswith(("{", "[")) else words[-1]
    return _scalar(words[-1], schema)


def _mapping(words: Sequence[str], schema: Mapping[str, Any]) -> Any:
    if len(words) == 1 and not _is_mapping(words[0]):
        if words[0].lstrip().startswith("["):
            return _list(words, schema)
        if any(_kind(one) != "mapping" for one in schema.get("anyOf", ())):
            return _scalar(words[0], schema)
    found: dict[str, Any] = {}
    for word in words:
        if word.lstrip().startswith("{"):
            inner = _json(word)
            if not isinstance(inner, dict):
                raise ConfigurationError(f"{word!r} is no mapping: write key=value, 'key: value', or JSON.")
            found.update(inner)
            continue
        pair = PAIR.match(word)
        if pair is None:
            raise ConfigurationError(f"{word!r} is no mapping: write key=value, 'key: value', or JSON.")
        found[pair["key"]] = yaml_value(pair["value"])
    return found


def _is_mapping(word: str) -> bool:
    return word.lstrip().startswith("{") or PAIR.match(word) is not None


def _list(words: Sequence[str], schema: Mapping[str, Any]) -> Any:
    if len(words) == 1:
        word = words[0]
        if word.lstrip().startswith("["):
            return _json(word)
        variants = schema.get("anyOf") or (schema,)
        if any(one.get("type") == "null" for one in variants) and word.lower() in ("null", "none"):
            return None
        return word
    return list(words)


def _json(word: str) -> Any:
    from thalweg.config.markup import value_of

    try:
        return json.loads(word)
    except ValueError:
        found = value_of(word)  # {a: 1} as YAML has it
        if isinstance(found, str):
            raise ConfigurationError(f"{word!r} is neither JSON nor YAML.") from None
        return found


def _scalar(word: str, schema: Mapping[str, Any]) -> Any:
    variants = schema.get("anyOf") or (schema,)
    kinds = {str(one.get("type", "")) for one in variants}
    if "null" in kinds and word.lower() in ("null", "none"):
        return None
    if "string" in kinds and not kinds & {"integer", "number", "boolean"}:
        return word
    return yaml_value(word)


def yaml_value(text: str) -> Any:
    """`text` as what it means in YAML: a number, a truth value, a list; itself where it is none of these, or a date."""
    from thalweg.config.markup import value_of

    found = value_of(text)
    return found if isinstance(found, (bool, int, float, list, dict)) or found is None else text


def option_words(name: str, value: Any) -> list[str]:
    """The words that say `value` for the option `name`: what a shell would have to quote is JSON."""
    option = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [option if value else f"--no-{option[2:]}"]
    if isinstance(value, (dict, list)):
        return [option, json.dumps(value)]
    return [option, "null" if value is None else str(value)]
