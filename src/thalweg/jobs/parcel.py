"""What is sent at once: some documents of the input, as they stood there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from thalweg.docs.codecs.columns.layout import size_of
from thalweg.message import Buffer

FEW = 8
FEW_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the input: the number of a file, and bytes or rows into it. In the order of the input."""

    file: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Parcel:
    """Documents that follow each other in the input.

    `first` is the number of the first of them in the whole input, from 0. `end` is where the input goes on after them.
    `work` is how much of the input they were, in the unit of `FileSource.extent`.
    """

    body: tuple[Buffer, ...]
    content_type: str
    documents: int
    first: int
    end: Position
    work: int
    singly: Callable[[], list[Parcel]]
    """The same documents, each alone."""
    text: Callable[[], str]
    """How a document that stands alone is shown beside its error: as JSON."""


class ReadAhead:
    """A few parcels at a time: to wake a thread for each takes longer than to read it."""

    def __init__(self, parcels: Iterator[Parcel]) -> None:
        self._parcels = parcels
        self._error: Exception | None = None

    def few(self) -> list[Parcel]:
        """The next `FEW` parcels, or fewer where they have more than `FEW_BYTES`; none at the end. What is raised for one of
        them is raised when those before it have been taken."""
        if self._error is not None:
            raise self._error
        found: list[Parcel] = []
        room = FEW_BYTES
        try:
            while room > 0 and len(found) < FEW and (parcel := next(self._parcels, None)) is not None:
                found.append(parcel)
                room -= sum(map(size_of, parcel.body))
        except Exception as error:
            if not found:
                raise
            self._error = error
        return found
