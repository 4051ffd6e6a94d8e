"""A Flow as an SVG picture, drawn by ourselves: nothing is asked of the network, and the same Flow gives the same bytes."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterator, Sequence
from html import escape

from thalweg.config import FlowOptions
from thalweg.export.layout import Arrangement, Point, Size, arrange
from thalweg.export.picture import Card, Picture, picture

MARGIN = 28.0
GAP_ALONG, GAP_ACROSS = 64.0, 26.0
TITLE_SIZE, TEXT_SIZE = 15.0, 12.5
LINE = 18.0
PADDING = 16.0
STACK = 5.0
"""How far each sheet of a stack shows behind the one before."""

LIGHT = {
    "ink": "#0f2a33",
    "soft": "#4d6872",
    "line": "#7c98a3",
    "card": "#ffffff",
    "edge": "#b9cad1",
    "water": "#0b7285",
    "deep": "#e3f4f7",
    "warm": "#a65200",
    "paper": "#fbfdfe",
}
DARK = {
    "ink": "#e6f1f4",
    "soft": "#9db8c2",
    "line": "#66848f",
    "card": "#12262d",
    "edge": "#35525c",
    "water": "#4fc3d9",
    "deep": "#10343d",
    "warm": "#ffb35c",
    "paper": "#0b181d",
}
COLOURS = """
    .paper { fill: %(paper)s }
    .title { fill: %(ink)s }
    .code { fill: %(soft)s }
    .note { fill: %(warm)s }
    .box { fill: %(card)s; stroke: %(edge)s }
    .gateway .box, .answer .box { fill: %(deep)s; stroke: %(water)s }
    .gateway .title, .answer .title { fill: %(water)s }
    .external .box { stroke: %(soft)s }
    .join .box { fill: %(deep)s }
    .arrow { stroke: %(line)s }
    .head { fill: %(line)s }"""
STYLE = f"""
    text {{ font-family: system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif;
           text-anchor: middle }}
    .title {{ font-size: 15px; font-weight: 600 }}
    .code, .note {{ font-size: 12.5px }}
    .box {{ stroke-width: 1.4px }}
    .external .box {{ stroke-dasharray: 5 4 }}
    .arrow {{ fill: none; stroke-width: 1.6px }}
    .loose {{ stroke-dasharray: 1 5; stroke-linecap: round }}{COLOURS % LIGHT}
    @media (prefers-color-scheme: dark) {{{COLOURS % DARK}
    }}
