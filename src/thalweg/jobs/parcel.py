"""What is sent at once: some documents of the input, as they stood there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from thalweg.message import Buffer


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
