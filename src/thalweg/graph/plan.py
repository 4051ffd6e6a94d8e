"""What one endpoint of a Flow does: which Executors take part, in what order, and in which form documents pass."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from thalweg.docs.query.condition import Condition
from thalweg.errors import MalformedRequest
from thalweg.graph.parting import Partings
from thalweg.graph.schema import lossless_as_json
from thalweg.graph.topology import ENTRY, Node, Topology
from thalweg.message import COLUMNS, EndpointDescription, ServiceDescription
from thalweg.message.content import OBJECTS

LONGEST_TARGET = 256
"""Characters of a `target`. It is a regular expression, and matching one takes time."""

JOINED = "~"
"""Ends the name of a step that joins what a floating one reads; no node of a user's can be called so."""

Descriptions = Mapping[str, ServiceDescription]


@dataclass(frozen=True)
class Step:
    """One node's part in a plan. `accept` is the content type it is asked for; empty: what the caller wants."""

    name: str
    needs: tuple[str, ...]
    accept: str
    streaming: bool
    reads_stream: bool = False
    process: bool = True
    """Whether an Executor is asked; else the Gateway itself joins and chooses."""
    when: Condition | None = None
    """Which documents it is given; None is all."""
    skips: bool = False
    """Whether the others go around it; else they are dropped."""
    reduce: bool = True
    """Whether documents of several needs are joined by id."""
    order: str = ""
    """The step in the order of whose documents joined ones come; empty: as they appear."""


@dataclass(frozen=True)
class Aside:
    """A floating step and the one whose answers it gets."""

    source: str
    step: Step


@dataclass(frozen=True)
class Plan:
    """The steps of one endpoint, each after those it needs; `leaves` together are the answer."""

    steps: tuple[Step, ...]
    leaves: tuple[str, ...]
    reads_metadata: bool = True
    """Whether any step looks at the request's headers."""
    order: str = ""
    """As in `Step`, for the leaves."""
    asides: tuple[Aside, ...] = ()
    """What nobody waits for."""
    by_reference: bool = False
    """Whether documents may go through all of it as they are: nobody else has them meanwhile, and all is in one process."""

    @property
    def chain(self) -> bool:
        """Whether each step reads just the one before it, so that nothing ever has to be merged."""
        previous = ENTRY
        for step in self.steps:
            if step.needs != (previous,) or not step.reduce:
                return False
            previous = step.name
        return self.leaves == (previous,)

    @property
    def joins_entry(self) -> bool:
        """Whether the caller's documents go several ways, so that they must bear ids before they part."""
        return sum(ENTRY in needs for needs in (self.leaves, *(step.needs for step in self.steps))) > 1

    def restricted(self, names: Collection[str]) -> Plan:
        """Only the steps of these names, which need no others."""
        return replace(
            self,
            steps=tuple(step for step in self.steps if step.name in names),
            leaves=tuple(name for name in self.leaves if name in names),
        )


def plan(topology: Topology, descriptions: Descriptions, endpoint: str, target: str = "") -> Plan:
    """The plan for `endpoint`; without steps where no Executor answers it. `target` as in `Request.target`: nodes without a
    process do their part whatever it is.

    Raises:
        MalformedRequest: `target` is no regular expression.
    """
    found = {name: description.find(endpoint) for name, description in descriptions.items()}
    active = {name for name, binding in found.items() if binding is not None}
    if target:
        active = {name for name in active if _matches(target, name)}
    active |= {node.name for node in topology.nodes if not node.process}
    return _Drawing(topology.restricted(active), found).plan()


class _Drawing:
    """A graph in which every node takes part, on its way to a plan."""

    def __init__(self, shape: Topology, found: Mapping[str, EndpointDescription | None]) -> None:
        self._shape = shape
        self._found = found
        self._partings = Partings(shape.nodes)
        self._readers: dict[str, list[Node]] = {}
        for node in shape.nodes:
            for need in node.needs:
                self._readers.setdefault(need, []).append(node)
        joined = {need for node in shape.nodes if len(node.needs) > 1 or not node.reduce for need in node.needs}
        self._merged = joined | set(shape.leaves if len(shape.leaves) > 1 else ())

    def plan(self) -> Plan:
        steps, asides = [], []
        for node in self._shape.nodes:
            if not node.floating:
                steps.append(self._step(node))
                continue
            source, needs = node.needs[0], node.needs
            if len(needs) > 1 or not node.reduce:
                source = node.name + JOINED
                steps.append(
                    Step(
                        source,
                        needs,
                        COLUMNS,
                        False,
                        process=False,
                        reduce=node.reduce,
                        order=self._partings.order_of(needs),
                    )
                )
            asides.append(Aside(source, self._step(node)))
        leaves = self._shape.leaves
        bindings = [binding for node in self._shape.nodes if (binding := self._binding(node)) is not None]
        reads_metadata = any(binding.reads_metadata for binding in bindings)
        whole = Plan(tuple(steps), leaves, reads_metadata, self._partings.order_of(leaves), tuple(asides))
        here = all(node.inline and node.process and node.when is None for node in self._shape.nodes)
        return replace(whole, by_reference=here and whole.chain and not asides)

    def _step(self, node: Node) -> Step:
        binding = self._binding(node)
        return Step(
            node.name,
            node.needs,
            self._accept(node, binding),
            binding is not None and binding.streaming,
            binding is not None and binding.reads_stream,
            node.process,
            node.when,
            node.skips,
            node.reduce,
            self._partings.order_of(node.needs),
        )

    def _accept(self, node: Node, binding: EndpointDescription | None) -> str:
        if node.name in self._merged:
            return COLUMNS
        readers = self._readers.get(node.name, [])
        if all(reader.floating for reader in readers):
            return ""
        if node.inline and len(readers) == 1 and readers[0].inline and readers[0].when is None:
            return OBJECTS
        if any(one.inline for one in (node, *readers)):
            return COLUMNS
        lossless = binding is not None and lossless_as_json(binding.output_schema or binding.input_schema)
        return "" if lossless else COLUMNS

    def _binding(self, node: Node) -> EndpointDescription | None:
        return self._found.get(node.name) if node.process else None


def _matches(target: str, name: str) -> bool:
    if len(target) > LONGEST_TARGET:
        raise MalformedRequest(f"The target has {len(target)} characters; at most {LONGEST_TARGET} are taken.")
    try:
        return re.fullmatch(target, name) is not None
    except re.error as error:
        raise MalformedRequest(f"target {target!r} is no regular expression: {error}.") from None
