"""Writing columns."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from thalweg.docs.codecs.columns import layout
from thalweg.docs.codecs.columns.layout import Buffer, Cell, Documents, Group, Header
from thalweg.docs.column_store import Columns
from thalweg.docs.derived import derive
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import BaseDocWithoutId, contents
from thalweg.docs.garbage import uncollected
from thalweg.docs.row import detach
from thalweg.docs.typing.array import end_to_end, is_tensor, is_tensor_class, library_of, stackable

_NOTHING = type(None)
_NATIVE = frozenset({_NOTHING, bool, int, float, str, bytes})
_INT64 = range(-(1 << 63), 1 << 64)
_ENCODER = msgspec.msgpack.Encoder()


def encode(docs: DocList[Any] | DocVec[Any]) -> tuple[Buffer, ...]:
    """The header and the buffers of `docs`.

    The tensors of a DocVec, and a single document's, are not copied: the buffers are views, to be sent before anything
    is written to the tensors.

    Raises:
        ValueError: a field holds something that cannot travel.
    """
    try:
        with uncollected(len(docs)):
            return _Writer(False).body(docs)
    except OverflowError:  # an integer beyond 64 bits, somewhere
        return _Writer(True).body(docs)
    except RecursionError:
        raise ValueError("documents are nested too deep, or contain themselves") from None


class _Writer:
    """Collects the buffers of one body. `large` says that integers beyond 64 bits must be looked for."""

    def __init__(self, large: bool) -> None:
        self.large = large
        self.buffers: list[Buffer] = []

    def body(self, docs: DocList[Any] | DocVec[Any]) -> tuple[Buffer, ...]:
        documents = self.columns(docs._columns) if isinstance(docs, DocVec) else self.documents(docs)
        return (_ENCODER.encode(Header(layout.VERSION, documents)), *self.buffers)

    # --- documents

    def documents(self, docs: Sequence[Any]) -> Documents:
        kinds = set(map(type, docs))
        if len(kinds) == 1:
            doc_type = kinds.pop()
            names = derive(doc_type, "columns written", _names)
            if names[0]:
                try:
                    return Documents([self.group(doc_type, [doc.__dict__ for doc in docs], names[1])])
                except KeyError:  # made without validation, some fields missing
                    pass
        return self._groups([detach(doc) for doc in docs])

    def _groups(self, docs: list[Any]) -> Documents:
        numbers: dict[tuple[Any, ...], int] = {}
        members: list[list[dict[str, Any]]] = []
        order = []
        hidden = {kind: _hidden(kind) for kind in set(map(type, docs))}
        for doc in docs:
            without = hidden[type(doc)]
            fields = {name: value for name, value in contents(doc).items() if name not in without}
            number = numbers.setdefault((type(doc), *fields), len(numbers))
            if number == len(members):
                members.append([])
            members[number].append(fields)
            order.append(number)
        groups = [self.group(key[0], members[number], key[1:]) for key, number in numbers.items()]
        return Documents(groups, order if len(groups) > 1 else [])

    def group(self, doc_type: type[BaseDocWithoutId], docs: list[dict[str, Any]], names: Sequence[str]) -> Group:
        columns = [self.column(name, [doc[name] for doc in docs]) for name in names]
        return Group(doc_type.__name__, len(docs), columns)

    def columns(self, store: Columns) -> Documents:
        hidden = _hidden(store.doc_type)
        columns = [self._stored(name, held, store.length) for name, held in store.data.items() if name not in hidden]
        return Documents([Group(store.doc_type.__name__, store.length, columns)])

    def _stored(self, name: str, held: Any, length: int) -> layout.Column:
        if held is None:
            return layout.Values(name, [None] * length)
        if isinstance(held, list):
            return self.column(name, held)
        if isinstance(held, Columns):
            return layout.Nested(name, self.columns(held))
        array = layout.raw(held)
        shape, sent = list(array.shape[1:]), _library(held)
        return layout.Stacked(name, layout.dtype_name(array.dtype), shape, self._keep(array), [], sent)

    # --- one field of all documents

    def column(self, name: str, values: list[Any]) -> layout.Column:
        kinds = set(map(type, values))
        if kinds <= _NATIVE and not (self.large and int in kinds and _any_large(values)):
            return layout.Values(name, values)
        kinds.discard(_NOTHING)
        for fits, write in _FORMS:
            if all(map(fits, kinds)):
                return write(self, name, values)
        return self._packed(name, values)

    def _texts(self, name: str, values: list[Any]) -> layout.Values:
        return layout.Values(name, [None if value is None else str.__str__(value) for value in values])

    def _media(self, name: str, values: list[Any]) -> layout.Values:
        return layout.Values(name, [None if value is None else bytes(value) for value in values])

    def _standard(self, name: str, values: list[Any]) -> layout.Values:
        return layout.Values(name, to_jsonable_python(values))

    def _nested(self, name: str, values: list[Any]) -> layout.Nested:
        there = [value for value in values if value is not None]
        return layout.Nested(name, self.documents(there), _present(values, there))

    def _tensors(self, name: str, values: list[Any]) -> layout.Column:
        kinds = set(map(type, values))
        there = values if _NOTHING not in kinds else [value for value in values if value is not None]
        if not stackable(there):
            return self._ragged(name, values)
        first = layout.raw(there[0])
        plain = kinds <= {np.ndarray, _NOTHING} and first is there[0]
        stacked = end_to_end(there if plain else [layout.raw(value) for value in there])
        shape, present = list(first.shape), _present(values, there)
        dtype, sent = layout.dtype_name(stacked.dtype), _library(there[0])
        return layout.Stacked(name, dtype, shape, self._keep(stacked), present, sent)

    def _ragged(self, name: str, values: list[Any]) -> layout.Ragged:
        cells: list[Cell | None] = []
        joined = bytearray()
        number = len(self.buffers)
        for value in values:
            if value is None:
                cells.append(None)
                continue
            array = layout.raw(value)
            cells.append(Cell(layout.dtype_name(array.dtype), list(array.shape), number, len(joined), _library(value)))
            joined += _padded(array)
        self.buffers.append(joined)
        return layout.Ragged(name, cells)

    def _lists(self, name: str, values: list[Any]) -> layout.NestedLists:
        lists = [value.to_doc_list() if isinstance(value, DocVec) else value for value in values]
        lengths = [None if value is None else len(value) for value in lists]
        return layout.NestedLists(name, lengths, self.documents([doc for value in lists if value for doc in value]))

    def _packed(self, name: str, values: list[Any]) -> layout.Packed:
        # Not kept: it refers to this writer, and together they would keep the buffers until the next garbage collection.
        packer = msgspec.msgpack.Encoder(enc_hook=self._pack_other)
        try:
            return layout.Packed(name, [msgspec.Raw(packer.encode(self._prepared(value))) for value in values])
        except (TypeError, ValueError, OverflowError) as error:
            if isinstance(error, OverflowError) and not self.large:
                raise  # to begin again, with an eye on integers
            raise ValueError(f"{name} holds a value that cannot travel: {error}") from error

    def _prepared(self, value: Any) -> Any:
        return _with_large_integers(value) if self.large else value

    def _pack_other(self, value: Any) -> Any:
        for kind, write in _OTHERS:
            if isinstance(value, kind):
                return self._prepared(write(self, value))
        return self._pack_tensor(value) if is_tensor(value) else to_jsonable_python(value)

    def _pack_tensor(self, value: Any) -> msgspec.msgpack.Ext:
        array = layout.raw(value)
        cell = Cell(layout.dtype_name(array.dtype), list(array.shape), self._keep(array), 0, _library(value))
        return msgspec.msgpack.Ext(layout.TENSOR, _ENCODER.encode(cell))

    def _pack_document(self, value: BaseDocWithoutId) -> msgspec.msgpack.Ext:
        return msgspec.msgpack.Ext(layout.DOCUMENT, _ENCODER.encode(self.documents([value])))

    def _keep(self, array: np.ndarray[Any, Any]) -> int:
        self.buffers.append(layout.flat(array))
        return len(self.buffers) - 1


_STANDARD = frozenset({datetime.datetime, datetime.date, datetime.time, datetime.timedelta, Decimal, UUID})

_FORMS: tuple[tuple[Callable[[type], bool], Callable[[_Writer, str, list[Any]], layout.Column]], ...] = (
    (is_tensor_class, _Writer._tensors),
    (lambda kind: issubclass(kind, BaseDocWithoutId), _Writer._nested),
    (lambda kind: issubclass(kind, (DocList, DocVec)), _Writer._lists),
    (lambda kind: issubclass(kind, str), _Writer._texts),
    (lambda kind: issubclass(kind, bytes), _Writer._media),
    (_STANDARD.__contains__, _Writer._standard),
)
"""Which columns have a form of their own, by the types of their values."""

_OTHERS: tuple[tuple[type, Callable[[_Writer, Any], Any]], ...] = (
    (BaseDocWithoutId, _Writer._pack_document),
    (DocVec, lambda writer, value: list(value)),
    (np.generic, lambda writer, value: value.item()),
    (str, lambda writer, value: str.__str__(value)),
    (BaseModel, lambda writer, value: value.__pydantic_serializer__.to_python(value, by_alias=True)),
    (complex, lambda writer, value: str(value)),
)
"""What msgpack does not know, and what it is written as."""


def _library(tensor: Any) -> layout.Library:
    library = library_of(tensor) or "numpy"
    return library == "torch" if library in ("numpy", "torch") else library


def _any_large(values: list[Any]) -> bool:
    return any(type(value) is int and value not in _INT64 for value in values)


def _names(doc_type: type[BaseDocWithoutId]) -> tuple[bool, tuple[str, ...]]:
    """Whether all documents of the class have the same fields, and the names of those that travel."""
    hidden = _hidden(doc_type)
    closed = doc_type.model_config.get("extra") != "allow"
    return closed, tuple(name for name in doc_type.model_fields if name not in hidden)


def _hidden(doc_type: type[BaseDocWithoutId]) -> frozenset[str]:
    """Fields declared with `exclude=True`: they never leave the process, in no format."""
    return frozenset(name for name, field in doc_type.model_fields.items() if field.exclude)


def _present(values: list[Any], there: list[Any]) -> list[bool]:
    return [] if len(there) == len(values) else [value is not None for value in values]


def _padded(array: np.ndarray[Any, Any]) -> bytes:
    data = bytes(layout.flat(array))
    return data + b"\0" * (-len(data) % layout.ALIGNMENT)


def _with_large_integers(value: Any) -> Any:
    """`value`, integers beyond 64 bits made into what msgpack can hold."""
    if isinstance(value, dict):
        return {key: _with_large_integers(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_with_large_integers(item) for item in value]
    if type(value) is int and value not in _INT64:
        return msgspec.msgpack.Ext(layout.INTEGER, b"%d" % value)
    return value
