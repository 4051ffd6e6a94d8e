"""Encoded values, one for each document, kept in layers so that Python does little for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, repeat
from operator import add
from typing import Any, NamedTuple, TypeAlias

from thalweg.docs.codecs.protobuf.wire import FIRST, varint

Piece: TypeAlias = Any
"""Bytes, or a view of bytes that is copied only when all is joined."""


class Frame(NamedTuple):
    """What is put around the contents of a field: `lead`, `tag`, the length of the contents, the contents, `tail`."""

    tag: bytes
    lead: bytes = b""
    tail: bytes = b""


def ends(frames: Sequence[Frame], size: int) -> tuple[bytes, bytes]:
    """What comes before and after contents of `size` bytes within frames, the innermost first."""
    head = tail = b""
    for frame in frames:
        before = frame.lead + frame.tag + varint(size)
        head, tail = before + head, tail + frame.tail
        size += len(before) + len(frame.tail)
    return head, tail


ITEM = Frame(bytes([FIRST]))
"""An item of a list, as in DocListProto and ListOfAnyProto, and an entry of a map."""


def entry(name: str, tag: int = FIRST) -> tuple[Frame, Frame]:
    """The frames of a value under a name in a map, which is the field `tag`."""
    key = name.encode()
    return Frame(b"\x12", b"\x0a" + varint(len(key)) + key), Frame(bytes([tag]))


class Pieces(list[list[Piece]]):
    """A layer that holds several pieces for each row."""


Layer: TypeAlias = bytes | list[Piece] | Pieces


class Rows(NamedTuple):
    """`length` encoded values. Row `i` is the row of each layer, one after the other; bytes are the same in all rows.

    `sizes` are those of the rows, one number where all have the same.
    """

    length: int
    sizes: int | list[int]
    layers: list[Layer]

    @classmethod
    def of(cls, pieces: Pieces) -> Rows:
        """Rows of several pieces each."""
        return cls(len(pieces), [sum(map(len, row)) for row in pieces], [pieces])

    def framed(self, frames: Sequence[Frame]) -> Rows:
        """The rows within frames, the innermost first."""
        if isinstance(self.sizes, int):
            head, tail = ends(frames, self.sizes)
            return Rows(self.length, len(head) + self.sizes + len(tail), _layered([head, *self.layers, tail]))
        heads = {size: ends(frames, size)[0] for size in set(self.sizes)}
        tail = b"".join(frame.tail for frame in frames)
        totals = {size: len(head) + size + len(tail) for size, head in heads.items()}
        sizes = list(map(totals.__getitem__, self.sizes))
        return Rows(self.length, sizes, _layered([list(map(heads.__getitem__, self.sizes)), *self.layers, tail]))

    def spread(self, present: Sequence[bool], filler: bytes) -> Rows:
        """The rows where `present` is true, and `filler` where it is not."""
        sizes = iter(repeat(self.sizes) if isinstance(self.sizes, int) else self.sizes)
        layers: list[Layer] = [[b"" if there else filler for there in present]]
        for layer in self.layers:
            if isinstance(layer, Pieces):
                groups = iter(layer)
                layers.append(Pieces(next(groups) if there else [] for there in present))
            else:
                cells = iter(repeat(layer) if isinstance(layer, bytes) else layer)
                layers.append([next(cells) if there else b"" for there in present])
        return Rows(len(present), [next(sizes) if there else len(filler) for there in present], layers)

    def grouped(self, lengths: Sequence[int]) -> Rows:
        """Rows that are so many of these rows each, one after the other."""
        rows = self.pieces()
        ends = list(accumulate(lengths))
        if isinstance(self.sizes, int):
            sizes = [length * self.sizes for length in lengths]
        else:
            sizes = [sum(self.sizes[end - length : end]) for length, end in zip(lengths, ends, strict=True)]
        groups = Pieces(
            list(chain.from_iterable(rows[end - length : end])) for length, end in zip(lengths, ends, strict=True)
        )
        return Rows(len(groups), sizes, [groups])

    def pieces(self) -> Pieces:
        """The pieces of each row."""
        columns = (
            layer if isinstance(layer, Pieces) else zip(self._cells(layer), strict=True) for layer in self.layers
        )
        return (
            Pieces(list(chain.from_iterable(row)) for row in zip(*columns, strict=True))
            if self.layers
            else Pieces([] for _ in range(self.length))
        )

    def flat(self) -> Iterator[Piece]:
        """The pieces of all rows, one row after the other."""
        if not self.layers:
            return iter(())
        if any(isinstance(layer, Pieces) for layer in self.layers):
            return chain.from_iterable(self.pieces())
        return chain.from_iterable(zip(*map(self._cells, self.layers), strict=True))

    def _cells(self, layer: Layer) -> Iterable[Any]:
        return repeat(layer, self.length) if isinstance(layer, bytes) else layer

    def size(self) -> int:
        """Bytes of all rows together."""
        return self.length * self.sizes if isinstance(self.sizes, int) else sum(self.sizes)


def side_by_side(count: int, parts: Sequence[Rows]) -> Rows:
    """Rows that are the rows of all `parts`, one after the other."""
    fixed = sum(part.sizes for part in parts if isinstance(part.sizes, int))
    varying = [part.sizes for part in parts if not isinstance(part.sizes, int)]
    sizes: int | list[int] = fixed
    if varying:
        totals = varying[0]
        for more in varying[1:]:
            totals = list(map(add, totals, more))
        sizes = [total + fixed for total in totals] if fixed else totals
    return Rows(count, sizes, _layered(chain.from_iterable(part.layers for part in parts)))


def interleaved(count: int, parts: Sequence[tuple[list[int], Rows]]) -> Rows:
    """Rows that are in `parts` with their places among `count`."""
    sizes, pieces = [0] * count, Pieces([] for _ in range(count))
    for places, rows in parts:
        each = repeat(rows.sizes, rows.length) if isinstance(rows.sizes, int) else rows.sizes
        for place, size, row in zip(places, each, rows.pieces(), strict=True):
            sizes[place], pieces[place] = size, row
    return Rows(count, sizes, [pieces])


def _layered(layers: Iterable[Layer]) -> list[Layer]:
    """The layers, those that are the same in all rows made one where they meet."""
    made: list[Layer] = []
    for layer in layers:
        if isinstance(layer, bytes):
            if not layer:
                continue
            if made and isinstance(made[-1], bytes):
                made[-1] += layer
                continue
        made.append(layer)
    return made
