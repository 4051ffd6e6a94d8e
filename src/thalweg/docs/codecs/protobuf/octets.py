"""Many places of a message looked at at once: what NumPy compares and copies, Python need not loop over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from thalweg.docs.codecs.protobuf import wire
from thalweg.docs.codecs.protobuf.tensors import TensorForm, checked_texts, dtype_of, read_form
from thalweg.docs.codecs.protobuf.wire import read_fields, varint

Array: TypeAlias = np.ndarray[Any, Any]
Places: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]


class Leaves(NamedTuple):
    """Where the contents of values of one kind begin and end, and the type key that all of them have."""

    starts: Places
    stops: Places
    key: str

    def spans(self) -> Iterator[tuple[int, int]]:
        return zip(self.starts.tolist(), self.stops.tolist(), strict=True)


class Stack(NamedTuple):
    """Tensors of one form, stacked, and what they were sent as."""

    array: Array
    key: str
    dtype: str


class Octets:
    """The bytes of a message, seen as an array.

    What is asked of many places is answered only if it is the same in all of them; None means that it is not, or that the
    message is broken, and that the places have to be looked at one after the other.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.octets = np.frombuffer(data, np.uint8)

    def windows(self, starts: Places, width: int) -> Array:
        """A copy of `width` bytes, at least one, from each place; IndexError where there are fewer."""
        count = len(self.data) - width + 1
        return np.ndarray((max(count, 0),), f"V{width}", self.data, 0, (1,))[starts]

    def all_are(self, starts: Places, pattern: bytes) -> bool:
        """Whether `pattern` is at each place."""
        return not pattern or self.windows(starts, len(pattern)).tobytes() == pattern * len(starts)

    def varints(self, at: Places, longest: int = 5) -> tuple[Places, Places] | None:
        """The numbers at places, as 64 bits with a sign, and the places after them."""
        octets = self.octets[at]
        if octets.max() < 0x80:
            return octets.astype(np.int64), at + 1
        numbers = (octets & 0x7F).astype(np.int64)
        after = at + 1
        more = octets > 0x7F
        for shift in range(7, 7 * longest, 7):
            octets = np.where(more, self.octets[after - ~more], 0)
            numbers |= (octets & 0x7F).astype(np.int64) << shift
            after = after + more
            more = octets > 0x7F
            if not more.any():
                return numbers, after
        return None

    def run(self, like: int, at: int, end: int, width: int) -> int:
        """How many fields from a place on are as long as the one at `like`, which takes `width` bytes."""
        length = next(taken for taken in (1, 2, 3, 4, 5) if taken == 5 or self.data[like + taken] < 0x80)
        head = self.data[like : like + 1 + length]
        count, step = 0, 4
        limit = (end - at) // width
        while count < limit:
            step = min(step * 4, limit - count)
            found = np.ndarray((step,), f"V{len(head)}", self.data, at + count * width, (width,))
            if found.tobytes() != head * step:
                break
            count += step
        return count

    # --- entries of maps

    def entries(self, keys: list[bytes], starts: Places, stops: Places) -> list[tuple[Places, Places]] | None:
        """Where the values of each key begin and end in maps that all have these keys, in this order, and nothing else."""
        found = []
        at = starts
        try:
            for key in keys:
                head = b"\n" + varint(len(key)) + key + b"\x12"
                entry = self.spans(at, wire.FIRST, stops)
                if entry is None or not self.all_are(entry[0], head):
                    return None
                at = entry[1]
                value = self.spans(entry[0] + (len(head) - 1), wire.SECOND, at)
                if value is None or (value[1] != at).any():
                    return None
                found.append(value)
        except IndexError:
            return None
        return None if (at != stops).any() else found

    def spans(self, at: Places, tag: int, ends: Places | int) -> tuple[Places, Places] | None:
        """Where the contents of the fields at places begin and end, if all have this tag and end in time."""
        if (self.octets[at] != tag).any():
            return None
        read = self.varints(at + 1)
        if read is None:
            return None
        sizes, starts = read
        stops = starts + sizes
        return None if (stops > ends).any() else (starts, stops)

    # --- values

    def leaves(self, tag: int, starts: Places, stops: Places) -> Leaves | None:
        """The contents of values that have this tag, and after it one type key or none."""
        spans = self.spans(starts, tag, stops)
        if spans is None:
            return None
        inner, ends = spans
        tail = self.data[ends[0] : stops[0]]
        if (stops - ends != len(tail)).any() or not self.all_are(ends, tail):
            return None
        key = ""
        for field in read_fields(tail, 0, len(tail)):
            if field.tag != wire.TYPE_KEY:
                return None
            key = tail[field.start : field.stop].decode("ascii", "replace")
        return Leaves(inner, ends, key)

    def integers(self, starts: Places, stops: Places) -> list[int] | None:
        read = self.varints(starts + 1, 10)
        if read is None or (read[1] != stops).any():
            return None
        numbers: list[int] = read[0].astype(np.int32).tolist()
        return numbers

    def booleans(self, starts: Places, stops: Places) -> list[bool] | None:
        read = self.varints(starts + 1, 10)
        if read is None or (read[1] != stops).any():
            return None
        truths: list[bool] = (read[0] != 0).tolist()
        return truths

    def floats(self, starts: Places, stops: Places) -> list[float] | None:
        if (stops - starts != 9).any():
            return None
        numbers: list[float] = self.windows(starts + 1, 8).view("<f8").tolist()
        return numbers

    def stack(self, starts: Places, stops: Places) -> Stack | None:
        """Tensors that differ in nothing but their values; copied once."""
        start, size = int(starts[0]), int(stops[0] - starts[0])
        if (stops - starts != size).any():
            return None
        form, key, dtype = read_tensor_node(self.data, start, start + size)
        if form is None:
            return None
        before = form.start - start
        head, tail = self.data[start : form.start], self.data[form.start + form.size : start + size]
        if not self.all_are(starts, head) or not self.all_are(starts + (before + form.size), tail):
            return None
        kind = dtype_of(form)
        array = self.windows(starts + before, form.size).view(kind) if form.size else np.empty(0, kind)
        return Stack(checked_texts(array).reshape(len(starts), *form.shape), key, dtype)


def read_tensor_node(data: bytes, at: int, end: int) -> tuple[TensorForm | None, str, str]:
    """The tensor of a NodeProto, its type key and the dtype that NumPy does not know; None if it holds others too."""
    form, key, dtype = None, "", ""
    for field in read_fields(data, at, end):
        if field.tag == wire.TENSOR:
            form = read_form(data, field.start, field.stop)
        elif field.tag == wire.TYPE_KEY:
            key = data[field.start : field.stop].decode("ascii", "replace")
        elif field.tag == wire.DTYPE:
            dtype = data[field.start : field.stop].decode("ascii", "replace")
        else:
            return None, "", ""
    return form, key, dtype
