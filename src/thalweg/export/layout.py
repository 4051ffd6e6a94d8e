"""Where the boxes and lines of a picture of a graph go; pure.

Sugiyama's method (K. Sugiyama, S. Tagawa, M. Toda: Methods for Visual Understanding of Hierarchical System Structures, IEEE
Trans. SMC 11, 1981): layers by longest path, an order in each layer with few crossings by barycentres, and places as near
to the neighbours' as the order allows.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Point = tuple[float, float]
Edge = tuple[str, str]
SWEEPS = 12
"""There and back through the layers; graphs of services are settled after two or three."""
BEND = 14.0
"""How much room a line takes where it passes a layer."""


@dataclass(frozen=True)
class Size:
    """What a box takes: `along` the direction in which the graph runs, and `across` it."""

    along: float
    across: float


@dataclass(frozen=True)
class Arrangement:
    """The middle of each box as (along, across) from the corner, the points that each line passes, and the whole size."""

    places: Mapping[str, Point]
    routes: Mapping[Edge, Sequence[Point]]
    size: Size


def arrange(sizes: Mapping[str, Size], edges: Sequence[Edge], gap: Size) -> Arrangement:
    """A layout of the acyclic graph of `edges` between the boxes of `sizes`, `gap` apart. The same for the same input."""
    layers = _layers(list(sizes), edges)
    chains = {edge: _chain(edge, layers) for edge in edges}
    links = [pair for chain in chains.values() for pair in itertools.pairwise(chain)]
    for chain in chains.values():
        layers.update((bend, layers[chain[0]] + step) for step, bend in enumerate(chain))
    rows: list[list[str]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    for name, layer in layers.items():
        rows[layer].append(name)
    widths = {name: sizes[name] if name in sizes else Size(0.0, BEND) for name in layers}
    rows = _ordered(rows, links)
    across = _spread(rows, links, widths, gap.across)
    return _placed(rows, across, widths, chains, gap.along)


def _layers(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Each node as far along as the longest way to it."""
    before = defaultdict(list)
    for source, target in edges:
        before[target].append(source)
    found: dict[str, int] = {}

    def layer(name: str) -> int:
        if name not in found:
            found[name] = max((layer(source) + 1 for source in before[name]), default=0)
        return found[name]

    for name in names:
        layer(name)
    return {name: found[name] for name in names}


def _chain(edge: Edge, layers: Mapping[str, int]) -> list[str]:
    """The ends of `edge` with a bend for each layer that it passes."""
    source, target = edge
    bends = [f"{source}\0{target}\0{layer}" for layer in range(layers[source] + 1, layers[target])]
    return [source, *bends, target]


def _neighbours(links: Sequence[Edge]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    before, after = defaultdict(list), defaultdict(list)
    for source, target in links:
        after[source].append(target)
        before[target].append(source)
    return before, after


def crossings(rows: Sequence[Sequence[str]], links: Sequence[Edge]) -> int:
    """How often lines cross each other between layers in this order."""
    position = {name: index for row in rows for index, name in enumerate(row)}
    layer = {name: index for index, row in enumerate(rows) for name in row}
    by_layer = defaultdict(list)
    for source, target in links:
        by_layer[layer[source]].append((position[source], position[target]))
    return sum(
        (a < c and b > d) or (a > c and b < d)
        for pairs in by_layer.values()
        for index, (a, b) in enumerate(pairs)
        for c, d in pairs[:index]
    )


def _ordered(rows: list[list[str]], links: Sequence[Edge]) -> list[list[str]]:
    """The order with the fewest crossings that sweeping finds; the given one where nothing is better."""
    before, after = _neighbours(links)
    best, fewest = [list(row) for row in rows], crossings(rows, links)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        downward = sweep % 2 == 0
        order = range(1, len(rows)) if downward else range(len(rows) - 2, -1, -1)
        for index in order:
            beside = {name: place for place, name in enumerate(rows[index - 1 if downward else index + 1])}
            rows[index].sort(key=_by_middle(beside, before if downward else after, rows[index]))
        found = crossings(rows, links)
        if found < fewest:
            best, fewest = [list(row) for row in rows], found
    return best


def _by_middle(
    beside: Mapping[str, int], neighbours: Mapping[str, list[str]], row: Sequence[str]
) -> Callable[[str], float]:
    """The mean place of a node's neighbours; its own where it has none."""
    own = {name: float(place) for place, name in enumerate(row)}

    def middle(name: str) -> float:
        places = [beside[other] for other in neighbours.get(name, ()) if other in beside]
        return sum(places) / len(places) if places else own[name]

    return middle


def _spread(
    rows: Sequence[Sequence[str]], links: Sequence[Edge], widths: Mapping[str, Size], gap: float
) -> dict[str, float]:
    """The middles across, each near to the mean of its neighbours'."""
    before, after = _neighbours(links)
    across: dict[str, float] = {}
    for row in rows:
        across.update(zip(row, _apart([0.0] * len(row), [widths[name].across for name in row], gap), strict=True))
    for sweep in range(SWEEPS):
        downward = sweep % 2 == 0
        for row in rows if downward else reversed(rows):
            wanted = []
            for name in row:
                near = (before if downward else after).get(name) or (after if downward else before).get(name)
                wanted.append(sum(across[other] for other in near) / len(near) if near else across[name])
            across.update(zip(row, _apart(wanted, [widths[name].across for name in row], gap), strict=True))
    return across


def _apart(wanted: Sequence[float], widths: Sequence[float], gap: float) -> list[float]:
    """The middles nearest to `wanted`, in their order, that do not overlap: least squares by pooling adjacent violators."""
    offsets = [0.0]
    for left, right in itertools.pairwise(widths):
        offsets.append(offsets[-1] + (left + right) / 2 + gap)
    blocks: list[list[float]] = []  # sum and number of what each block wants for its first member
    for want, offset in zip(wanted, offsets, strict=False):
        blocks.append([want - offset, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, number = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += number
    starts = [total / number for total, number in blocks for _ in range(int(number))]
    return [start + offset for start, offset in zip(starts, offsets, strict=False)]


def _placed(
    rows: Sequence[Sequence[str]],
    across: Mapping[str, float],
    widths: Mapping[str, Size],
    chains: Mapping[Edge, Sequence[str]],
    gap: float,
) -> Arrangement:
    """Everything moved so that the corner is (0, 0)."""
    top = min((across[name] - widths[name].across / 2 for name in across), default=0.0)
    bottom = max((across[name] + widths[name].across / 2 for name in across), default=0.0)
    places: dict[str, Point] = {}
    start = 0.0
    ends: dict[str, Point] = {}
    for row in rows:
        depth = max(widths[name].along for name in row)
        for name in row:
            places[name] = (start + depth / 2, across[name] - top)
            half = depth / 2 if not widths[name].along else widths[name].along / 2
            ends[name] = (start + depth / 2 - half, start + depth / 2 + half)
        start += depth + gap
    routes = {edge: _route(chain, places, ends) for edge, chain in chains.items()}
    boxes = {name: place for name, place in places.items() if "\0" not in name}
    return Arrangement(boxes, routes, Size(max(0.0, start - gap), bottom - top))


def _route(chain: Sequence[str], places: Mapping[str, Point], ends: Mapping[str, Point]) -> list[Point]:
    """From the far side of the first box to the near side of the last, straight past every layer between."""
    first, last = chain[0], chain[-1]
    points = [(ends[first][1], places[first][1])]
    for bend in chain[1:-1]:
        points += [(ends[bend][0], places[bend][1]), (ends[bend][1], places[bend][1])]
    return [*points, (ends[last][0], places[last][1])]
