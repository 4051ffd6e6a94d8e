"""The values of a column as Python has them. What an annotation says decides only what Arrow's type leaves open."""

from __future__ import annotations

import uuid as identifiers
from bisect import bisect_right
from collections.abc import Callable, Hashable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from enum import Enum
from itertools import accumulate
from typing import Any, Literal, get_origin

from thalweg.docs.codecs.arrow import packed
from thalweg.docs.codecs.arrow.annotation import bare_annotation, document_of, entries_of, item_of, positions_of
from thalweg.docs.codecs.arrow.forms import FORM, JSON
from thalweg.docs.codecs.arrow.library import pa, pc
from thalweg.docs.codecs.arrow.limits import map_parts
from thalweg.docs.codecs.arrow.part import Part
from thalweg.docs.codecs.arrow.storage import EXTENSION, UUID, is_list
from thalweg.docs.codecs.arrow.tensors import is_variable
from thalweg.docs.codecs.columns.reader import Where
from thalweg.docs.codecs.columns.schema import as_sent
from thalweg.docs.document import AnyDoc, BaseDocWithoutId
from thalweg.docs.typing.tensor import TensorType
from thalweg.errors import MalformedRequest

UNKNOWN = object()
"""The annotation of a value that no class says anything about."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What values are to be: by their annotation, by the name of a class of document, and where for errors."""

    annotation: Any
    choose: Callable[[str], Any]
    where: Where

    def of(self, annotation: Any, where: Where | None = None) -> Meaning:
        return replace(self, annotation=bare_annotation(annotation), where=where or self.where)


class PartValues:
    """Reads values; `documents` makes those documents of a class that a struct stands for.

    `repeated` are the bytes that may be made by reading again what a table keeps once.
    """

    def __init__(self, documents: Callable[[Part, type[BaseDocWithoutId], Where], list[Any]], repeated: int) -> None:
        self._documents = documents
        self._repeated = repeated

    def read(self, part: Part, meaning: Meaning) -> list[Any]:
        """The values of all rows, in order."""
        meaning = meaning.of(meaning.annotation)
        if len(part.chunks) == 1:
            return self._chunk(part, meaning)
        found: list[Any] = []
        for chunk in part.chunks:
            where = _behind(meaning.where, len(found))
            found += self._chunk(Part(part.name, [chunk], part.metadata), replace(meaning, where=where))
        return found

    def _chunk(self, part: Part, meaning: Meaning) -> list[Any]:
        if part.is_simple:
            return part.plain()
        if (
            part.is_fixed
            or is_variable(part.type)
            or (isinstance(meaning.annotation, TensorType) and is_list(part.type))
        ):
            cells = part.tensors()
            if cells is not None:
                return [None if cell is None else as_sent(cell, part.library) for cell in cells]
        for is_kind, read in _KINDS:
            if is_kind(part):
                return read(self, part, meaning)
        return part.plain()

    def _json(self, part: Part, meaning: Meaning) -> list[Any]:
        return [None if text is None else packed.json_value(text) for text in part.plain()]

    def _identifiers(self, part: Part, meaning: Meaning) -> list[Any]:
        return [None if value is None else identifiers.UUID(bytes=value) for value in part.plain()]

    def _bytes(self, part: Part, meaning: Meaning) -> list[Any]:
        values = part.plain()
        if isinstance(meaning.annotation, type) and issubclass(meaning.annotation, bytes):
            return values
        return [
            packed.unpacked_value(value, meaning.choose, _inside(meaning.where, row, part.name))
            if value is not None and value.startswith(packed.MAGIC)
            else value
            for row, value in enumerate(values)
        ]

    def _chosen(self, part: Part, meaning: Meaning) -> list[Any]:
        array = _compact(part.chunks[0])
        choices = Part.of(pa.field(part.name, part.type.value_type, metadata=part.metadata), [array.dictionary])
        values = self.read(choices, replace(meaning, where=lambda _: meaning.where(0)))
        numbers = array.indices.to_pylist()
        if _is_shared(values, meaning.annotation):
            return [None if number is None else values[number] for number in numbers]
        # Each row gets a value of its own, be it here or when it is validated.
        sizes = [len(value) if isinstance(value, (str, bytes)) else 0 for value in choices.plain()]
        self._repeated -= sum(sizes[number] for number in numbers if number is not None)
        if self._repeated < 0:
            raise MalformedRequest("The table claims more values than its bytes can hold.")
        return [None if number is None else deepcopy(values[number]) for number in numbers]

    def _lists(self, part: Part, meaning: Meaning) -> list[Any]:
        items = part.items()
        if items.is_simple:
            return part.plain()
        entries = entries_of(meaning.annotation) if _is_pair(items.type) else None
        lengths = part.lengths
        ends = list(accumulate(length or 0 for length in lengths))
        where = _within(meaning.where, ends, part.name)
        if entries is not None:  # a dict that went through a library without maps
            pairs = self._tuples(items, meaning.of(None, where), entries)
            return [None if found is None else _dict(part.name, found) for found in _regrouped(pairs, lengths, ends)]
        cells = self.read(items, meaning.of(item_of(meaning.annotation) or UNKNOWN, where))
        return _regrouped(cells, lengths, ends)

    def _dicts(self, part: Part, meaning: Meaning) -> list[Any]:
        array = part.chunks[0]
        offsets, keys, items = map_parts(array)
        key, value = entries_of(meaning.annotation) or (UNKNOWN, UNKNOWN)
        ends = offsets[1:].tolist()
        where = _within(meaning.where, ends, part.name)
        names = self.read(Part.of(part.type.key_field, [keys]), meaning.of(key, where))
        cells = self.read(Part.of(part.type.item_field, [items]), meaning.of(value, where))
        pairs = list(zip(names, cells, strict=True))
        bounds = zip(offsets[:-1].tolist(), ends, array.is_valid().to_pylist(), strict=True)
        return [_dict(part.name, pairs[first:last]) if valid else None for first, last, valid in bounds]

    def _structs(self, part: Part, meaning: Meaning) -> list[Any]:
        target = AnyDoc if meaning.annotation is UNKNOWN else document_of(meaning.annotation)
        if target is not None:
            return self._documents(part, target, meaning.where)
        children = part.children()
        positions = positions_of(meaning.annotation)
        if len(positions) == len(children):
            found: list[Any] = self._tuples(part, meaning, positions)
        else:
            names = [child.name for child in children]
            cells = [self.read(child, meaning.of(Any)) for child in children]
            found = [dict(zip(names, row, strict=True)) for row in _rows(cells, len(part))]
        if not part.present:
            return found
        return [row if valid else None for row, valid in zip(found, part.present, strict=True)]

    def _tuples(self, part: Part, meaning: Meaning, annotations: Sequence[Any]) -> list[tuple[Any, ...]]:
        fields = zip(part.children(), annotations, strict=True)
        return _rows([self.read(child, meaning.of(annotation)) for child, annotation in fields], len(part))


