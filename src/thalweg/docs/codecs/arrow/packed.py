"""Values that no type of Arrow's fits: JSON text where that loses nothing, else one self-contained body of columns each."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import msgspec

from thalweg.docs.codecs import columns
from thalweg.docs.codecs.columns.decoder import opened
from thalweg.docs.codecs.columns.layout import size_of
from thalweg.docs.doc_list import DocList
from thalweg.docs.document import BaseDocWithoutId, assemble
from thalweg.errors import MalformedRequest

MAGIC = b"\xc1thalweg\x01"
"""What every packed value begins with. Its first byte occurs in no msgpack and in no UTF-8."""

_PARTS = msgspec.msgpack.Decoder(list[bytes])
_NATIVE = frozenset({type(None), bool, int, str})


class _Cell(BaseDocWithoutId):
    value: Any


def is_json(value: Any) -> bool:
    """Whether JSON says all there is to say of a dict or a list."""
    kind = type(value)
    if kind is dict:
        return all(type(key) is str and (type(item) in _NATIVE or is_json(item)) for key, item in value.items())
    if kind is list:
        return all(type(item) in _NATIVE or is_json(item) for item in value)
    return kind is float and math.isfinite(value)


def texts(values: list[Any]) -> list[str | None] | None:
    """JSON of dicts and lists; None where something else is among the values."""
    if not all(value is None or (type(value) in (dict, list) and is_json(value)) for value in values):
        return None
    return [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]


def packed_value(value: Any) -> bytes:
    """The bytes of one value.

    Raises:
        ValueError: it holds something that cannot travel.
    """
    body = columns.encode(DocList.trusted([assemble(_Cell, {"value": value})]))
    return MAGIC + msgspec.msgpack.encode(body)


def unpacked_value(data: bytes, choose: Callable[[str], Any], where: Callable[[int], list[str | int]]) -> Any:
    """The value that `packed_value` wrote. `choose` finds the class of a document by its name, `where` its place for errors.

    Raises:
        MalformedRequest: the bytes are no such value.
    """
    try:
        body = _PARTS.decode(data[len(MAGIC) :])
    except msgspec.MsgspecError as error:
        raise MalformedRequest(f"A packed value cannot be read: {error}.") from None
    reader, documents = opened(body)
    # Each honest value takes a byte at least; the allowance that a whole body has is too much for every cell of a table.
    reader.cells, reader.granted = 16 * sum(map(size_of, body)), True
    groups = documents.groups
    if len(groups) != 1 or groups[0].count != 1 or len(groups[0].columns) != 1:
        raise MalformedRequest("A packed value is not one value.")
    found = reader.python(groups[0].columns[0], 1, choose, where)
    if len(found) != 1:
        raise MalformedRequest("A packed value is not one value.")
    return found[0]


def json_value(text: str) -> Any:
    """The value that `texts` wrote.

    Raises:
        MalformedRequest: it is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(f"A value is not JSON: {error}.") from None
