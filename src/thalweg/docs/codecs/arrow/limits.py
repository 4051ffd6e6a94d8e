"""How much Python may be made of a table that a stranger wrote."""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg.docs.codecs.arrow.library import pa
from thalweg.docs.codecs.arrow.storage import is_list, is_list_view
from thalweg.errors import MalformedRequest

FLOOR = 1_000_000
"""Values that any table may have, however few bytes they take: nulls take none."""

VALUES, BYTES = 64, 16
"""Values, and bytes of text, that may be made of each byte of a table."""


def allowance(table: Any) -> int:
    """How many values the documents of a table may have.

    Raises:
        MalformedRequest: the table claims more values, or more text, than its bytes can honestly hold.
    """
    size: int = table.get_total_buffer_size()  # of views, a slice does not tell
    meter = _Meter(FLOOR + VALUES * size, FLOOR + BYTES * size)
    for column in table.columns:
        for chunk in column.chunks:
            meter.count(chunk)
    return FLOOR + VALUES * size


class _Meter:
    """Counts down the values and the bytes of text that are still allowed."""

    def __init__(self, values: int, text: int) -> None:
        self._values = values
        self._text = text

    def count(self, array: Any) -> None:
        """Take off what an array holds, and what lists and structs in it hold."""
        self._spend(len(array))
        kind = array.type
        if isinstance(kind, pa.BaseExtensionType):
            array, kind = array.storage, array.storage.type
        if is_list(kind):
            self.count(self._items(array))
        elif pa.types.is_map(kind):
            _, keys, items = map_parts(array)
            self.count(keys)
            self.count(items)
        elif pa.types.is_struct(kind):
            for number in range(kind.num_fields):
                self.count(array.field(number))
        elif str(kind) in ("string_view", "binary_view"):
            self._spend_text(_view_bytes(array))

    def _items(self, lists: Any) -> Any:
        if pa.types.is_fixed_size_list(lists.type):
            size = lists.type.list_size
            return lists.values.slice(lists.offset * size, len(lists) * size)
        if is_list_view(lists.type):
            self._spend(int(lists.sizes.to_numpy().sum()))  # they may overlap, and so be more than there are
            return lists.values
        offsets = lists.offsets.to_numpy()
        return lists.values.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))

    def _spend(self, values: int) -> None:
        self._values -= values
        if self._values < 0:
            raise MalformedRequest("The table claims more values than its bytes can hold.")

    def _spend_text(self, count: int) -> None:
        self._text -= count
        if self._text < 0:
            raise MalformedRequest("The table claims more text than its bytes can hold.")


def map_parts(array: Any) -> tuple[np.ndarray[Any, Any], Any, Any]:
    """Where the entries of each map end among its keys and items, beginning with zero; the keys; the items."""
    offsets = array.offsets.to_numpy()
    first, last = int(offsets[0]), int(offsets[-1])
    return offsets - first, array.keys.slice(first, last - first), array.items.slice(first, last - first)


def _view_bytes(array: Any) -> int:
    """Bytes of text that views show, which may be more than there are: the first of the four numbers of each view."""
    if not len(array):
        return 0
    views = np.frombuffer(array.buffers()[1], np.int32, 4 * len(array), 16 * array.offset)
    return int(views[::4].sum(dtype=np.int64))