"""
"""Plain colours, not variables: whoever draws without a browser knows no variables."""


def svg(options: FlowOptions, vertical: bool = False) -> str:
    """The picture's source: from left to right, or from top to bottom where `vertical`. It follows the reader's choice of
    light or dark.

    Raises:
        TopologyError: the Executors do not make a graph.
    """
    return drawn(picture(options), vertical)


def drawn(shown: Picture, vertical: bool = False) -> str:
    """Any picture as SVG."""
    boxes = {card.id: _measured(card) for card in shown.cards}
    sizes = {name: Size(tall, wide) if vertical else Size(wide, tall) for name, (wide, tall) in boxes.items()}
    gap = Size(GAP_ACROSS * 1.9, GAP_ACROSS) if vertical else Size(GAP_ALONG, GAP_ACROSS)
    layout = arrange(sizes, [(arrow.source, arrow.target) for arrow in shown.arrows], gap)
    width, height = _turned((layout.size.along, layout.size.across), vertical)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width + 2 * MARGIN)} {_n(height + 2 * MARGIN)}"'
            f' width="{_n(width + 2 * MARGIN)}" height="{_n(height + 2 * MARGIN)}" role="img">',
            f"<title>{escape(shown.title)}</title>",
            f"<style>{STYLE}</style>",
            '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7"'
            ' orient="auto"><path class="head" d="M0 0.8 L10 5 L0 9.2 z"/></marker></defs>',
            '<rect class="paper" width="100%" height="100%"/>',
            f'<g transform="translate({_n(MARGIN)} {_n(MARGIN)})">',
            *_arrows(shown, layout, vertical),
            *(line for card in shown.cards for line in _box(card, boxes[card.id], layout, vertical)),
            "</g>",
            "</svg>",
        ]
    )


def _measured(card: Card) -> tuple[float, float]:
    """Width and height of a box around its text."""
    widths = [_text_width(card.title, TITLE_SIZE) * 1.06]
    widths += [_text_width(text, TEXT_SIZE) for text in (card.code, *card.notes) if text]
    lines = 1 + bool(card.code) + len(card.notes)
    wide = max(92.0 if card.kind != "join" else 60.0, max(widths) + 2 * PADDING)
    return round(wide), lines * LINE + 1.3 * PADDING


def _text_width(text: str, size: float) -> float:
    """About how wide text is in a sans-serif font: browsers know better, but the picture is drawn without one."""
    return size * sum(_advance(character) for character in text)


def _advance(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    if character in "iljtfrI.,:;'|!()[]/ ":
        return 0.36
    return 0.9 if character in "mwMW@%" else 0.68 if character.isupper() else 0.585


def _box(card: Card, box: tuple[float, float], layout: Arrangement, vertical: bool) -> Iterator[str]:
    wide, tall = box
    x, y = _turned(layout.places[card.id], vertical)
    left, top = x - wide / 2, y - tall / 2
    radius = tall / 2 if card.kind in ("gateway", "answer") else 9.0
    yield f'<g class="{card.kind}">'
    for sheet in (2, 1) if card.stacked else ():
        yield _rect(left + sheet * STACK, top - sheet * STACK, wide, tall, radius)
    yield _rect(left, top, wide, tall, radius)
    texts = [("title", card.title), ("code", card.code), *(("note", note) for note in card.notes)]
    texts = [(kind, text) for kind, text in texts if text]
    first = y - (len(texts) - 1) * LINE / 2 + 5
    for index, (kind, text) in enumerate(texts):
        yield f'<text class="{kind}" x="{_n(x)}" y="{_n(first + index * LINE)}">{escape(text)}</text>'
    yield "</g>"


def _rect(x: float, y: float, wide: float, tall: float, radius: float) -> str:
    return (
        f'<rect class="box" x="{_n(x)}" y="{_n(y)}" width="{_n(wide)}" height="{_n(tall)}" rx="{_n(min(radius, 24))}"/>'
    )


def _arrows(shown: Picture, layout: Arrangement, vertical: bool) -> Iterator[str]:
    stacked = {card.id for card in shown.cards if card.stacked}
    for arrow in shown.arrows:
        points = list(layout.routes[arrow.source, arrow.target])
        if arrow.source in stacked and not vertical:
            points[0] = (points[0][0] + 2 * STACK, points[0][1])
        if arrow.target in stacked and vertical:
            points[-1] = (points[-1][0] - 2 * STACK, points[-1][1])
        kind = "arrow loose" if arrow.loose else "arrow"
        yield f'<path class="{kind}" marker-end="url(#head)" d="{_curve(points, vertical)}"/>'


def _curve(points: Sequence[Point], vertical: bool) -> str:
    """A line that leaves and enters along the direction of the graph, and runs straight past the layers between."""
    path = f"M{_pair(points[0], vertical)}"
    for index, ((a, b), (c, d)) in enumerate(itertools.pairwise(points)):
        if index % 2 or abs(b - d) < 0.5:
            path += f" L{_pair((c, d), vertical)}"
        else:
            middle = (a + c) / 2
            control = f"{_pair((middle, b), vertical)} {_pair((middle, d), vertical)}"
            path += f" C{control} {_pair((c, d), vertical)}"
    return path


def _pair(point: Point, vertical: bool) -> str:
    x, y = _turned(point, vertical)
    return f"{_n(x)} {_n(y)}"


def _turned(point: Point, vertical: bool) -> Point:
    return (point[1], point[0]) if vertical else point


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
