"""Tensors in DocArray's messages: raw values, sizes and NumPy's name of the dtype."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from thalweg.docs.codecs.columns.layout import dtype_named
from thalweg.docs.codecs.protobuf import wire
from thalweg.docs.codecs.protobuf.wire import malformed, read_fields, read_span, read_varint, varint
from thalweg.docs.typing.array import to_numpy
from thalweg.docs.typing.coercion import BFLOAT16

Array: TypeAlias = np.ndarray[Any, Any]

NOTHING = "None"
"""The dtype that stands, with the shape (0,), for a column of a DocVec in which no document has a tensor."""


class TensorForm(NamedTuple):
    """A tensor within a message: where its values begin, how many bytes they take, and what they are."""

    start: int
    size: int
    dtype: str
    shape: tuple[int, ...]


def read_form(data: bytes, at: int, end: int) -> TensorForm:
    """The tensor of the NdArrayProto between two places.

    Raises:
        MalformedRequest: it is no such message.
    """
    return _usual_form(data, at, end) or _any_form(data, at, end)


def _usual_form(data: bytes, at: int, end: int) -> TensorForm | None:
    """The tensor of a message whose fields are in the order of their numbers and all there; None of another."""
    if end - at < 10 or data[at] != 0x0A:
        return None
    at, stop = read_span(data, at + 1, end)
    if stop != end or data[at] != 0x0A:
        return None
    first, last = read_span(data, at + 1, end)
    if end - last < 6 or data[last] != 0x12:
        return None
    at, stop = read_span(data, last + 1, end)
    if end - stop < 3 or data[stop] != 0x1A or stop + 2 + data[stop + 1] != end:
        return None
    return TensorForm(
        first, last - first, data[stop + 2 : end].decode("ascii", "replace"), tuple(_packed(data, at, stop))
    )


def _any_form(data: bytes, at: int, end: int) -> TensorForm:
    start = stop = at
    dtype, shape = "", []
    for outer in read_fields(data, at, end):
        if outer.tag != wire.FIRST:
            continue
        for field in read_fields(data, outer.start, outer.stop):
            if field.tag == 0x0A:
                start, stop = field.start, field.stop
            elif field.tag == 0x12:
                shape += _packed(data, field.start, field.stop)
            elif field.tag == 0x10:
                shape.append(field.number)
            elif field.tag == 0x1A:
                dtype = data[field.start : field.stop].decode("ascii", "replace")
    return TensorForm(start, stop - start, dtype, tuple(shape))


def _packed(data: bytes, at: int, end: int) -> list[int]:
    sizes = []
    while at < end:
        size, at = read_varint(data, at)
        sizes.append(size)
    if at != end:
        raise malformed("the sizes of a tensor reach beyond their end")
    return sizes


def dtype_of(form: TensorForm) -> np.dtype[Any]:
    """The dtype of a tensor whose sizes agree with its bytes.

    Raises:
        MalformedRequest: it is none that is read, such as Python objects, or the sizes do not agree.
    """
    dtype = None if form.dtype == BFLOAT16 else dtype_named(form.dtype)
    if dtype is None:
        raise malformed(f"a tensor of dtype {form.dtype[:20]!r} is not read")
    if len(form.shape) > 32 or prod(size or 1 for size in form.shape) >= 1 << 62:
        raise malformed("a tensor has an impossible shape")
    if prod(form.shape) * dtype.itemsize != form.size:
        raise malformed(f"a tensor of shape {form.shape} and {form.dtype} has {form.size} bytes")
    return dtype


def read_tensor(data: bytes, form: TensorForm) -> Array:
    """A writable copy of a tensor.

    Raises:
        MalformedRequest: see `dtype_of`; or it is a text that is no Unicode.
    """
    dtype = dtype_of(form)
    array: Array = np.frombuffer(data, dtype, prod(form.shape), form.start).copy() if form.size else np.empty(0, dtype)
    return checked_texts(array).reshape(form.shape)


def checked_texts(array: Array) -> Array:
    """The array itself.

    Raises:
        MalformedRequest: it holds texts, and one of them no Unicode.
    """
    if array.dtype.kind == "U" and array.size and array.view(array.dtype.byteorder + "u4").max() > 0x10FFFF:
        raise malformed("a tensor of texts holds what is no Unicode")
    return array


def tensor_frame(array: Array) -> tuple[bytes, bytes]:
    """What comes before and after the values of an array in its NdArrayProto.

    Raises:
        ValueError: the dtype has no form there.
    """
    name = array.dtype.str
    if dtype_named(name) is None:
        raise ValueError(f"a tensor of dtype {array.dtype} cannot travel")
    sizes = b"".join(map(varint, array.shape))
    tail = (b"\x12" + varint(len(sizes)) + sizes if sizes else b"") + b"\x1a" + varint(len(name)) + name.encode()
    head = b"\x0a" + varint(array.nbytes)
    return b"\x0a" + varint(len(head) + array.nbytes + len(tail)) + head, tail


def sendable(tensor: Any) -> Array:
    """The array that travels for a tensor: bfloat16 becomes float32, which holds all its values."""
    array = to_numpy(tensor)
    kind = array.dtype.kind
    if kind == "V" and array.dtype.name == BFLOAT16:
        return array.astype(np.float32)
    if kind in "US" and not array.dtype.itemsize:
        return array.astype(f"{kind}1")
    return array
