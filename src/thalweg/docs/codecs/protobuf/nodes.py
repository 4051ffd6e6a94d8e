"""One value after the other out of the messages NodeProto."""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack_from
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from thalweg.docs.codecs.protobuf import wire
from thalweg.docs.codecs.protobuf.fields import Choice
from thalweg.docs.codecs.protobuf.sent import remember_class, restored, sent_bytes, sent_tensor, sent_text
from thalweg.docs.codecs.protobuf.tensors import read_form, read_tensor
from thalweg.docs.codecs.protobuf.wire import malformed, read_fields, read_span
from thalweg.docs.doc_list import DocList
from thalweg.docs.document import AnyDoc

if TYPE_CHECKING:
    from thalweg.docs.codecs.protobuf.reader import Reader

Place: TypeAlias = Callable[[], list[str | int]]
"""The path of a value in an error."""


class SentValue(NamedTuple):
    """A NodeProto: the tag of its content and where that begins and ends, or the number; and its other fields."""

    tag: int
    start: int
    stop: int
    number: int = 0
    key: str = ""
    name: str = ""
    dtype: str = ""
    large: bytes = b""


_SPANNED = frozenset(
    [wire.TEXT, wire.BLOB, wire.TENSOR, wire.DOCUMENT, wire.DOCUMENTS, wire.LIST, wire.SET, wire.TUPLE, wire.DICT]
)


def read_node(data: bytes, at: int, end: int) -> SentValue:
    """The NodeProto between two places, which are not the same.

    Raises:
        MalformedRequest: it is no such message.
        IndexError: `data` ends within it.
    """
    tag = data[at]
    if tag in _SPANNED:  # most have a content and nothing else, or a type key behind it
        start, stop = read_span(data, at + 1, end)
        if stop == end:
            return SentValue(tag, start, stop)
        if data[stop] == wire.TYPE_KEY and stop + 2 + data[stop + 1] == end:
            return SentValue(tag, start, stop, 0, data[stop + 2 : end].decode())
    content = (0, at, at, 0)
    more: dict[str, Any] = {}
    for field in read_fields(data, at, end):
        if field.tag in _CONTENTS:
            content = field
        elif field.tag in _TEXTS:
            more[_TEXTS[field.tag]] = data[field.start : field.stop].decode()
        elif field.tag == wire.LARGE:
            more["large"] = data[field.start : field.stop]
    return SentValue(*content, **more)


_TEXTS = {wire.TYPE_KEY: "key", wire.CLASS_NAME: "name", wire.DTYPE: "dtype"}
_CONTENTS = _SPANNED | {wire.INTEGER, wire.FLOAT, wire.BOOLEAN}


def read_value(reader: Reader, at: int, end: int, choice: Choice, place: Place) -> Any:
    """The value of the NodeProto between two places; `choice` tells what documents in it become."""
    if at == end:
        return None
    node = read_node(reader.data, at, end)
    if node.large:
        return int.from_bytes(node.large, "little", signed=True)
    read = _READ.get(node.tag)
    return None if read is None else read(reader, node, choice, place)


def _text(reader: Reader, node: SentValue, choice: Choice, place: Place) -> str:
    text = reader.data[node.start : node.stop].decode()
    return sent_text(text, node.key) if node.key and choice.open else text


def _bytes(reader: Reader, node: SentValue, choice: Choice, place: Place) -> bytes:
    data = reader.data[node.start : node.stop]
    return sent_bytes(data, node.key) if node.key and choice.open else data


def _integer(reader: Reader, node: SentValue, choice: Choice, place: Place) -> int:
    number = node.number & 0xFFFF_FFFF
    return number - (1 << 32) if number >> 31 else number


def _float(reader: Reader, node: SentValue, choice: Choice, place: Place) -> float:
    number: float = unpack_from("<d", reader.data, node.start)[0]
    return number


def _boolean(reader: Reader, node: SentValue, choice: Choice, place: Place) -> bool:
    return node.number != 0


def _tensor(reader: Reader, node: SentValue, choice: Choice, place: Place) -> Any:
    array = read_tensor(reader.data, read_form(reader.data, node.start, node.stop))
    return sent_tensor(array, node.key, node.dtype) if choice.open else restored(array, node.dtype)


def _document(reader: Reader, node: SentValue, choice: Choice, place: Place) -> Any:
    keys = reader.keys(node.start, node.stop) if choice.several else ()
    target = choice.target(node.name, keys)
    doc = reader.documents([node.start], [node.stop], target, lambda number: place())[0]
    if node.name and target is AnyDoc:
        remember_class(doc, node.name)
    return doc


def _documents(reader: Reader, node: SentValue, choice: Choice, place: Place) -> Any:
    reader.descend(1)
    starts, stops = reader.items(node.start, node.stop, True)
    keys = reader.keys(starts[0], stops[0]) if len(starts) and choice.several else ()
    target = choice.target(node.name, keys)
    docs = reader.documents(starts, stops, target, lambda number: [*place(), number])
    reader.descend(-1)
    if target is dict:
        return docs
    return (DocList if target is AnyDoc else DocList[target]).trusted(docs)  # type: ignore[valid-type]


def _items(reader: Reader, node: SentValue, choice: Choice, place: Place) -> list[Any]:
    reader.descend(2)
    starts, stops = reader.items(node.start, node.stop)
    values = reader.cells(starts, stops, choice, lambda number: place())
    reader.descend(-2)
    return values


def _set(reader: Reader, node: SentValue, choice: Choice, place: Place) -> set[Any]:
    return as_set(_items(reader, node, choice, place))


def as_set(values: list[Any]) -> set[Any]:
    """The set of values.

    Raises:
        MalformedRequest: one of them cannot be in a set.
    """
    try:
        return set(values)
    except TypeError:
        raise malformed("a set holds what cannot be in one") from None


def _tuple(reader: Reader, node: SentValue, choice: Choice, place: Place) -> tuple[Any, ...]:
    return tuple(_items(reader, node, choice, place))


def _mapping(reader: Reader, node: SentValue, choice: Choice, place: Place) -> dict[str, Any]:
    reader.descend(3)
    entries = reader.entries(node.start, node.stop)
    values = {
        name: read_value(reader, at, end, choice, lambda: [*place(), name])  # noqa: B023  # called before the next
        for name, (at, end) in entries.items()
    }
    reader.descend(-3)
    return values


_READ: dict[int, Callable[[Reader, SentValue, Choice, Place], Any]] = {
    wire.TEXT: _text,
    wire.INTEGER: _integer,
    wire.FLOAT: _float,
    wire.BOOLEAN: _boolean,
    wire.BLOB: _bytes,
    wire.TENSOR: _tensor,
    wire.DOCUMENT: _document,
    wire.DOCUMENTS: _documents,
    wire.LIST: _items,
    wire.SET: _set,
    wire.TUPLE: _tuple,
    wire.DICT: _mapping,
}
