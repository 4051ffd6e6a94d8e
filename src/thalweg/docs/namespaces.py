"""The namespaces of many documents that have the same fields.

For each order of names a comprehension is written, as `dataclasses` writes its methods: a dict whose names are known when
it is compiled takes a third of what one takes that is zipped together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

Namespaces: TypeAlias = Callable[[Sequence[Sequence[Any]]], list[dict[str, Any]]]
"""Of one column of values for each name a dict for each row.

Raises:
    ValueError: columns differ in length.
"""


@lru_cache(maxsize=1024)
def namespaces(names: tuple[str, ...]) -> Namespaces:
    """What makes the namespaces of documents with fields of these names."""
    cells = "".join(f"cell{number}, " for number in range(len(names)))
    # Whatever a name is, its repr is nothing but a string.
    items = ", ".join(f"{name!r}: cell{number}" for number, name in enumerate(names))
    made: Namespaces = eval(f"lambda columns: [{{{items}}} for {cells}in zip(*columns, strict=True)]", {"zip": zip})
    return made
