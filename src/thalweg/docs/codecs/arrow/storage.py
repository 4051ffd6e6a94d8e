"""Tables by how they are stored: what extension types say stands in the metadata of the fields, and there are no views.

Arrow's functions know few extension types within lists and structs, and few know the views that Polars writes. Nothing is
copied but what views show.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg.docs.codecs.arrow.library import pa, pc
from thalweg.errors import MalformedRequest

EXTENSION, SHAPE, PERMUTATION = b"thalweg.extension", b"thalweg.shape", b"thalweg.permutation"
TENSOR, UUID = b"tensor", b"uuid"


def stored_table(table: Any) -> Any:
    """The table by how it is stored; the same one where that is all there is to it.

    Extension types that nobody here knows are left to what they are stored as. None is ever loaded.

    Raises:
        MalformedRequest: there are views of lists within lists or structs.
    """
    for number, field in enumerate(table.schema):
        if is_list_view(field.type):
            lists = pa.chunked_array(
                list(map(_without_view, table.column(number).chunks)), pa.list_(field.type.value_field)
            )
            table = table.set_column(number, field.with_type(lists.type), lists)
    schema = pa.schema([_field(field) for field in table.schema], table.schema.metadata)
    return table if schema.types == table.schema.types else table.cast(schema)


def _without_view(lists: Any) -> Any:
    """Lists end to end. Arrow's own cast loses some of them."""
    sizes = pc.if_else(lists.is_valid(), lists.sizes, 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
    kind = pa.list_(lists.type.value_field)
    return pa.ListArray.from_arrays(offsets, lists.flatten(), type=kind, mask=lists.is_null())


def _field(field: Any) -> Any:
    kind, metadata = field.type, dict(field.metadata or {})
    while isinstance(kind, pa.BaseExtensionType):
        metadata |= _said(kind)
        kind = kind.storage_type
    return field.with_type(_stored(kind)).with_metadata(metadata or None)


def _said(kind: Any) -> dict[bytes, bytes]:
    """What an extension type says besides how it is stored."""
    if kind.extension_name == "arrow.uuid":
        return {EXTENSION: UUID}
    if kind.extension_name != "arrow.fixed_shape_tensor":
        return {}
    said = {EXTENSION: TENSOR, SHAPE: _numbers(kind.shape)}
    return {**said, PERMUTATION: _numbers(kind.permutation)} if kind.permutation else said


def _numbers(numbers: list[int]) -> bytes:
    return ",".join(map(str, numbers)).encode()


def _stored(kind: Any) -> Any:
    """A type without extension types and views in it."""
    name = str(kind)
    if name in _VIEWED:
        return _VIEWED[name]
    if pa.types.is_struct(kind):
        return pa.struct([_field(kind.field(number)) for number in range(kind.num_fields)])
    if pa.types.is_map(kind):
        return pa.map_(_field(kind.key_field), _field(kind.item_field), kind.keys_sorted)
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _stored(kind.value_type), kind.ordered)
    return _stored_list(kind) if is_list(kind) else kind


def _stored_list(kind: Any) -> Any:
    if is_list_view(kind):
        raise MalformedRequest("Views of lists within lists or structs are not read; write lists instead.")
    item = _field(kind.value_field)
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(item, kind.list_size)
    return pa.large_list(item) if pa.types.is_large_list(kind) else pa.list_(item)


_VIEWED = {"string_view": pa.large_string(), "binary_view": pa.large_binary()}


def is_list(kind: Any) -> bool:
    """Whether a type is one of lists, of one length or of several."""
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or is_list_view(kind)
    )


def is_list_view(kind: Any) -> bool:
    """Whether a type is one of lists that may overlap."""
    return bool(pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind))
