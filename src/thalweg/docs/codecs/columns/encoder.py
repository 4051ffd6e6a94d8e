"""Writing columns."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
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
from thalweg.docs.document import BaseDoc, contents
from thalweg.docs.row import detach
from thalweg.docs.typing.array import is_tensor, is_torch, to_numpy

_NOTHING = type(None)
_NATIVE = frozenset({_NOTHING, bool, int, float, str, bytes})
_WRITTEN_AS_TEXT = frozenset(
    {_NOTHING, datetime.datetime, datetime.date, datetime.time, datetime.timedelta, Decimal, UUID}
)
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
        self.packer = msgspec.msgpack.Encoder(enc_hook=self._pack_other)

    def body(self, docs: DocList[Any] | DocVec[Any]) -> tuple[Buffer, ...]:
        documents = self.columns(docs._columns) if isinstance(docs, DocVec) else self.documents(docs)
        return (_ENCODER.encode(Header(layout.VERSION, documents)), *self.buffers)

    # --- documents

    def documents(self, docs: Sequence[Any]) -> Documents:
        kinds = set(map(type, docs))
        if len(kinds) == 1:
            doc_type = kinds.pop()
            names = derive(doc_type, "columns written", lambda: _names(doc_type))
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
        for doc in docs:
            hidden = _hidden(type(doc))
            fields = {name: value for name, value in contents(doc).items() if name not in hidden}
            number = numbers.setdefault((type(doc), *fields), len(numbers))
            if number == len(members):
                members.append([])
            members[number].append(fields)
            order.append(number)
        groups = [self.group(key[0], members[number], key[1:]) for key, number in numbers.items()]
        return Documents(groups, order if len(groups) > 1 else [])

    def group(self, doc_type: type[BaseDoc], docs: list[dict[str, Any]], names: Sequence[str]) -> Group:
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
        array = to_numpy(held)
        return layout.Stacked(name, array.dtype.str, list(array.shape[1:]), self._keep(array), [], is_torch(held))

    # --- one field of all documents

    def column(self, name: str, values: list[Any]) -> layout.Column:
        kinds = set(map(type, values))
        if kinds <= _NATIVE:
            if self.large and int in kinds and not all(type(v) is not int or v in _INT64 for v in values):
                return self._packed(name, values)
            return layout.Values(name, values)
        if kinds <= _WRITTEN_AS_TEXT:
            return layout.Values(name, to_jsonable_python(values))
        kinds.discard(_NOTHING)
        if np.ndarray in kinds or any(kind.__module__ == "torch" for kind in kinds):
            if all(value is None or is_tensor(value) for value in values):
                return self._tensors(name, values)
        elif all(issubclass(kind, BaseDoc) for kind in kinds):
            there = [value for value in values if value is not None]
            return layout.Nested(name, self.documents(there), _present(values, there))
        elif all(issubclass(kind, (DocList, DocVec)) for kind in kinds):
            return self._lists(name, values)
        elif all(issubclass(kind, str) for kind in kinds):
            return layout.Values(name, [None if value is None else str.__str__(value) for value in values])
        return self._packed(name, values)

    def _tensors(self, name: str, values: list[Any]) -> layout.Column:
        there = [value for value in values if value is not None]
        torch = is_torch(there[0])
        arrays = (
            [to_numpy(value) for value in there] if torch or not all(type(v) is np.ndarray for v in there) else there
        )
        first = arrays[0]
        shape, dtype = first.shape, first.dtype
        if not all(array.shape == shape and array.dtype == dtype for array in arrays):
            return self._ragged(name, values)
        stacked = first if len(arrays) == 1 else np.concatenate([array.reshape(-1) for array in arrays])
        return layout.Stacked(name, dtype.str, list(shape), self._keep(stacked), _present(values, there), torch)

    def _ragged(self, name: str, values: list[Any]) -> layout.Ragged:
        cells: list[Cell | None] = []
        joined = bytearray()
        number = len(self.buffers)
        for value in values:
            if value is None:
                cells.append(None)
                continue
            array = to_numpy(value)
            cells.append(Cell(array.dtype.str, list(array.shape), number, len(joined), is_torch(value)))
            joined += _padded(array)
        self.buffers.append(joined)
        return layout.Ragged(name, cells)

    def _lists(self, name: str, values: list[Any]) -> layout.NestedLists:
        lists = [value.to_doc_list() if isinstance(value, DocVec) else value for value in values]
        lengths = [None if value is None else len(value) for value in lists]
        return layout.NestedLists(name, lengths, self.documents([doc for value in lists if value for doc in value]))

    def _packed(self, name: str, values: list[Any]) -> layout.Packed:
        try:
            return layout.Packed(name, [msgspec.Raw(self.packer.encode(self._prepared(value))) for value in values])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} holds a value that cannot travel: {error}") from error

    def _prepared(self, value: Any) -> Any:
        return _with_large_integers(value) if self.large else value

    def _pack_other(self, value: Any) -> Any:
        if is_tensor(value):
            array = to_numpy(value)
            cell = Cell(array.dtype.str, list(array.shape), self._keep(array), 0, is_torch(value))
            return msgspec.msgpack.Ext(layout.TENSOR, _ENCODER.encode(cell))
        if isinstance(value, BaseDoc):
            return msgspec.msgpack.Ext(layout.DOCUMENT, _ENCODER.encode(self.documents([value])))
        if isinstance(value, DocVec):
            return list(value)
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, BaseModel):
            return value.__pydantic_serializer__.to_python(value, by_alias=True)
        if isinstance(value, complex):
            return str(value)
        return to_jsonable_python(value)

    def _keep(self, array: np.ndarray[Any, Any]) -> int:
        self.buffers.append(layout.flat(array))
        return len(self.buffers) - 1


def _names(doc_type: type[BaseDoc]) -> tuple[bool, tuple[str, ...]]:
    """Whether all documents of the class have the same fields, and the names of those that travel."""
    hidden = _hidden(doc_type)
    closed = doc_type.model_config.get("extra") != "allow"
    return closed, tuple(name for name in doc_type.model_fields if name not in hidden)


def _hidden(doc_type: type[BaseDoc]) -> frozenset[str]:
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
