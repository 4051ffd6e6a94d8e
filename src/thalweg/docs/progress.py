"""A bar that tells how far something has come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def tracked(items: Iterable[T], doing: str, show: bool, total: int | None = None) -> Iterator[T]:
    """`items`, with a bar in the terminal for as long as they are taken where `show` is True.

    Args:
        items: what is counted.
        doing: what the bar says, such as "Saving".
        show: whether there is a bar.
        total: how many there will be; None where nobody knows, unless `items` has a length.
    """
    if not show:
        return iter(items)
    from rich.progress import track

    return iter(track(items, doing, total))