_KINDS: tuple[tuple[Callable[[Part], bool], Callable[[PartValues, Part, Meaning], list[Any]]], ...] = (
    (lambda part: part.metadata.get(FORM) == JSON and _is_text(part.type), PartValues._json),
    (lambda part: part.metadata.get(EXTENSION) == UUID and bool(part.type == pa.binary(16)), PartValues._identifiers),
    (lambda part: bool(pa.types.is_binary(part.type) or pa.types.is_large_binary(part.type)), PartValues._bytes),
    (lambda part: bool(pa.types.is_dictionary(part.type)), PartValues._chosen),
    (lambda part: bool(pa.types.is_map(part.type)), PartValues._dicts),
    (lambda part: bool(pa.types.is_struct(part.type)), PartValues._structs),
    (lambda part: is_list(part.type), PartValues._lists),
)
"""How columns are read that are more than plain values."""


def _compact(array: Any) -> Any:
    """The array with those choices alone that it makes, where there are more than rows: a slice of a large one."""
    if len(array.dictionary) <= len(array):
        return array
    used = array.indices.drop_null().unique()
    numbers = pc.index_in(array.indices, used)
    return pa.DictionaryArray.from_arrays(numbers, array.dictionary.take(used))


def _is_shared(values: list[Any], annotation: Any) -> bool:
    """Whether rows may hold the same object, and validation will make no other of it."""
    kinds = set(map(type, values)) - {type(None)}
    if annotation in (Any, UNKNOWN):
        return kinds <= {str, bytes}
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return True
    return get_origin(annotation) is Literal or kinds == {annotation} or not kinds


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_pair(kind: Any) -> bool:
    return bool(pa.types.is_struct(kind) and kind.num_fields == 2)


def _rows(cells: list[list[Any]], count: int) -> list[tuple[Any, ...]]:
    return list(zip(*cells, strict=True)) if cells else [()] * count


def _dict(name: str, pairs: Sequence[tuple[Any, ...]]) -> dict[Any, Any]:
    if not all(isinstance(key, Hashable) for key, _ in pairs):
        raise MalformedRequest(f"{name} holds a dict with a key that no dict can have.")
    return dict(pairs)


def _regrouped(cells: list[Any], lengths: Sequence[int | None], ends: Sequence[int]) -> list[list[Any] | None]:
    return [None if length is None else cells[end - length : end] for length, end in zip(lengths, ends, strict=True)]


def _behind(where: Where, count: int) -> Where:
    """The places of rows that come behind `count` others."""
    return lambda row: where(count + row)


def _inside(where: Where, row: int, name: str) -> Where:
    return lambda _: [*where(row), name]


def _within(where: Where, ends: list[int], name: str) -> Where:
    """The places of items that lie end to end."""
    return lambda number: [*where(bisect_right(ends, number)), name]
