"""Documents into DocArray's messages: a field of all documents at once, so that a tensor costs what its copy costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import pack
from typing import Any, TypeAlias

import numpy as np

from thalweg.docs.codecs.columns.layout import flat
from thalweg.docs.codecs.protobuf import wire
from thalweg.docs.codecs.protobuf.fields import WriteField, write_schema
from thalweg.docs.codecs.protobuf.rows import ITEM, Frame, Piece, Pieces, Rows, ends, interleaved, side_by_side
from thalweg.docs.codecs.protobuf.sent import class_name, fields_of, tensor_key, type_key, unknown_dtype
from thalweg.docs.codecs.protobuf.tensors import sendable, tensor_frame
from thalweg.docs.codecs.protobuf.values import Refused, cycle, key_text, plain_value
from thalweg.docs.codecs.protobuf.wire import varint
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.row import detach
from thalweg.docs.typing.array import end_to_end, is_tensor, stackable
from thalweg.docs.typing.type_key import TENSOR_KEYS

Frames: TypeAlias = tuple[Frame, ...]

FEW = 8
"""Documents up to which one after the other is written faster than all at once."""

SMALL = 4096
"""Bytes of a tensor up to which copying it more than once is cheaper than handing on a view of it."""

_NOTHING = type(None)
UNFIT = (Refused, ValueError, TypeError, OverflowError)


def tagged(tag: int, tail: bytes = b"") -> Frame:
    """The frame of what is the contents of a NodeProto; `tail` are its other fields."""
    return Frame(bytes([tag]), b"", tail)


def named(tag: int, text: str) -> bytes:
    """A field of text; nothing where the text is empty."""
    encoded = text.encode()
    return varint(tag) + varint(len(encoded)) + encoded if encoded else b""


class Writer:
    """Writes one message; `roots` is what it is made of."""

    def __init__(self, roots: Sequence[Any]) -> None:
        self.roots = roots
        self.depth = 0
        self.classes: list[type] = []
        self.keys: dict[tuple[str, bool], WriteField] = {}
        self.around: list[set[int]] = []
        self.acyclic = False

    # --- documents

    def documents(self, docs: Sequence[Any]) -> Rows:
        """The DocProto of each document."""
        kinds = set(map(type, docs))
        if len(kinds) == 1:
            doc_type = kinds.pop()
            schema = write_schema(doc_type)
            if schema.closed:
                try:
                    columns = [[doc.__dict__[name] for doc in docs] for name in schema.fields]
                except KeyError:  # made without validation, some fields missing
                    return self._groups(docs)
                return self._group(doc_type, list(schema.fields.values()), columns, len(docs))
        return self._groups([detach(doc) for doc in docs])

    def _groups(self, docs: Sequence[Any]) -> Rows:
        """Documents of several classes, or with several sets of fields."""
        places: dict[tuple[Any, ...], list[int]] = {}
        held = list(map(fields_of, docs))
        for number, (doc, fields) in enumerate(zip(docs, held, strict=True)):
            places.setdefault((type(doc), *fields), []).append(number)
        parts = []
        for (doc_type, *names), members in places.items():
            schema = write_schema(doc_type)
            shown = [name for name in names if name not in schema.hidden]
            columns = [[held[number][name] for number in members] for name in shown]
            known = [schema.fields.get(name) or WriteField(name) for name in shown]
            parts.append((members, self._group(doc_type, known, columns, len(members))))
        return parts[0][1] if len(parts) == 1 else interleaved(len(docs), parts)

    def _group(self, doc_type: type, fields: Sequence[WriteField], columns: Sequence[list[Any]], count: int) -> Rows:
        if doc_type in self.classes and not self.acyclic:
            self._look_for_cycles()
        self.classes.append(doc_type)
        self.descend(3)
        rows = self._few(fields, columns) if count < FEW else self._many(fields, columns, count)
        self.depth -= 3
        self.classes.pop()
        return rows

    def _many(self, fields: Sequence[WriteField], columns: Sequence[list[Any]], count: int) -> Rows:
        parts = []
        for field, values in zip(fields, columns, strict=True):
            try:
                parts.append(self.column(field, values, field.frames))
            except UNFIT as error:
                raise Refused.within(field.name, error) from None
        return side_by_side(count, parts)

    def _few(self, fields: Sequence[WriteField], columns: Sequence[list[Any]]) -> Rows:
        made = Pieces()
        for row in zip(*columns, strict=True):
            pieces: list[Piece] = []
            for field, value in zip(fields, row, strict=True):
                write = _ENTRIES.get(type(value))
                try:
                    pieces += write(field, value) if write else self.column(field, [value], field.frames).flat()
                except UNFIT as error:
                    raise Refused.within(field.name, error) from None
            made.append(pieces)
        return Rows.of(made)

    def _look_for_cycles(self) -> None:
        try:
            found = cycle(self.roots)
        except RecursionError:
            found = None
        if found is not None:
            raise Refused([], f"the document contains itself, at {'.'.join(found)}")
        self.acyclic = True

    def descend(self, levels: int) -> None:
        self.depth += levels
        if self.depth > wire.DEPTH:
            self._look_for_cycles()
            raise Refused([], f"nested deeper than the {wire.DEPTH} messages that can be read")

    def _enter(self, containers: Sequence[Any], levels: int) -> None:
        ids = set(map(id, containers))
        if not self.acyclic and not all(map(ids.isdisjoint, self.around)):
            self._look_for_cycles()
        self.around.append(ids)
        self.descend(levels)

    def _leave(self, levels: int) -> None:
        self.around.pop()
        self.depth -= levels

    # --- one field of all documents

    def column(self, field: WriteField, values: list[Any], frames: Frames) -> Rows:
        """The NodeProto of each value, within frames."""
        kinds = set(map(type, values))
        if _NOTHING in kinds and len(kinds) > 1:
            present = [value is not None for value in values]
            there = self.column(field, [value for value in values if value is not None], frames)
            return there.spread(present, b"".join(Rows(1, 0, []).framed(frames).flat()))
        for fits, write in _FORMS:
            if all(map(fits, kinds)):
                return write(self, field, values, frames)
        if all(map(is_tensor, values)):
            return self._tensors(field, values, frames)
        if len(kinds) > 1:
            return self._each(field, values, frames)
        return self.column(field, list(map(plain_value, values)), frames)

    def _each(self, field: WriteField, values: list[Any], frames: Frames) -> Rows:
        """Values that do not have a form together."""
        return Rows.of(Pieces(list(self.column(field, [value], ()).flat()) for value in values)).framed(frames)

    def _nothing(self, field: WriteField, values: list[Any], frames: Frames) -> Rows:
        return Rows(len(values), 0, []).framed(frames)

    def _texts(self, field: WriteField, values: list[Any], frames: Frames) -> Rows:
        plain = set(map(type, values)) == {str}
        keys = {field.text_key} if plain else {type_key(value) or field.text_key for value in values}
        if len(keys) > 1:
            return self._each(field, values, frames)
        return _leaves(wire.TEXT, list(map(str.encode, values)), keys.pop(), frames)

    def _bytes(self, field: WriteField, values: list[Any], frames: Frames) -> Rows:
        keys = {""} if set(map(type, values)) == {bytes} else set(map(type_key, values))
        if len(keys) > 1:
            return self._each(field, values, frames)
        return _leaves(wire.BLOB, values, keys.pop(), frames)

    def _floats(self, field: WriteField, values: list[Any], frames: Frames) -> Rows:
        packed = pack(f"<{len(values)}d", *values)
        cells: list[Piece] = [packed[at : at + 8] for at in range(0, len(packed), 8)]
        return Rows(len(values), 9, [bytes([wire.FLOAT]), cells]).framed(frames)

    def _booleans(self, field: WriteField, values: list[Any], frames: Frames) -> Rows:
        cells: list[Piece] = [b"\x01" if value else b"\x00" for value in values]
        return Rows(len(values), 2, [bytes([wire.BOOLEAN]), cells]).framed(frames)

    def _integers(self, field: WriteField, values: list[Any], frames: Frames) -> Rows:
        cells: list[Piece] = [_SMALL[value] if 0 <= value < 128 else integer_node(int(value)) for value in values]
        return Rows(len(cells), list(map(len, cells)), [cells]).framed(frames)

    def _tensors(self, field: WriteField, values: list[Any], frames: Frames) -> Rows:
        keys = {tensor_key(value, field.family) for value in values}
        dtypes = set(map(unknown_dtype, {value.dtype for value in values}))
        arrays = list(map(sendable, values))
        if len(keys) > 1 or len(dtypes) > 1 or not stackable(arrays):
            return self._each(field, values, frames)
        first = arrays[0]
        head, tail = tensor_frame(first)
        rest = named(wire.TYPE_KEY, keys.pop()) + named(wire.DTYPE, dtypes.pop())
        rows = Rows(len(arrays), len(head) + first.nbytes + len(tail), [head, _contents(arrays), tail])
        return rows.framed((tagged(wire.TENSOR, rest), *frames))

    def _nested(self, field: WriteField, values: list[Any], frames: Frames) -> Rows:
        names = {class_name(value, field.named) for value in values}
        if len(names) > 1:
            return self._each(field, values, frames)
        return self.documents(values).framed((tagged(wire.DOCUMENT, named(wire.CLASS_NAME, names.pop())), *frames))

    def _nested_lists(self, field: WriteField, values: list[Any], frames: Frames) -> Rows:
        names = {value.doc_type.__name__ for value in values} if field.named else {""}
        if len(names) > 1:
            return self._each(field, values, frames)
        self.descend(1)
        lists = [value.to_doc_list() if isinstance(value, DocVec) else value for value in values]
        docs = [doc for value in lists for doc in value]
        rows = self.documents(docs).framed((ITEM,)) if docs else _NO_ROWS
        self.depth -= 1
        frame = tagged(wire.DOCUMENTS, named(wire.CLASS_NAME, names.pop()))
        return rows.grouped(list(map(len, lists))).framed((frame, *frames))

    def _sequences(self, tag: int, field: WriteField, values: list[Any], frames: Frames) -> Rows:
        self._enter(values, 2)
        items = [item for value in values for item in value]
        rows = self.column(field, items, (ITEM,)) if items else _NO_ROWS
        self._leave(2)
        return rows.grouped(list(map(len, values))).framed((tagged(tag), *frames))

    def _mappings(self, field: WriteField, values: list[Any], frames: Frames) -> Rows:
        self._enter(values, 3)
        rows = Rows.of(Pieces(self._entries(field, value) for value in values))
        self._leave(3)
        return rows.framed((tagged(wire.DICT), *frames))

    def _entries(self, field: WriteField, value: dict[Any, Any]) -> list[Piece]:
        pieces: list[Piece] = []
        names = set()
        for key, item in value.items():
            name = key if type(key) is str else key_text(key)
            if name in names:
                raise Refused([], f"two keys of a dict are both written as {name!r}")
            names.add(name)
            inner = self.keys.get((name, field.named))
            if inner is None:
                inner = self.keys[name, field.named] = WriteField(name, named=field.named)
            write = _ENTRIES.get(type(item))
            try:
                pieces += write(inner, item) if write else self.column(inner, [item], inner.frames).flat()
            except UNFIT as error:
                raise Refused.within(name, error) from None
        return pieces


_NO_ROWS = Rows(0, 0, [])
_SMALL = [bytes([wire.INTEGER, number]) for number in range(128)]

Form: TypeAlias = Callable[[Writer, WriteField, list[Any], Frames], Rows]


def _is(*bases: type) -> Callable[[type], bool]:
    return lambda kind: issubclass(kind, bases)


def _sequence(tag: int) -> Form:
    return lambda writer, field, values, frames: writer._sequences(tag, field, values, frames)


_FORMS: tuple[tuple[Callable[[type], bool], Form], ...] = (
    (_is(str), Writer._texts),
    (_is(np.ndarray), Writer._tensors),
    (_is(bool), Writer._booleans),
    (lambda kind: issubclass(kind, int) and kind is not bool, Writer._integers),
    (_is(float), Writer._floats),
    (_is(bytes), Writer._bytes),
    (_is(_NOTHING), Writer._nothing),
    (_is(BaseDocWithoutId), Writer._nested),
    (_is(DocList, DocVec), Writer._nested_lists),
    (_is(list), _sequence(wire.LIST)),
    (_is(dict), Writer._mappings),
    (_is(tuple), _sequence(wire.TUPLE)),
    (_is(set), _sequence(wire.SET)),
)
"""What columns are written as, by the types of their values."""


def _leaves(tag: int, values: list[Piece], key: str, frames: Frames) -> Rows:
    sizes = list(map(len, values))
    frame = tagged(tag, named(wire.TYPE_KEY, key))
    same = sizes.count(sizes[0]) == len(sizes)
    return Rows(len(values), sizes[0] if same else sizes, [values]).framed((frame, *frames))


def integer_node(number: int) -> bytes:
    """The NodeProto of an integer."""
    if -(1 << 31) <= number < 1 << 31:
        return bytes([wire.INTEGER]) + varint(number & 0xFFFF_FFFF_FFFF_FFFF)
    in_a_float = abs(number) <= 1 << 53
    content = bytes([wire.FLOAT]) + pack("<d", number) if in_a_float else named(wire.TEXT, str(number))
    exact = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return content + varint(wire.LARGE) + varint(len(exact)) + exact


def _contents(arrays: Sequence[np.ndarray[Any, Any]]) -> list[Piece]:
    """The bytes of stackable arrays."""
    size = arrays[0].nbytes
    if size > SMALL or not size:
        return list(map(flat, arrays))
    whole = end_to_end(
        arrays
    ).tobytes()  # slices of bytes, unlike views, are nothing that the garbage collector looks at
    return [whole[at : at + size] for at in range(0, len(whole), size)]


# Entries of single documents, for which going by columns would take several times as long.


def _text_entry(field: WriteField, value: str) -> tuple[Piece, ...]:
    data = value.encode()
    head, tail = field.kept((wire.TEXT, len(data)), lambda: _ends(field, wire.TEXT, field.text_key, len(data)))
    return head, data, tail


def _bytes_entry(field: WriteField, value: bytes) -> tuple[Piece, ...]:
    head, _ = field.kept((wire.BLOB, len(value)), lambda: _ends(field, wire.BLOB, "", len(value)))
    return head, value


def _tensor_entry(field: WriteField, value: np.ndarray[Any, Any]) -> tuple[Piece, ...]:
    if value.dtype.kind in "VUS":  # travels as something else, perhaps
        return tuple(Writer([]).column(field, [value], field.frames).flat())
    head, tail = field.kept((value.dtype, value.shape), lambda: _tensor_ends(field, value))
    return head, flat(value) if value.nbytes > SMALL else value.tobytes(), tail


def _tensor_ends(field: WriteField, value: np.ndarray[Any, Any]) -> tuple[bytes, bytes]:
    head, tail = tensor_frame(value)
    before, after = _ends(field, wire.TENSOR, TENSOR_KEYS["numpy", field.family], len(head) + value.nbytes + len(tail))
    return before + head, tail + after


def _ends(field: WriteField, tag: int, key: str, size: int) -> tuple[bytes, bytes]:
    return ends((tagged(tag, named(wire.TYPE_KEY, key)), *field.frames), size)


def _short_entry(write: Callable[[Any], bytes]) -> Callable[[WriteField, Any], tuple[Piece, ...]]:
    def entry_of(field: WriteField, value: Any) -> tuple[Piece, ...]:
        node = write(value)
        return field.kept(len(node), lambda: ends(field.frames, len(node))[0]), node

    return entry_of


_ENTRIES: dict[type, Callable[[WriteField, Any], tuple[Piece, ...]]] = {
    str: _text_entry,
    np.ndarray: _tensor_entry,
    _NOTHING: _short_entry(lambda value: b""),
    int: _short_entry(integer_node),
    float: _short_entry(lambda value: bytes([wire.FLOAT]) + pack("<d", value)),
    bool: _short_entry(lambda value: bytes([wire.BOOLEAN, value])),
    bytes: _bytes_entry,
}
