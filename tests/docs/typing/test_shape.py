"""Shapes: what they accept, and what can be reshaped to them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.docs.typing.shape import Shape

sizes = st.lists(st.integers(0, 4), max_size=4).map(tuple)
shapes = (
    st.lists(st.integers(0, 4) | st.sampled_from("nm"), max_size=4)
    | st.tuples(sizes, st.sampled_from([(...,), (-1,), ()]), sizes).map(lambda parts: [*parts[0], *parts[1], *parts[2]])
).map(lambda dimensions: Shape(tuple(dimensions)))


@pytest.mark.parametrize(
    "dimensions, given, reached",
    [
        ((2, 3), (6,), (2, 3)),
        ((2, 3), (3, 2), (2, 3)),
        ((2, 3), (2, 3), (2, 3)),
        ((2, 3), (7,), None),
        ((6,), (1, 2, 3), (6,)),
        ((), (1, 1), ()),
        ((-1, 3), (6,), (2, 3)),
        ((-1, 3), (7,), None),
        ((-1, 0), (0,), None),
        ((-1,), (2, 3), (6,)),
        ((0, 3), (0,), (0, 3)),
        (("n", 3), (6,), None),
        ((..., 3), (6,), None),
    ],
)
def test_what_can_be_reshaped(dimensions: Any, given: tuple[int, ...], reached: tuple[int, ...] | None) -> None:
    assert Shape(dimensions).reached_from(given) == reached


@settings(deadline=None)
@given(shapes, sizes)
def test_what_is_reached_is_accepted_and_numpy_agrees(shape: Shape, given: tuple[int, ...]) -> None:
    reached = shape.reached_from(given)
    if reached is not None:
        assert shape.accepts(reached)
        assert np.zeros(given).reshape(shape.numbers).shape == reached
    elif shape.numbers is not None:
        with pytest.raises(ValueError, match="reshape"):
            np.zeros(given).reshape(shape.numbers)


@settings(deadline=None)
@given(shapes)
def test_sizes_that_are_known_are_accepted(shape: Shape) -> None:
    if shape.exact is not None:
        assert shape.accepts(shape.exact)
        assert not shape.accepts((*shape.exact, 1))


@pytest.mark.parametrize("dimensions", [(-1, -1), (-1, "n"), (-1, ...), (-2,), (..., ...)])
def test_shapes_that_make_no_sense(dimensions: Any) -> None:
    with pytest.raises(ValueError, match=r"at most one|at most once|never negative"):
        Shape(dimensions)


def test_any_size_is_written_and_described() -> None:
    shape = Shape((-1, 3))
    assert str(shape) == "(-1, 3)"
    assert shape.exact is None
    assert shape.accepts((0, 3))
    assert not shape.accepts((3,))
    found = shape.json_schema({"type": "number"})
    assert "minItems" not in found
    assert found["items"] == {"type": "array", "minItems": 3, "maxItems": 3, "items": {"type": "number"}}
