"""Figures as they were measured, and what a table says of them. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.rows import ROWS, Row


@dataclass(frozen=True)
class Figure:
    """One measurement. With a `fault` its value counts for nothing."""

    row: str
    contestant: str
    round: int
    value: float
    fault: str = ""
    details: Mapping[str, float] = field(default_factory=dict)


def headline(fault: str) -> str:
    """A fault in one line: how it begins, and the last thing that was printed about it."""
    first, *more = [line.strip() for line in fault.splitlines() if line.strip()] or [""]
    return f"{first} {more[-1]}" if more else first


@dataclass(frozen=True)
class Cell:
    """All valid figures of one contestant in one row, as median and range."""

    contestant: str
    middle: float
    least: float
    most: float
    count: int
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Thalweg against one peer in one row. `ratio` is Thalweg's median divided by the peer's."""

    row: Row
    peer: Cell
    ours: Cell | None
    ratio: float | None
    reached: bool | None


def cell(figures: Iterable[Figure], row: str, contestant: str) -> Cell | None:
    """What is known of `contestant` in `row`, None where it was not measured. NaN where no figure is valid."""
    found = [one for one in figures if one.row == row and one.contestant == contestant]
    if not found:
        return None
    faults = tuple(one.fault for one in found if one.fault)
    values = [one.value for one in found if not one.fault]
    if not values:
        return Cell(contestant, float("nan"), float("nan"), float("nan"), 0, faults)
    return Cell(contestant, median(values), min(values), max(values), len(values), faults)


def contestants(figures: Iterable[Figure], row: str) -> list[str]:
    """Who was measured in `row`, in the order of first appearance, Thalweg first."""
    names = dict.fromkeys(one.contestant for one in figures if one.row == row)
    return sorted(names, key=lambda name: name != "thalweg")


def comparisons(figures: Sequence[Figure], rows: Sequence[Row] = ROWS) -> list[Comparison]:
    """Thalweg against every peer that was measured, row by row."""
    return [
        _comparison(figures, row, name) for row in rows for name in contestants(figures, row.key) if name != "thalweg"
    ]


def _comparison(figures: Sequence[Figure], row: Row, name: str) -> Comparison:
    ours, peer = cell(figures, row.key, "thalweg"), cell(figures, row.key, name)
    if peer is None:
        raise ValueError(f"{name} has no figure in row {row.key}")
    if ours is None or not ours.count or not peer.count:
        return Comparison(row, peer, ours, None, None)
    ratio = ours.middle / peer.middle
    return Comparison(row, peer, ours, ratio, row.reached(name, ratio))
