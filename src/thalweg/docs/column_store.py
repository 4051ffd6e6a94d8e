"""The columns behind a DocVec."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from thalweg.docs.document import BaseDocWithoutId, assemble, assemble_all
from thalweg.docs.fields import FieldKind, Holds, field_kinds, is_plain
from thalweg.docs.row import detach
from thalweg.docs.typing.array import is_tensor, select_rows, stack, stackable, with_row


class Columns:
    """`data` maps each field to its column, all of them `length` long.

    A tensor field is one tensor, its first dimension the document; a field that is a document is `Columns` again; either
    is None where no document has a value. Any other field is a list.
    """

    __slots__ = ("data", "doc_type", "length")

    def __init__(self, doc_type: type[BaseDocWithoutId], length: int, data: dict[str, Any]) -> None:
        self.doc_type = doc_type
        self.length = length
        self.data = data

    @classmethod
    def of(cls, doc_type: type[BaseDocWithoutId], docs: Iterable[BaseDocWithoutId]) -> Columns:
        """The columns of `docs`; tensors are copied.

        Raises:
            ValueError: tensors of one field differ in shape or dtype, only some documents have a value where all or none
                must, a document is of a subclass or has fields beyond its schema.
        """
        documents = list(map(detach, docs))
        for number, doc in enumerate(documents):
            if type(doc) is not doc_type or doc.__pydantic_extra__:
                raise ValueError(_unfit(doc_type, doc, number))
        data = {name: column(name, kind, _values(documents, name)) for name, kind in field_kinds(doc_type).items()}
        return cls(doc_type, len(documents), data)

    def value(self, name: str, index: int, nested: Callable[[Columns, int], Any]) -> Any:
        """One cell: of a tensor a view, of a nested document what `nested` makes of its columns."""
        held = self.data[name]
        if isinstance(held, list):
            return held[index]
        if isinstance(held, Columns):
            return nested(held, index)
        return None if held is None else held[index, ...]

    def document(self, index: int) -> Any:
        """The document itself; its tensors are views of the columns."""
        return assemble(self.doc_type, {name: self.value(name, index, Columns.document) for name in self.data})

    def documents(self) -> list[Any]:
        """All documents, as `document` gives them."""
        names = tuple(self.data)
        cells = [list(_cells(held, self.length)) for held in self.data.values()]
        if not self.doc_type.__pydantic_post_init__:
            return assemble_all(self.doc_type, names, cells, set(names))
        return [assemble(self.doc_type, dict(zip(names, row, strict=True))) for row in zip(*cells, strict=True)]

    def select(self, rows: slice | list[int]) -> Columns:
        """Some of the documents. A slice shares the tensors' memory; a list of row numbers copies."""
        data = {name: _select(held, rows) for name, held in self.data.items()}
        length = len(range(self.length)[rows]) if isinstance(rows, slice) else len(rows)
        return Columns(self.doc_type, length, data)

    def write(self, index: int, changes: dict[str, Any]) -> None:
        """Put values that are validated already into one row.

        Raises:
            ValueError: a tensor of another shape or dtype than its column, None in a column of values, or a value in a
                column of None. Nothing is written then.
        """
        writes = [self._write_of(name, index, value) for name, value in changes.items()]
        for write in writes:
            write()

    def _write_of(self, name: str, index: int, value: Any) -> Callable[[], None]:
        held = self.data[name]
        if isinstance(held, list):
            return lambda: held.__setitem__(index, value)
        if (held is None) is not (value is None):
            raise ValueError(
                f"{name}: all documents of a DocVec have a value or none has; set the whole column instead"
            )
        if held is None:
            return lambda: None
        if isinstance(held, Columns):
            value = detach(value)
            if type(value) is not held.doc_type:
                raise ValueError(_unfit(held.doc_type, value, index))
            return lambda: held.write(index, value.__dict__)
        if tuple(value.shape) != tuple(held.shape[1:]) or not _casts(value, held):
            raise ValueError(
                f"{name}: the column holds tensors of shape {tuple(held.shape[1:])} and {held.dtype}, "
                f"not {tuple(value.shape)} and {value.dtype}"
            )
        return lambda: self.data.__setitem__(name, with_row(held, index, value))

    def replace(self, name: str, values: Any) -> None:
        """Put `values`, one for each document, in place of a whole column, after validating them.

        Raises:
            ValueError: another number of values, or one that does not fit.
        """
        kind = field_kinds(self.doc_type)[name]
        if values is None:
            values = [None] * self.length
        if len(values) != self.length:
            raise ValueError(f"{name}: {len(values)} values for {self.length} documents")
        if kind.holds is Holds.TENSOR and kind.plain and is_plain(self.doc_type) and is_tensor(values):
            self.data[name] = stacked(kind, values)
        else:
            self.data[name] = column(
                name, kind, [self._validated(row, name, value) for row, value in enumerate(values)]
            )

    def _validated(self, index: int, name: str, value: Any) -> Any:
        detached = self.document(index)
        setattr(detached, name, value)
        return detached.__dict__[name]


