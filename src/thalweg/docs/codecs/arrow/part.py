"""A column of a table, or what is nested in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thalweg.docs.codecs.arrow.library import pa, pc
from thalweg.docs.codecs.arrow.storage import EXTENSION, TENSOR, is_list
from thalweg.docs.codecs.arrow.tensors import (
    LIBRARY,
    TensorRows,
    empty,
    fixed_rows,
    is_variable,
    list_cells,
    list_rows,
    variable_cells,
)
from thalweg.docs.codecs.columns.layout import Library

_LIBRARIES: dict[bytes, Library] = {b"torch": True, b"tensorflow": "tensorflow", b"jax": "jax"}


@dataclass(frozen=True, slots=True)
class Part:
    """The chunks of a column, and what its field says besides its type. There is one chunk at least."""

    name: str
    chunks: list[Any]
    metadata: dict[bytes, bytes]

    @classmethod
    def of(cls, field: Any, chunks: Sequence[Any]) -> Part:
        return cls(field.name, list(map(_decoded, chunks)) or [empty(field.type)], field.metadata or {})

    @property
    def type(self) -> Any:
        return self.chunks[0].type

    def __len__(self) -> int:
        return sum(map(len, self.chunks))

    @property
    def is_fixed(self) -> bool:
        """Whether it holds tensors of one shape."""
        return self.metadata.get(EXTENSION) == TENSOR

    @property
    def library(self) -> Library:
        """Whose tensors they were."""
        return _LIBRARIES.get(self.metadata.get(LIBRARY, b""), False)

    @property
    def present(self) -> list[bool]:
        """Which rows are not null; empty where none is."""
        if not any(chunk.null_count for chunk in self.chunks):
            return []
        return [there for chunk in self.chunks for there in chunk.is_valid().to_pylist()]

    @property
    def lengths(self) -> list[int | None]:
        """How many items each list has; None where the list is null."""
        if not pa.types.is_fixed_size_list(self.type):
            return [length for chunk in self.chunks for length in pc.list_value_length(chunk).to_pylist()]
        size = self.type.list_size
        return [size if there else None for chunk in self.chunks for there in chunk.is_valid().to_pylist()]

    def items(self) -> Part:
        """What lists hold, end to end."""
        return Part.of(self.type.value_field, [chunk.flatten() for chunk in self.chunks])

    def there(self) -> Part:
        """The rows that are not null."""
        chunks = [chunk.drop_null() if chunk.null_count else chunk for chunk in self.chunks]
        return Part(self.name, chunks, self.metadata)

    def children(self) -> list[Part]:
        """The fields of a struct; null where the struct is."""
        fields = [self.type.field(number) for number in range(self.type.num_fields)]
        flattened = [chunk.flatten() for chunk in self.chunks]
        return [Part.of(field, [parts[number] for parts in flattened]) for number, field in enumerate(fields)]

    def stacked(self) -> TensorRows | None:
        """All the tensors in one, where they have one shape."""
        if self.is_fixed:
            found = [fixed_rows(chunk, self.metadata) for chunk in self.chunks if len(chunk)]
        elif is_list(self.type):
            found = [list_rows(chunk, self.metadata) for chunk in self.chunks if len(chunk)]
        else:
            return None
        rows = [item for item in found if item is not None]
        if not rows or len(rows) < len(found) or len({item.tensors.shape[1:] for item in rows}) > 1:
            return None
        return rows[0] if len(rows) == 1 else _joined(rows)

    def tensors(self) -> list[Any] | None:
        """A tensor or None for each row; None where there are values that make no tensor."""
        if is_variable(self.type):
            return [cell for chunk in self.chunks for cell in variable_cells(chunk, self.metadata)]
        rows = self.stacked()
        if rows is None:
            return None if self.is_fixed or not is_list(self.type) else self._one_dimension()
        cells = iter([rows.tensors[number, ...] for number in range(len(rows.tensors))])
        return [next(cells) if there else None for there in rows.present] if rows.present else list(cells)

    def _one_dimension(self) -> list[Any] | None:
        lists = [list_cells(chunk) for chunk in self.chunks]
        return None if None in lists else [cell for cells in lists for cell in cells or ()]

    def plain(self) -> list[Any]:
        """The values as Arrow makes Python of them; times to the microsecond."""
        if len(self.chunks) == 1:
            return _plain(self.chunks[0])
        return [value for chunk in self.chunks for value in _plain(chunk)]

    @property
    def is_simple(self) -> bool:
        """Whether `plain` is right for the values: no struct, tensor or packed value is among them."""
        kind = self.type
        return not (
            self.metadata
            or pa.types.is_nested(kind)
            or pa.types.is_dictionary(kind)
            or pa.types.is_binary(kind)
            or pa.types.is_large_binary(kind)
            or pa.types.is_float16(kind)
            or _is_too_fine(kind)
        )


def _decoded(array: Any) -> Any:
    return pc.run_end_decode(array) if pa.types.is_run_end_encoded(array.type) else array


def _joined(rows: list[TensorRows]) -> TensorRows:
    present = [there for item in rows for there in item.present or [True] * len(item.tensors)]
    return TensorRows(np.concatenate([item.tensors for item in rows]), [] if all(present) else present)


def _plain(array: Any) -> list[Any]:
    if _is_too_fine(array.type):
        array = array.cast(_in_microseconds(array.type), safe=False)
    elif pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    values: list[Any] = array.to_pylist()
    return values


def _is_too_fine(kind: Any) -> bool:
    """Whether a time has nanoseconds, which Python does not."""
    return getattr(kind, "unit", "") == "ns"


def _in_microseconds(kind: Any) -> Any:
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz=kind.tz)
    return pa.time64("us") if pa.types.is_time(kind) else pa.duration("us")
