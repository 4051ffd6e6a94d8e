import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.export.layout import Arrangement, Edge, Size, arrange, crossings

GAP = Size(40, 20)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, Size], list[Edge]]:
    number = draw(st.integers(1, 14))
    length = st.floats(10, 200)
    sizes = {f"n{index}": Size(draw(length), draw(length)) for index in range(number)}
    edges = [
        (f"n{source}", f"n{target}")
        for target in range(number)
        for source in range(target)
        if draw(st.integers(0, 3)) == 0
    ]
    return sizes, edges


def box(name: str, sizes: dict[str, Size], drawn: Arrangement) -> tuple[float, float, float, float]:
    (along, across), size = drawn.places[name], sizes[name]
    return along - size.along / 2, along + size.along / 2, across - size.across / 2, across + size.across / 2


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_boxes_never_overlap_and_edges_go_forward(graph: tuple[dict[str, Size], list[Edge]]) -> None:
    sizes, edges = graph
    drawn = arrange(sizes, edges, GAP)
    boxes = {name: box(name, sizes, drawn) for name in sizes}
    for one, (left, right, top, bottom) in boxes.items():
        assert left >= -1e-6
        assert right <= drawn.size.along + 1e-6
        assert top >= -1e-6
        assert bottom <= drawn.size.across + 1e-6
        for other, (begin, end, high, low) in boxes.items():
            apart = right <= begin + 1e-6 or end <= left + 1e-6 or bottom <= high + 1e-6 or low <= top + 1e-6
            assert one == other or apart
    for (source, target), route in drawn.routes.items():
        assert route[0] == pytest.approx((boxes[source][1], drawn.places[source][1]))
        assert route[-1] == pytest.approx((boxes[target][0], drawn.places[target][1]))
        assert all(before[0] <= after[0] + 1e-6 for before, after in pairwise(route))


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_lines_pass_no_box_that_is_not_theirs(graph: tuple[dict[str, Size], list[Edge]]) -> None:
    sizes, edges = graph
    drawn = arrange(sizes, edges, GAP)
    for edge, route in drawn.routes.items():
        for (begin, height), (end, _) in list(pairwise(route))[1::2]:
            for name in sizes.keys() - set(edge):
                left, right, top, bottom = box(name, sizes, drawn)
                assert end <= left + 1e-6 or right <= begin + 1e-6 or height <= top + 1e-6 or bottom <= height + 1e-6


def test_the_same_graph_is_drawn_the_same() -> None:
    sizes = {name: Size(50, 20) for name in "abcdef"}
    edges = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "e"), ("d", "f"), ("e", "f"), ("a", "f")]
    assert arrange(sizes, edges, GAP) == arrange(dict(sizes), list(edges), GAP)


def test_crossings_are_counted() -> None:
    assert crossings([["a", "b"], ["c", "d"]], [("a", "d"), ("b", "c")]) == 1
    assert crossings([["a", "b"], ["c", "d"]], [("a", "c"), ("b", "d")]) == 0


def test_two_chains_that_are_given_crosswise_do_not_cross() -> None:
    sizes = {name: Size(50, 20) for name in ("in", "a", "b", "b2", "a2", "b3", "a3")}
    edges = [("in", "a"), ("in", "b"), ("a", "a2"), ("b", "b2"), ("a2", "a3"), ("b2", "b3")]
    drawn = arrange(sizes, edges, GAP)
    order = [drawn.places[one][1] < drawn.places[other][1] for one, other in (("a", "b"), ("a2", "b2"), ("a3", "b3"))]
    assert len(set(order)) == 1


def test_a_straight_chain_is_a_straight_line() -> None:
    sizes = {name: Size(50, height) for name, height in (("a", 20), ("b", 60), ("c", 30))}
    drawn = arrange(sizes, [("a", "b"), ("b", "c")], GAP)
    assert len({round(across, 6) for _, across in drawn.places.values()}) == 1


def test_a_hundred_boxes_are_no_trouble() -> None:
    rng = random.Random(1)
    names = [f"n{index}" for index in range(100)]
    edges = {(names[rng.randrange(index)], names[index]) for index in range(1, 100) for _ in range(2)}
    assert len(arrange({name: Size(80, 40) for name in names}, sorted(edges), GAP).places) == 100


def test_nothing_at_all_can_be_drawn() -> None:
    assert arrange({}, [], GAP).size == Size(0, 0)
