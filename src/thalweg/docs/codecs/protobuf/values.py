"""Values that DocArray's messages have no form for, in a form that the annotation of their field reads again."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python

from thalweg.docs.document import BaseDocWithoutId, contents
from thalweg.docs.row import detach


class Refused(Exception):
    """A value that cannot be written; `path` leads to it."""

    def __init__(self, path: Sequence[str], reason: str) -> None:
        super().__init__(reason)
        self.path = list(path)
        self.reason = reason

    @classmethod
    def within(cls, name: str, error: Exception) -> Refused:
        """The same `error`, seen from the document that has it in the field `name`."""
        if isinstance(error, Refused):
            return cls([name, *error.path], error.reason)
        return cls([name], str(error))

    def error(self) -> ValueError:
        """What the user is told."""
        return ValueError(f"{'.'.join(self.path)}: {self.reason}" if self.path else self.reason)


def plain_value(value: Any) -> Any:
    """`value` as one that has a form; the annotation of its field makes of that what it was.

    Dates and times are ISO 8601, enumerations their value, UUID, Decimal, complex and paths their text, NumPy's scalars
    Python's numbers, models and dataclasses dicts of their fields, other sets and sequences `set` and `list`.

    Raises:
        TypeError: there is no such form.
    """
    for kind, write in _FORMS:
        if isinstance(value, kind):
            return write(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    try:
        plain = to_jsonable_python(value)
    except (PydanticSerializationError, ValueError):
        plain = value
    if not isinstance(plain, (str, int, float, bool)):
        raise TypeError(f"a value of type {type(value).__name__} cannot travel")
    return plain


def _scalar(value: np.generic) -> Any:
    plain = value.item()
    if isinstance(plain, np.generic):  # such as a long double
        raise TypeError(f"a value of type {type(value).__name__} cannot travel")
    return plain


_FORMS: tuple[tuple[Any, Any], ...] = (
    (Enum, lambda value: value.value),
    (np.generic, _scalar),
    (BaseModel, lambda value: value.__pydantic_serializer__.to_python(value, by_alias=True)),
    (Mapping, dict),
    ((bytearray, memoryview), bytes),
    (frozenset, set),
    (deque, list),
    (complex, str),
)


def key_text(key: Any) -> str:
    """The key of a dict as text.

    Raises:
        TypeError: it is of a type that cannot be told from its text.
    """
    if type(key) is str:
        return key
    if isinstance(key, Enum):
        return key_text(key.value)
    if isinstance(key, str):
        return str.__str__(key)
    if isinstance(key, (bool, np.bool_)):
        return "true" if key else "false"
    if key is not None and not isinstance(key, (tuple, bytes, frozenset)):
        text = plain_value(key)
        if isinstance(text, (str, int, float)):
            return str(text)
    raise TypeError(f"a dict with keys of type {type(key).__name__} cannot travel: keys are text")


def cycle(docs: Iterable[Any]) -> list[str] | None:
    """The path to a document, list or dict that contains itself; None where there is none.

    Raises:
        RecursionError: they are nested too deep to tell.
    """
    return _cycle("", list(docs), set(), set())


def _cycle(name: str, value: Any, around: set[int], done: set[int]) -> list[str] | None:
    """`around` are the ids of what contains `value`, `done` of what contains nothing of the kind."""
    children = _children(value)
    if children is None or id(value) in done:
        return None
    if id(value) in around:
        return []
    around.add(id(value))
    for key, child in children:
        found = _cycle(key, child, around, done)
        if found is not None:
            return [key, *found] if key else found
    around.discard(id(value))
    done.add(id(value))
    return None


def _children(value: Any) -> Iterator[tuple[str, Any]] | None:
    if isinstance(value, BaseDocWithoutId):
        return iter(contents(detach(value)).items())
    if isinstance(value, dict):
        return ((str(key), child) for key, child in value.items())
    if isinstance(value, (list, tuple, set)):
        return (("", child) for child in value)
    return None
