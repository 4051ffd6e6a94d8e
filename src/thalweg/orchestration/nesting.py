"""Flows inside of Flows: their nodes become nodes of the one around them, and nothing stands between any two Executors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from thalweg.config import FlowOptions, NodeOptions
from thalweg.config.load import load_flow
from thalweg.config.source import read
from thalweg.errors import ConfigurationError, TopologyError
from thalweg.graph import ENTRY, Topology, sketch

SEPARATOR = "-"
"""Stands between the name of a Flow and those of its nodes. What a Flow adds of its own has two of them, and so can have no
node's name."""

DEEPEST = 16
"""How deep Flows may stand in each other. A file that names itself would have no end."""

SUFFIXES = (".yml", ".yaml", ".json")
ITS_OWN = frozenset(("name", "uses", "needs", "when", "otherwise"))
"""What may be said of a Flow that stands in another one. Everything else is said of its Executors."""


def flattened(options: FlowOptions) -> FlowOptions:
    """`options` without Flows in it.

    The nodes of a Flow `search` are called `search-encode` and so on. Those that read what came from outside read what
    `search` needs, and `search` itself joins the answers of its leaves. Its `when` decides before all of them; what passes
    around it joins the others at the end. Options of its Gateway count for nothing here.

    Raises:
        TopologyError: the nodes of one of them make no graph, or they have no end.
        ConfigurationError: a Flow has options that belong to its Executors.
    """
    return _flattened(options, ())


def with_names(options: FlowOptions) -> FlowOptions:
    """`options` with a name for each node."""
    nodes = [
        node if node.name else node.model_copy(update={"name": f"executor{index}"})
        for index, node in enumerate(options.executors)
    ]
    return options.model_copy(update={"executors": tuple(nodes)})


def flow_of(uses: Any) -> FlowOptions | None:
    """The Flow that `uses` means: a Flow, its options, or YAML that says so. None for everything else."""
    if isinstance(uses, FlowOptions):
        return uses
    held = getattr(uses, "options", None)
    if isinstance(held, FlowOptions):
        return held
    if isinstance(uses, Mapping):
        return load_flow(uses) if uses.get("jtype") == "Flow" else None
    if not isinstance(uses, str) or not _is_yaml(uses):
        return None
    data = read(uses, None, None).data
    return load_flow(uses) if isinstance(data, Mapping) and data.get("jtype") == "Flow" else None


def _is_yaml(text: str) -> bool:
    """Whether it is the path of a YAML file that is there, or YAML that says what it describes."""
    if "\n" in text:
        return "jtype" in text
    return text.endswith(SUFFIXES) and Path(text).is_file()


def _flattened(options: FlowOptions, within: Sequence[str]) -> FlowOptions:
    options = with_names(options)
    flows = {node.name: flow for node in options.executors if (flow := flow_of(node.uses)) is not None}
    if not flows:
        return options
    needs = {node.name: node.needs for node in Topology.of(options.executors, options.inspect).nodes}
    nodes: list[NodeOptions] = []
    for node in options.executors:
        placed = node.model_copy(update={"needs": needs[node.name]})
        flow = flows.get(node.name)
        nodes += [placed] if flow is None else _inlined(placed, flow, [*within, node.name])
    return options.model_copy(update={"executors": tuple(nodes)})


def _inlined(node: NodeOptions, flow: FlowOptions, within: Sequence[str]) -> list[NodeOptions]:
    """The nodes of `flow`, which stands where `node` stood, and last of all `node` itself, which joins their answers."""
    _check(node, within)
    inner = _flattened(flow, within)
    topology = Topology.of(inner.executors, inner.inspect)
    assert node.needs is not None
    entrance, nodes = _entrance(node, node.needs)

    def outside(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(
            found for name in names for found in (entrance if name == ENTRY else (node.name + SEPARATOR + name,))
        )

    placed = {one.name: one for one in topology.nodes}
    for option in inner.executors:
        one = placed[option.name]
        update: dict[str, Any] = {
            "name": node.name + SEPARATOR + option.name,
            "needs": outside(one.needs),
            "floating": one.floating,
            "inspects": False,
        }
        if option.has_process and not one.process:  # it inspects, and is left out
            update |= {"uses": None, "external": False, "when": {}}
        nodes.append(option.model_copy(update=update))
    ends = outside(topology.leaves)
    if node.when and node.otherwise == "skip":
        past = f"{node.name}{2 * SEPARATOR}past"
        nodes.append(NodeOptions(name=past, needs=node.needs, when={"$not": node.when}))
        ends = (*ends, past)
    return [*nodes, NodeOptions(name=node.name, needs=ends)]


def _entrance(node: NodeOptions, needs: tuple[str, ...]) -> tuple[tuple[str, ...], list[NodeOptions]]:
    """What the first nodes read, and the nodes that this takes."""
    if not node.when and len(needs) == 1:
        return needs, []
    name = f"{node.name}{2 * SEPARATOR}in"
    return (name,), [NodeOptions(name=name, needs=needs, when=node.when)]


def _check(node: NodeOptions, within: Sequence[str]) -> None:
    if len(within) > DEEPEST:
        raise TopologyError(f"Flows stand in each other without an end.{sketch.path(within)}")
    default = NodeOptions()
    given = [name for name in sorted(node.model_fields_set - ITS_OWN) if getattr(node, name) != getattr(default, name)]
    if given:
        raise ConfigurationError(f"{node.name!r} is a Flow: {', '.join(given)} is said of the Executors in it.")
