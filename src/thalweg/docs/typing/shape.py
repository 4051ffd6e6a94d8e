"""Shapes as annotations write them: numbers, names and an ellipsis."""

from __future__ import annotations

from functools import cached_property
from types import EllipsisType
from typing import Any, TypeAlias

Dimension: TypeAlias = int | str | EllipsisType


class Shape:
    """What the shape of a tensor must be.

    A number is a size. A name stands for any size, the same wherever the name comes again. `...`, at most once, stands
    for one or more dimensions of any size.

    Raises:
        ValueError: more than one ellipsis, or a negative size.
        TypeError: a dimension that is none of the three.
    """

    __slots__ = ("__dict__", "dimensions")

    def __init__(self, dimensions: tuple[Dimension, ...]) -> None:
        for dimension in dimensions:
            if isinstance(dimension, bool) or not isinstance(dimension, (int, str, EllipsisType)):
                raise TypeError(f"a dimension is a number, a name or '...', not {dimension!r}")
            if isinstance(dimension, int) and dimension < 0:
                raise ValueError(f"a size is never negative, but {dimension} was given; a name stands for any size")
        if sum(dimension is ... for dimension in dimensions) > 1:
            raise ValueError("a shape holds at most one '...'")
        self.dimensions = dimensions

    @cached_property
    def exact(self) -> tuple[int, ...] | None:
        """The sizes, where all of them are numbers."""
        sizes = tuple(dimension for dimension in self.dimensions if isinstance(dimension, int))
        return sizes if len(sizes) == len(self.dimensions) else None

    def accepts(self, sizes: tuple[int, ...]) -> bool:
        """Whether a tensor of these sizes has this shape."""
        wanted = self.dimensions
        if ... in wanted:
            if len(sizes) < len(wanted):
                return False
            before = wanted.index(...)
            after = len(wanted) - before - 1
            wanted = wanted[:before] + wanted[before + 1 :]
            sizes = sizes[:before] + sizes[len(sizes) - after :]
        if len(sizes) != len(wanted):
            return False
        bound: dict[str, int] = {}
        for dimension, size in zip(wanted, sizes, strict=True):
            expected = bound.setdefault(dimension, size) if isinstance(dimension, str) else dimension
            if expected != size:
                return False
        return True

    def completed(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """`sizes` of empty nested lists, in which no depth below the empty one can be seen, with what is known of it."""
        hidden = self.dimensions[len(sizes) :]
        if ... in self.dimensions or 0 not in sizes:
            return sizes
        return sizes + tuple(dimension if isinstance(dimension, int) else 0 for dimension in hidden)

    def json_schema(self, number: dict[str, Any]) -> dict[str, Any]:
        """Nested arrays of `number`, as exact as JSON Schema can say it."""
        known, schema = self.dimensions, number
        if ... in known:
            known, schema = known[: known.index(...)], {"type": "array", "items": {}}
        for dimension in reversed(known):
            schema = {"type": "array", "items": schema}
            if isinstance(dimension, int):
                schema |= {"minItems": dimension, "maxItems": dimension}
        return schema

    def __str__(self) -> str:
        names = ("..." if dimension is ... else str(dimension) for dimension in self.dimensions)
        return f"({', '.join(names)}{',' if len(self.dimensions) == 1 else ''})"

    def __repr__(self) -> str:
        return f"Shape({self.dimensions!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and self.dimensions == other.dimensions

    def __hash__(self) -> int:
        return hash(self.dimensions)

    def __reduce__(self) -> tuple[type[Shape], tuple[tuple[Dimension, ...]]]:
        return Shape, (self.dimensions,)