def column(name: str, kind: FieldKind, values: list[Any]) -> Any:
    """`values` of one field as its column."""
    if kind.holds not in (Holds.TENSOR, Holds.DOCUMENT):
        return values
    missing = sum(value is None for value in values)
    if missing and missing == len(values):
        return None
    if missing:
        raise ValueError(
            f"{name}: {missing} of {len(values)} documents have no value; a DocVec holds one for all documents or for none"
        )
    if kind.holds is Holds.DOCUMENT:
        # Of a class that refers to itself, the columns of no documents would have no end.
        return None if kind.optional and not values else Columns.of(kind.type, values)
    return _stack(name, kind, values)


def stacked(kind: FieldKind, tensors: Any) -> Any:
    """`tensors`, stacked already, as a column.

    Raises:
        ValueError: a row has another shape than the field, and cannot be reshaped.
    """
    return kind.type.library_tensor(kind.type.reshaped_rows(tensors))


def _stack(name: str, kind: FieldKind, values: list[Any]) -> Any:
    if not values:
        exact = kind.type.shape.exact if kind.type.shape is not None else None
        return kind.type.library_tensor(np.empty((0, *(exact or ()))))
    if not stackable(values):
        seen = ", ".join(sorted({f"{tuple(value.shape)} {value.dtype}" for value in values})[:4])
        raise ValueError(f"{name}: tensors of one shape and dtype can be stacked, but there are {seen}")
    return kind.type.library_tensor(stack(values))


def _values(docs: Sequence[BaseDocWithoutId], name: str) -> list[Any]:
    try:
        return [doc.__dict__[name] for doc in docs]
    except KeyError:
        raise ValueError(f"a document has no {name}: it was made without validation") from None


def _casts(value: Any, held: Any) -> bool:
    """Whether a value may be written into a column: numbers may lose precision, but not their kind."""
    return not isinstance(held, np.ndarray) or np.can_cast(value.dtype, held.dtype, "same_kind")


def _cells(held: Any, length: int) -> Iterable[Any]:
    if held is None:
        return [None] * length
    if isinstance(held, Columns):
        return held.documents()
    if isinstance(held, list):
        return held
    return held if held.ndim > 1 else (held[row, ...] for row in range(length))


def _select(held: Any, rows: slice | list[int]) -> Any:
    if held is None:
        return None
    if isinstance(held, Columns):
        return held.select(rows)
    if isinstance(held, list):
        return [held[row] for row in rows] if isinstance(rows, list) else held[rows]
    return select_rows(held, rows)


def _unfit(doc_type: type[BaseDocWithoutId], doc: Any, number: int) -> str:
    if type(doc) is not doc_type:
        return f"columns hold documents of exactly {doc_type.__name__}, not {type(doc).__name__} (item {number})"
    more = ", ".join(sorted(doc.__pydantic_extra__ or {}))
    return f"columns hold the fields of {doc_type.__name__} only, but item {number} has more: {more}"
