"""Where branches part that meet again, and whether some of their documents may have been left out in between; pure."""

from __future__ import annotations

from collections.abc import Sequence

from thalweg.graph.topology import ENTRY, Node


class Partings:
    """Of a graph whose nodes come after those they need."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._choosy = {node.name for node in nodes if node.when is not None and not node.skips}
        self._before: dict[str, tuple[str, ...]] = {ENTRY: (ENTRY,)}
        """Name -> what every way to it passes, itself included, in order."""
        self._above: dict[str, frozenset[str]] = {ENTRY: frozenset((ENTRY,))}
        """Name -> itself and all that it depends on."""
        for node in nodes:
            self._before[node.name] = (*self._common(node.needs), node.name)
            self._above[node.name] = frozenset((node.name,)).union(*(self._above[need] for need in node.needs))

    def order_of(self, needs: Sequence[str]) -> str:
        """The node in the order of whose documents those of `needs` come when they are joined: where they parted last. Empty
        where no documents can have been left out since, so that the first of the needs has them in order."""
        if len(needs) < 2:
            return ""
        parted = self._common(needs)[-1]
        between = frozenset().union(*(self._above[need] for need in needs)) - self._above[parted]
        return parted if between & self._choosy else ""

    def _common(self, needs: Sequence[str]) -> tuple[str, ...]:
        first, *others = (self._before[need] for need in needs)
        return tuple(name for name in first if all(name in other for other in others))
