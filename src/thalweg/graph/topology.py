"""The graph that `needs` draws: immutable, checked when it is made, in an order in which it can run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from thalweg.config import NodeOptions
from thalweg.docs.query.condition import Condition
from thalweg.errors import TopologyError
from thalweg.graph import sketch

ENTRY = "gateway"
"""The name in `needs` that means: what came from outside."""

Inspection = Literal["collect", "hang", "remove"]
"""What becomes of nodes that look on from the side: their documents are part of the answer; nobody waits for them; they are
left out."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")


@dataclass(frozen=True)
class Node:
    """One node and the names of those whose output it reads, in the order in which that output is merged."""

    name: str
    needs: tuple[str, ...]
    when: Condition | None = None
    """Which documents it is given; None is all."""
    skips: bool = False
    """Whether the others go around it; else they are dropped."""
    floating: bool = False
    """Whether nobody waits for it, and nobody reads it."""
    process: bool = True
    """Whether an Executor stands there. Else the Gateway does what there is to do: join and choose documents."""
    reduce: bool = True
    """Whether documents of several needs are joined by id."""
    inline: bool = False
    """Whether it runs in the Gateway's own process."""


@dataclass(frozen=True)
class Topology:
    """Nodes, each after all that it needs. `ends` are those whose output is the answer, where that is not just what nobody
    reads."""

    nodes: tuple[Node, ...]
    ends: tuple[str, ...] | None = None

    @classmethod
    def of(cls, options: Sequence[NodeOptions], inspection: Inspection = "collect") -> Topology:
        """The graph of a Flow's nodes. One without `needs` reads the one before it that neither floats nor only inspects,
        the first one the entry. One that others read does not float.

        Raises:
            TopologyError: a name is missing, ill-formed or taken; a need is unknown; nodes wait for each other. The message
                draws the part that is wrong.
        """
        nodes: list[Node] = []
        previous = ENTRY
        needed = {need for option in options for need in option.needs or ()}
        for option in options:
            _check_name(option.name, [node.name for node in nodes])
            needs = (previous,) if option.needs is None else (option.needs or (ENTRY,))
            nodes.append(_node(option, needs, inspection, option.name in needed))
            if not option.floating and not option.inspects:
                previous = option.name
        _check_needs(nodes)
        return cls(_ordered(nodes))

    @property
    def leaves(self) -> tuple[str, ...]:
        """The nodes whose output together is the answer: those that nobody reads and that do not float. The entry where
        there is none."""
        if self.ends is not None:
            return self.ends
        staying = [node for node in self.nodes if not node.floating]
        needed = {need for node in staying for need in node.needs}
        return tuple(node.name for node in staying if node.name not in needed) or (ENTRY,)

    def restricted(self, active: Iterable[str]) -> Topology:
        """Only the `active` nodes, without those that have nothing to do; an edge through a node that is left out becomes
        one past it."""
        kept = set(active)
        passing = _Passing()
        nodes: list[Node] = []
        for node in self.nodes:
            needs = passing.needs(node.needs, nodes)
            idle = not node.process and node.when is None and (len(needs) == 1 or node.floating)
            if node.name in kept and not idle:
                nodes.append(replace(node, needs=needs))
            else:
                passing.leave_out(node.name, needs, asked=idle and node.name in kept)
        return Topology(tuple(nodes), passing.needs(self.leaves, nodes))

    def path_to(self, name: str) -> list[str]:
        """One way to `name`, from the entry on."""
        by_name = {node.name: node for node in self.nodes}
        way = [name]
        while way[0] != ENTRY:
            way.insert(0, by_name[way[0]].needs[0])
        return way


class _Passing:
    """What stands for nodes that are left out: what they would have read."""

    def __init__(self) -> None:
        self._sources: dict[str, dict[str, bool]] = {}
        """Name of a node that is left out -> what stands for it, and whether somebody asked for just that."""

    def leave_out(self, name: str, needs: Sequence[str], asked: bool) -> None:
        self._sources[name] = dict.fromkeys(needs, asked)

    def needs(self, needs: Sequence[str], nodes: list[Node]) -> tuple[str, ...]:
        """`needs`, past those that are left out. An edge that nobody asked for must not bring older documents back over
        newer ones: what already went into another one of the needs does not count again."""
        found: dict[str, bool] = {}
        for need in needs:
            for source, asked in self._sources.get(need, {need: True}).items():
                found[source] = found.get(source, False) or asked
        return tuple(need for need, asked in found.items() if asked or not _feeds(need, found, nodes))


def _node(option: NodeOptions, needs: tuple[str, ...], inspection: Inspection, needed: bool) -> Node:
    from thalweg.docs.query import parse

    away = option.inspects and inspection == "remove"
    return Node(
        option.name,
        tuple(dict.fromkeys(needs)),
        None if away else parse(option.when),
        option.otherwise == "skip",
        (option.floating or (option.inspects and inspection != "collect")) and not needed,
        option.has_process and not away,
        option.reduce,
        option.placement == "inline",
    )


def _feeds(source: str, needs: Mapping[str, bool], nodes: list[Node]) -> bool:
    """Whether some other of `needs` has already taken in what `source` gave."""
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
        drawn = sketch.path([*taken, name], [name], "the same name twice")
        raise TopologyError(f"Two Executors are called {name!r}; each needs a name of its own.{drawn}")


def _check_needs(nodes: list[Node]) -> None:
    known = [ENTRY, *(node.name for node in nodes)]
    for node in nodes:
        for need in node.needs:
            if need == node.name:
                raise TopologyError(f"{node.name!r} needs itself.{sketch.circle([node.name])}")
            if need not in known:
                near = difflib.get_close_matches(need, known, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(known)}."
                remark = f"did you mean {near[0]!r}?" if near else "not in the Flow"
                drawn = sketch.unknown_need(node.name, node.needs, need, remark)
                raise TopologyError(f"{node.name!r} needs {need!r}, which is not in the Flow.{hint}{drawn}")


def _ordered(nodes: list[Node]) -> tuple[Node, ...]:
    """In the order given, except that nothing comes before what it needs."""
    placed = {ENTRY}
    order: list[Node] = []
    waiting = list(nodes)
    while waiting:
        ready = next((node for node in waiting if placed.issuperset(node.needs)), None)
        if ready is None:
            names = _cycle(waiting)
            raise TopologyError(
                f"These Executors wait for each other: {' -> '.join([*names, names[0]])}.{sketch.circle(names)}"
            )
        waiting.remove(ready)
        placed.add(ready.name)
        order.append(ready)
    return tuple(order)


def _cycle(waiting: list[Node]) -> list[str]:
    """One round of the cycle, from what is needed to what needs it."""
    stuck = {node.name: node for node in waiting}
    path = [waiting[0].name]
    while True:
        need = next(need for need in stuck[path[-1]].needs if need in stuck)
        if need in path:
            round_trip = list(reversed(path[path.index(need) :]))
            first = round_trip.index(next(name for name in stuck if name in round_trip))
            return [*round_trip[first:], *round_trip[:first]]
        path.append(need)
