"""The parts of a JSON schema that refer to each other by name, and what is the same in two of them.

Pydantic 1 keeps them under `definitions`, pydantic 2 under `$defs`, OpenAPI under `components/schemas`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, TypeAlias

Part: TypeAlias = Mapping[str, Any]

DEEPEST = 32
"""Schemas within schemas, of one document."""

_TOLD = frozenset({"title", "description", "example", "examples", "deprecated", "definitions", "$defs", "$ref"})
"""What says nothing about the data."""
_BY_NAME = frozenset({"properties", "patternProperties"})
_SEVERAL = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_ONE = frozenset({"items", "additionalProperties", "propertyNames", "not"})


class SchemaTooDeep(ValueError):
    """Schemas within schemas beyond `DEEPEST`."""

    def __init__(self) -> None:
        super().__init__(f"the schema is nested more than {DEEPEST} levels deep")


class Definitions:
    """The named parts of `schema`, and `more` beside them.

    Args:
        with_defaults: whether two parts that differ in a default only are different.
    """

    def __init__(self, schema: Part, more: Part | None = None, *, with_defaults: bool = True) -> None:
        self._parts: dict[str, Any] = dict(more or {})
        for key in ("definitions", "$defs"):
            named = schema.get(key)
            if isinstance(named, Mapping):
                self._parts.update(named)
        self._with_defaults = with_defaults
        self._forms: dict[str, _Form] = {}

    def part(self, reference: Any) -> tuple[str, Any]:
        """Name and content of what a `$ref` refers to.

        Raises:
            ValueError: there is no such part.
        """
        name = reference.rpartition("/")[2] if isinstance(reference, str) else ""
        name = name.replace("~1", "/").replace("~0", "~")
        if name not in self._parts:
            raise ValueError(f"the schema refers to {reference!r}, which it does not define")
        return name, self._parts[name]

    def content(self, part: Any) -> str:
        """The same 64 hexadecimal digits for all schemas that say the same about data, whatever they are called.

        Raises:
            ValueError: a reference leads nowhere, or the schema is too deep.
        """
        # Parts are numbered in the order in which they are met, so that their names do not matter.
        numbers: dict[str, int] = {}
        forms = [_Form(part, self._with_defaults)]
        for form in forms:  # grows while it is read
            for reference in form.references:
                name, found = self.part(reference)
                if name not in numbers:
                    numbers[name] = len(forms)
                    if name not in self._forms:
                        self._forms[name] = _Form(found, self._with_defaults)
                    forms.append(self._forms[name])
        digest = sha256()
        for form in forms:
            order = [numbers[self.part(reference)[0]] for reference in form.references]
            digest.update(json.dumps([form.text, order]).encode())
        return digest.hexdigest()


class _Form:
    """One part in a form in which equal parts are equal: keys sorted, references taken out in order."""

    def __init__(self, part: Any, with_defaults: bool) -> None:
        self._part = part
        self._dropped = _TOLD if with_defaults else _TOLD | {"default"}
        self.references: list[Any] = []
        self.text = json.dumps(self._plain(part, 0))

    def _plain(self, part: Any, depth: int) -> Any:
        if depth > DEEPEST:
            raise SchemaTooDeep
        if not isinstance(part, Mapping):
            return part
        plain: list[Any] = []
        if "$ref" in part:
            self.references.append(part["$ref"])
            plain.append(["$ref"])
        for key in sorted(part.keys() - self._dropped):
            plain.append([key, self._value(key, part[key], depth + 1)])
        return plain

    def _value(self, key: str, value: Any, depth: int) -> Any:
        if key in _BY_NAME and isinstance(value, Mapping):
            return [[name, self._plain(value[name], depth)] for name in sorted(value)]
        if key in _SEVERAL | _ONE and isinstance(value, (list, tuple)):
            return [self._plain(item, depth) for item in value]
        if key in _ONE:
            return self._plain(value, depth)
        if key == "required" and isinstance(value, (list, tuple)):
            return sorted(map(str, value))
        return _number(value)


def _number(value: Any) -> Any:
    """`value`, in which 3.0 is 3: schemas travel in messages that know no integers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
