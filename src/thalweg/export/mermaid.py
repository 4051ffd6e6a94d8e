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
    "join": ('(("', '"))'),
}


def diagram(options: FlowOptions, vertical: bool = False) -> str:
    """The flowchart's source. Ends without a newline; what the leaves answer goes to one last node. Executors that run
    somewhere else have double walls, arrows that are not waited for are dotted.

    Raises:
        TopologyError: the Executors do not make a graph.
    """
    shown = picture(options)
    lines = [f"flowchart {'TB' if vertical else 'LR'}"]
    for shape in shown.shapes:
        begin, end = BRACKETS[shape.kind]
        lines.append(f"    {shape.id}{begin}{_label(shape)}{end}")
    lines += [f"    {arrow.source} {'-.->' if arrow.loose else '-->'} {arrow.target}" for arrow in shown.arrows]
    return "\n".join(lines)


def _label(shape: Card) -> str:
    """Name, user code and what sets it apart, a line each."""
    return "<br/>".join(_escaped(line) for line in (shape.title, shape.code, *shape.notes) if line)


def _escaped(text: str) -> str:
    """`text` with everything that Mermaid or HTML would read as markup written as a character code."""
    return _UNSAFE.sub(lambda found: f"#{ord(found[0])};", text)
