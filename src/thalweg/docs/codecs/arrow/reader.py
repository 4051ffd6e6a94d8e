"""Tables as the columns that documents are made of. Whoever wrote a table, its values are checked like any others."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np
from pydantic import ValidationError

from thalweg.docs.codecs.arrow import packed
from thalweg.docs.codecs.arrow.encoder import ABSENT
from thalweg.docs.codecs.arrow.forms import FORM, JSON
from thalweg.docs.codecs.arrow.library import pa
from thalweg.docs.codecs.arrow.part import Part
from thalweg.docs.codecs.arrow.storage import is_list
from thalweg.docs.codecs.arrow.tensors import is_variable
from thalweg.docs.codecs.arrow.values import UNKNOWN, Meaning, PartValues
from thalweg.docs.codecs.columns import layout
from thalweg.docs.codecs.columns.layout import Buffer, Column, Documents, Group
from thalweg.docs.codecs.columns.reader import Reader, Where
from thalweg.docs.codecs.columns.schema import FieldPlan, plan_of
from thalweg.docs.document import AnyDoc, BaseDocWithoutId
from thalweg.docs.fields import Holds
from thalweg.errors import MalformedRequest

_INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls an index without a name."""


class TableReader:
    """Makes columns of one table; `reader` makes documents of them. Tensors stay in the memory of the table."""

    def __init__(self, cells: int) -> None:
        self.reader = Reader([b""])
        self._buffers: list[Buffer] = []
        self.reader.buffers = self._buffers
        self.reader.cells, self.reader.granted = cells, True
        self._values = PartValues(self._nested_documents, cells // 4)

    def documents(self, parts: Sequence[Part], count: int, target: type[BaseDocWithoutId], where: Where) -> Documents:
        """The columns of documents of class `target`."""
        if target is AnyDoc:
            return Documents([Group("AnyDoc", count, [self._unknown(part, where) for part in parts])])
        plan = plan_of(target)
        named = {name: field for field in plan.fields for name in (field.key, field.name)}
        columns = []
        for part in parts:
            field = named.get(part.name)
            if field is not None:
                columns.append(self._column(replace(part, name=field.name), field, where))
            elif plan.open and not _INDEX.fullmatch(part.name):
                columns.append(self._unknown(part, where))
        return Documents([Group(target.__name__, count, columns)])

    def _unknown(self, part: Part, where: Where) -> Column:
        if pa.types.is_struct(part.type) and not is_variable(part.type):
            return self._nested(part, AnyDoc, where)
        tensors = self._tensors(part) if part.is_fixed else None
        return tensors or layout.Values(part.name, self._values.read(part, Meaning(UNKNOWN, _any, where)))

    def _column(self, part: Part, field: FieldPlan, where: Where) -> Column:
        kind = field.kind
        tensors = self._tensors(part) if kind.holds is Holds.TENSOR else None
        if tensors is not None:
            return tensors
        if kind.holds is Holds.DOCUMENT and pa.types.is_struct(part.type):
            return self._nested(part, kind.type, where)
        if kind.holds is Holds.DOCUMENTS and is_list(part.type) and pa.types.is_struct(part.type.value_type):
            return self._nested_lists(part, kind.type.doc_type, where)
        annotation = kind.type if kind.holds is Holds.TENSOR else field.info.annotation
        values = self._values.read(part, Meaning(annotation, field.choose, where))
        if kind.holds is Holds.OTHER and part.metadata.get(FORM) != JSON:
            values = _from_texts(field, values)
        return layout.Values(part.name, values)

    def _nested(self, part: Part, target: type[BaseDocWithoutId], where: Where) -> layout.Nested:
        present, there = part.present, part.there()
        rows = [row for row, valid in enumerate(present) if valid]

        def within(number: int) -> list[str | int]:
            return [*where(rows[number] if rows else number), part.name]

        return layout.Nested(part.name, self.documents(there.children(), len(there), target, within), present)

    def _nested_documents(self, part: Part, target: type[BaseDocWithoutId], where: Where) -> list[Any]:
        nested = self._nested(part, target, where)
        return self.reader.python(nested, len(part), lambda name: target, where)

    def _nested_lists(self, part: Part, target: type[BaseDocWithoutId], where: Where) -> layout.NestedLists:
        lengths, items = part.lengths, part.items()
        ends = list(accumulate(length or 0 for length in lengths))

        def within(number: int) -> list[str | int]:
            row = bisect_right(ends, number)
            return [*where(row), part.name, number - (ends[row - 1] if row else 0)]

        if items.present:
            raise MalformedRequest(f"{part.name} holds a list in which a document is null.")
        documents = self.documents(items.children(), len(items), target, within)
        return layout.NestedLists(part.name, lengths, documents)

    def _tensors(self, part: Part) -> Column | None:
        rows = part.stacked()
        if rows is None:
            return None
        self._buffers.append(layout.flat(rows.tensors))
        dtype, shape = layout.dtype_name(rows.tensors.dtype), list(rows.tensors.shape[1:])
        return layout.Stacked(part.name, dtype, shape, len(self._buffers) - 1, rows.present, part.library)


def absent(table: Any) -> dict[str, list[int]]:
    """Where null means that a document does not have the field at all: the rows, by the name of the column."""
    names = [field.name for field in table.schema if ABSENT in (field.metadata or {})]
    return {name: np.flatnonzero(table.column(name).is_null().to_numpy()).tolist() for name in names}


def _from_texts(field: FieldPlan, values: list[Any]) -> list[Any]:
    """The values of text, where the field takes no text and all of it is JSON of objects or arrays."""
    texts = [value for value in values if value is not None]
    if not texts or not all(type(text) is str and text[:1] in ("{", "[") for text in texts):
        return values
    try:
        return field.validated(values)
    except ValidationError:
        return [None if text is None else packed.json_value(text) for text in values]


def _any(name: str) -> Any:
    return AnyDoc
