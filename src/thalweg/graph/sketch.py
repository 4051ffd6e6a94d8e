"""Small drawings of the part of a graph that is wrong, for errors; plain text that every terminal shows."""

from __future__ import annotations

from collections.abc import Sequence

INDENT = "    "
LONGEST_PATH = 6
"""Names on one line; what comes before them is dots."""


def path(names: Sequence[str], marked: Sequence[str] = (), remark: str = "") -> str:
    """`names` as a line of arrows, with carets below those that are `marked`, and `remark` behind the carets."""
    shown = list(names)
    if len(shown) > LONGEST_PATH:
        shown = ["...", *shown[1 - LONGEST_PATH :]]
    line = " -> ".join(shown)
    below = "    ".join(("^" if name in marked else " ") * len(name) for name in shown).rstrip()
    return _lines(line, *([f"{below} {remark}".rstrip()] if below else []))


def circle(names: Sequence[str]) -> str:
    """`names`, the last of which feeds the first."""
    line = f"+-> {' -> '.join(names)} -+"
    return _lines(line, f"+{'-' * (len(line) - 2)}+")


def unknown_need(name: str, needs: Sequence[str], unknown: str, remark: str) -> str:
    """What `name` reads, an arrow for each, where there is no `unknown`."""
    width = max(map(len, needs))
    lines = []
    for need in needs:
        arrow = "-?->" if need == unknown else "--->"
        lines.append(f"{need.ljust(width)} {arrow} {name}")
        if need == unknown:
            lines.append(f"{'^' * len(need)} {remark}")
    return _lines(*lines)


def broken_edge(names: Sequence[str], problems: Sequence[str]) -> str:
    """`names` as a line of arrows of which the last one cannot be; the `problems` stand below it."""
    *before, last = names
    shown = before if len(before) < LONGEST_PATH else ["...", *before[2 - LONGEST_PATH :]]
    start = " -> ".join(shown)
    return _lines(f"{start} -x-> {last}", *(f"{' ' * (len(start) + 2)}{problem}" for problem in problems))


def _lines(*lines: str) -> str:
    return "".join(f"\n{INDENT}{line}" for line in lines)
