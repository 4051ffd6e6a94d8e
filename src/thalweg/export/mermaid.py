"""A Flow as a Mermaid flowchart, which GitHub, GitLab, notebooks and https://mermaid.live draw."""

from __future__ import annotations

import re

from thalweg.config import FlowOptions
from thalweg.export.picture import Card, picture

_UNSAFE = re.compile(r'["#&<>\[\]{}()|\\`;]|[^\x20-\x7e\xa0-\U0010ffff]')
BRACKETS = {
    "gateway": ('(["', '"])'),
    "answer": ('(["', '"])'),
    "executor": ('["', '"]'),
    "external": ('[["', '"]]'),
    "join": ('{{"', '"}}'),
}


def diagram(options: FlowOptions, vertical: bool = False) -> str:
    """The flowchart's source. Ends without a newline; what the leaves answer goes to one last node. Executors that run
    somewhere else have double walls, places where the Gateway itself
    joins or chooses are hexagons, and what is not waited for has a dotted arrow.

    Raises:
        TopologyError: the Executors do not make a graph.
    """
    shown = picture(options)
    lines = [f"flowchart {'TB' if vertical else 'LR'}"]
    for card in shown.cards:
        begin, end = BRACKETS[card.kind]
        lines.append(f"    {card.id}{begin}{_label(card)}{end}")
    lines += [f"    {arrow.source} {'-.->' if arrow.loose else '-->'} {arrow.target}" for arrow in shown.arrows]
    return "\n".join(lines)


def _label(card: Card) -> str:
    """Name, user code and what sets it apart, a line each."""
    return "<br/>".join(_escaped(line) for line in (card.title, card.code, *card.notes) if line)


def _escaped(text: str) -> str:
    """`text` with everything that Mermaid or HTML would read as markup written as a character code."""
    return _UNSAFE.sub(lambda found: f"#{ord(found[0])};", text)
