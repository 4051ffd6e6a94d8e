"""Documents made into the records that collections keep."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from math import isfinite, isnan
from typing import Any, TypeAlias

import numpy as np

from thalweg.docs.index.collection import Record, ValueColumn, VectorColumn
from thalweg.docs.index.outline import DOCUMENT, PARENT, Outline, Place
from thalweg.docs.index.payload import packed
from thalweg.docs.row import detach
from thalweg.docs.typing.array import to_numpy

Made: TypeAlias = dict[str, list[Record]]
"""Name of a layout -> the records for its collection."""

LONGEST_ID = 1024
_INT64 = range(-(1 << 63), 1 << 63)


def records_of(docs: Sequence[Any], outline: Outline) -> Made:
    """The records of documents and of all documents in their lists. The documents are of the outline's class.

    Raises:
        ValueError: a document without an id, or a value that cannot be indexed; the message names document and field.
    """
    made: Made = {level.layout.name: [] for level in outline.levels()}
    made[outline.layout.name] = _level(
        docs, [_checked_id(doc) for doc in docs], outline, [{}] * len(docs), [""] * len(docs)
    )
    for doc in docs:
        for level, children in _nested(doc, doc.id, doc.id, outline):
            keys = [key for key, _, _ in children]
            extra = [{DOCUMENT: child.id, PARENT: parent} for _, child, parent in children]
            records = _level([child for _, child, _ in children], keys, level, extra, [doc.id] * len(keys))
            made[level.layout.name].extend(records)
    return made


def keys_below(doc: Any, outline: Outline) -> dict[str, list[str]]:
    """Name of a layout -> ids of the records that `records_of` makes of the documents in the lists of `doc`."""
    found: dict[str, list[str]] = {level.layout.name: [] for level in outline.levels() if level is not outline}
    for level, children in _nested(doc, doc.id, doc.id, outline):
        found[level.layout.name].extend(key for key, _, _ in children)
    return found


def vector_of(value: Any, size: int) -> np.ndarray[Any, Any]:
    """A tensor or a list of numbers as `size` contiguous float32 numbers; any number of them where `size` is 0.

    Raises:
        ValueError: another number of numbers, or some are not finite or not real.
    """
    array = np.asarray(value) if isinstance(value, (list, tuple, np.generic)) else to_numpy(value)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"a vector holds real numbers, not {array.dtype}")
    with np.errstate(over="ignore"):
        vector = np.ascontiguousarray(array, np.float32).reshape(-1)
    if size and vector.size != size:
        raise ValueError(f"expected a vector of {size} numbers, got a tensor of shape {array.shape}")
    if not np.isfinite(vector).all():
        raise ValueError("a vector holds finite float32 numbers, but there is NaN or infinity")
    return vector


def field_at(doc: Any, parts: Sequence[str]) -> Any:
    """The value at a path of fields; None where something on the way is None."""
    for part in parts:
        if doc is None:
            return None
        doc = getattr(doc, part)
    return doc


def _nested(
    doc: Any, key: str, identity: str | None, outline: Outline
) -> Iterator[tuple[Outline, list[tuple[str, Any, str | None]]]]:
    """For each list of documents below `doc` its outline and its documents: record's id, document, parent's id."""
    for place, level in outline.lists:
        children = [
            (_key_of(key, place.name, number), detach(child), identity)
            for number, child in enumerate(field_at(doc, place.parts) or ())
        ]
        yield level, children
        for own, child, _ in children:
            yield from _nested(child, own, getattr(child, "id", None), level)


def _key_of(parent: str, field: str, number: int) -> str:
    """The id of the record of a document in a list. The same document in two lists has two records."""
    return blake2b(json.dumps([parent, field, number]).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _checked_id(doc: Any) -> str:
    key = doc.id
    if not isinstance(key, str) or not key:
        raise ValueError(f"a document needs an id to be indexed, but has {key!r}")
    try:
        length = len(key) if key.isascii() else len(key.encode())
    except UnicodeEncodeError:
        raise ValueError(f"the id {key!r} is no text: it holds half of a surrogate pair") from None
    if "\0" in key:
        raise ValueError(f"the id {key!r} holds NUL, which databases cannot keep")
    if length > LONGEST_ID:
        raise ValueError(f"the id {key[:40]!r}... has {length:,} bytes, where {LONGEST_ID:,} are the most")
    return key


def _level(
    docs: Sequence[Any], keys: Sequence[str], outline: Outline, extra: Sequence[Mapping[str, Any]], roots: Sequence[str]
) -> list[Record]:
    places = {place.name: place for place in outline.places}
    vectors = [(column, places[column.name]) for column in outline.layout.vectors]
    values = [(column, places[column.name]) for column in outline.layout.values if column.name in places]
    return [
        Record(
            key,
            packed(doc, root),
            {column.name: found for column, place in vectors if (found := _vector(doc, column, place)) is not None},
            {**more, **{column.name: _value(doc, column, place) for column, place in values}},
        )
        for doc, key, more, root in zip(docs, keys, extra, roots, strict=True)
    ]


def _vector(doc: Any, column: VectorColumn, place: Place) -> np.ndarray[Any, Any] | None:
    value = field_at(doc, place.parts)
    if value is None:
        return None
    if not column.size and getattr(value, "ndim", 1) != 1:
        return None  # a picture, say: of a tensor that is no vector there is nothing to learn
    try:
        return vector_of(value, column.size)
    except ValueError as error:
        raise ValueError(f"{column.name} of the document {doc.id!r}: {error}") from None


def _value(doc: Any, column: ValueColumn, place: Place) -> Any:
    value = field_at(doc, place.parts)
    if value is None:
        return None
    try:
        if column.many:
            return [found for each in value if (found := _single(each, column.type)) is not None]
        return _plain(value) if column.type is dict else _single(value, column.type)
    except ValueError as error:
        raise ValueError(f"{column.name} of the document {getattr(doc, 'id', None)!r}: {error}") from None


def _single(value: Any, kind: type) -> Any:
    if kind is str:
        text = str.__str__(value)
        return clean(text)
    if kind is float:
        number = float(value)
        if isnan(number):
            return None
        if not isfinite(number):
            raise ValueError("conditions know no infinite numbers; keep the field unsearched, with {'index': False}")
        return number
    if kind is int and value not in _INT64:
        raise ValueError(f"{value} has more than 64 bits; keep the field unsearched, with {{'index': False}}")
    return kind(value)


def clean(text: str) -> str:
    """`text` as every database can keep it: without NUL, and with U+FFFD for half a surrogate pair."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _plain(value: Any) -> Any:
    """What JSON has of a value: other things in it are left out, they are in the payload."""
    if isinstance(value, Mapping):
        return {
            clean(key): found
            for key, item in value.items()
            if isinstance(key, str) and (found := _plain(item)) is not _NONE
        }
    if isinstance(value, (list, tuple)):
        return [found for item in value if (found := _plain(item)) is not _NONE]
    return value if value is None or isinstance(value, bool) else _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, (int, np.integer)):
        return int(value) if int(value) in _INT64 else _NONE
    return float(value) if isinstance(value, (float, np.floating)) and isfinite(value) else _NONE


_NONE = object()
