"""Tables of numbers, text, lists and structs alone, for libraries that know no more of Arrow."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from thalweg.docs.codecs.arrow.library import pa
from thalweg.docs.codecs.arrow.limits import map_parts
from thalweg.docs.codecs.arrow.storage import EXTENSION, PERMUTATION, SHAPE, TENSOR, is_list, stored_table
from thalweg.docs.codecs.arrow.tensors import empty

_SAID = frozenset({EXTENSION, SHAPE, PERMUTATION})


def plain_table(table: Any, *, halves: bool = True) -> Any:
    """The table with tensors as lists of lists, maps as lists of pairs, and choices as text; `from_arrow` reads it too.

    Args:
        table: a `pyarrow.Table`.
        halves: whether 16-bit floats stay; otherwise they become 32-bit ones.
    """
    table = stored_table(table)
    columns, fields = [], []
    for number, field in enumerate(table.schema):
        chunks = [_plain(chunk, field, halves) for chunk in table.column(number).chunks]
        columns.append(pa.chunked_array(chunks or [_plain(empty(field.type), field, halves)]))
        fields.append(_field(field, columns[-1].type))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, table.schema.metadata))


def _field(field: Any, kind: Any) -> Any:
    """The field with another type, which says itself what the metadata said of a tensor."""
    metadata = field.metadata or {}
    if metadata.get(EXTENSION) == TENSOR:
        metadata = {key: value for key, value in metadata.items() if key not in _SAID}
    return field.with_type(kind).with_metadata(metadata or None)


def _plain(array: Any, field: Any, halves: bool) -> Any:
    kind, metadata = array.type, field.metadata or {}
    if metadata.get(EXTENSION) == TENSOR:
        array = (
            array.cast(pa.list_(pa.float32(), kind.list_size)) if _is_half(kind.value_type) and not halves else array
        )
        return _nested(array, [int(size) for size in metadata[SHAPE].split(b",") if size])
    if pa.types.is_dictionary(kind):
        return array.dictionary_decode()
    if pa.types.is_map(kind):
        return _pairs(array, halves)
    if pa.types.is_struct(kind):
        parts = [_plain(child, kind.field(number), halves) for number, child in enumerate(array.flatten())]
        return _struct(kind, parts, _missing(array))
    if is_list(kind):
        return _list(array, _plain(array.flatten(), kind.value_field, halves))
    return array.cast(pa.float32()) if _is_half(kind) and not halves else array


def _is_half(kind: Any) -> bool:
    return bool(pa.types.is_float16(kind))


def _missing(array: Any) -> Any:
    return array.is_null() if array.null_count else None


def _struct(kind: Any, parts: list[Any], mask: Any) -> Any:
    fields = [_field(kind.field(number), part.type) for number, part in enumerate(parts)]
    return pa.StructArray.from_arrays(parts, fields=fields, mask=mask)


def _list(array: Any, items: Any) -> Any:
    """The lists of `array` with other items, none of which belongs to a list that is null."""
    field = _field(array.type.value_field, items.type)
    if pa.types.is_fixed_size_list(array.type):
        return _fixed_list(items, array.type.list_size, field, array)
    lengths = array.value_lengths().fill_null(0).to_numpy()
    return pa.LargeListArray.from_arrays(_ends(lengths), items, type=pa.large_list(field), mask=_missing(array))


def _ends(lengths: Any) -> Any:
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int64())


def _fixed_list(items: Any, size: int, field: Any, array: Any) -> Any:
    mask = _missing(array)
    if mask is not None:  # a list that is null takes its place among the items too
        places: list[int | None] = []
        there = 0
        for valid in array.is_valid().to_pylist():
            places += range(there, there + size) if valid else [None] * size
            there += size if valid else 0
        items = items.take(pa.array(places, pa.int64()))
    return pa.FixedSizeListArray.from_arrays(items, type=pa.list_(field, size), mask=mask)


def _nested(array: Any, shape: list[int]) -> Any:
    """Lists of all the numbers of a tensor as lists of lists, one for each dimension."""
    mask, items = (
        _missing(array),
        array.values.slice(array.offset * array.type.list_size, len(array) * array.type.list_size),
    )
    for size in reversed(shape[1:]):
        items = pa.FixedSizeListArray.from_arrays(items, size)
    return pa.FixedSizeListArray.from_arrays(items, shape[0] if shape else 1, mask=mask)


def _pairs(array: Any, halves: bool) -> Any:
    ends, keys, items = map_parts(array)
    parts = [_plain(keys, array.type.key_field, halves), _plain(items, array.type.item_field, halves)]
    named = (array.type.key_field.with_name("key"), array.type.item_field.with_name("value"))
    fields = [_field(field, part.type) for field, part in zip(named, parts, strict=True)]
    pairs = pa.StructArray.from_arrays(parts, fields=fields)
    return pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), pairs, mask=_missing(array))


def with_structs(tree: Mapping[str, Any], nullable: Collection[tuple[str, ...]]) -> Any:
    """The table whose columns are the arrays of `tree`, and structs of its trees.

    Those at a path in `nullable` are null where all that they hold is.
    """
    return pa.table({name: _branch(held, (name,), nullable) for name, held in tree.items()})


def _branch(held: Any, path: tuple[str, ...], nullable: Collection[tuple[str, ...]]) -> Any:
    if not isinstance(held, Mapping):
        return held
    parts = {name: _branch(item, (*path, name), nullable) for name, item in held.items()}
    missing = None
    if path in nullable:
        nulls = [part.is_null().to_numpy(zero_copy_only=False) for part in parts.values()]
        missing = pa.array(np.logical_and.reduce(nulls))
    return pa.StructArray.from_arrays(list(parts.values()), names=list(parts), mask=missing)
