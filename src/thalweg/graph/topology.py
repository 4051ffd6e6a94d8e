"""The graph that `needs` draws: immutable, checked when it is made, in an order in which it can run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from thalweg.config import NodeOptions
from thalweg.errors import TopologyError

ENTRY = "gateway"
"""The name in `needs` that means: what came from outside."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")


@dataclass(frozen=True)
class Node:
    """One Executor and the names of those whose output it reads, in the order in which that output is merged."""

    name: str
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Topology:
    """Nodes, each after all that it needs."""

    nodes: tuple[Node, ...]

    @classmethod
    def of(cls, options: Sequence[NodeOptions]) -> Topology:
        """The graph of a Flow's Executors. A node without `needs` reads the one before it, the first one the entry.

        Raises:
            TopologyError: a name is missing, ill-formed or taken; a need is unknown; nodes wait for each other.
        """
        nodes: list[Node] = []
        previous = ENTRY
        for option in options:
            _check_name(option.name, [node.name for node in nodes])
            needs = (previous,) if option.needs is None else (option.needs or (ENTRY,))
            nodes.append(Node(option.name, needs))
            previous = option.name
        _check_needs(nodes)
        return cls(_ordered(nodes))

    @property
    def leaves(self) -> tuple[str, ...]:
        """Nodes whose output nobody reads: together they are the answer."""
        needed = {need for node in self.nodes for need in node.needs}
        return tuple(node.name for node in self.nodes if node.name not in needed)

    def restricted(self, active: Iterable[str]) -> Topology:
        """Only the `active` nodes; an edge through a node that is left out becomes one past it."""
        kept = set(active)
        sources: dict[str, tuple[str, ...]] = {ENTRY: (ENTRY,)}
        nodes: list[Node] = []
        for node in self.nodes:
            needs = tuple(dict.fromkeys(source for need in node.needs for source in sources[need]))
            if len(needs) > 1:
                needs = tuple(need for need in needs if not _feeds(need, needs, nodes))
            if node.name in kept:
                nodes.append(Node(node.name, needs))
                sources[node.name] = (node.name,)
            else:
                sources[node.name] = needs
        return Topology(tuple(nodes))


def _feeds(source: str, needs: tuple[str, ...], nodes: list[Node]) -> bool:
    """Whether some other of `needs` has already taken in what `source` gave: an edge past a node that was left out must
    not bring older documents back over newer ones."""
    reached = {source}
    for node in nodes:
        if reached.intersection(node.needs):
            reached.add(node.name)
    return any(need in reached for need in needs if need != source)


def _check_name(name: str, taken: list[str]) -> None:
    if not _NAME.match(name):
        raise TopologyError(f"{name!r} is no name for an Executor: letters, digits, '-' and '_', a letter first.")
    if name == ENTRY:
        raise TopologyError(f"{ENTRY!r} is the Gateway; an Executor needs another name.")
    if name in taken:
        raise TopologyError(f"Two Executors are called {name!r}; each needs a name of its own.")


def _check_needs(nodes: list[Node]) -> None:
    known = [ENTRY, *(node.name for node in nodes)]
    for node in nodes:
        for need in node.needs:
            if need == node.name:
                raise TopologyError(f"{node.name!r} needs itself.")
            if need not in known:
                near = difflib.get_close_matches(need, known, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(known)}."
                raise TopologyError(f"{node.name!r} needs {need!r}, which is not in the Flow.{hint}")


def _ordered(nodes: list[Node]) -> tuple[Node, ...]:
    """In the order given, except that nothing comes before what it needs."""
    placed = {ENTRY}
    order: list[Node] = []
    waiting = list(nodes)
    while waiting:
        ready = next((node for node in waiting if placed.issuperset(node.needs)), None)
        if ready is None:
            raise TopologyError(f"These Executors wait for each other: {_cycle(waiting)}.")
        waiting.remove(ready)
        placed.add(ready.name)
        order.append(ready)
    return tuple(order)


def _cycle(waiting: list[Node]) -> str:
    """One round of the cycle, as arrows from what is needed to what needs it."""
    stuck = {node.name: node for node in waiting}
    path = [waiting[0].name]
    while True:
        need = next(need for need in stuck[path[-1]].needs if need in stuck)
        if need in path:
            return " -> ".join(reversed([*path[path.index(need) :], need]))
        path.append(need)
