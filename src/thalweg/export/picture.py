"""What a picture of a Flow shows, whoever draws it: boxes with what matters of each Executor, and lines between them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

from thalweg.config import FlowOptions, NodeOptions
from thalweg.graph import ENTRY, Topology
from thalweg.graph.topology import Node

ANSWER = "answer"
"""The last box: what the caller gets. No Executor is called so in a picture, where every box has an id of its own."""
LONGEST = 38
"""Characters of a line in a box; the middle of a longer one is left out."""
MOST_NOTES = 6


@dataclass(frozen=True)
class Card:
    """One box. `notes` are lines below its title: user code, and what sets it apart."""

    id: str
    kind: Literal["gateway", "executor", "external", "join", "answer"]
    title: str
    code: str = ""
    notes: tuple[str, ...] = ()
    stacked: bool = False
    """Whether it is several processes."""


@dataclass(frozen=True)
class Arrow:
    """A line from one box to another, by their ids; a loose one is not waited for."""

    source: str
    target: str
    loose: bool = False


@dataclass(frozen=True)
class Picture:
    """Boxes in the order in which a request passes, and lines between them."""

    title: str
    cards: tuple[Card, ...]
    arrows: tuple[Arrow, ...]


def picture(options: FlowOptions) -> Picture:
    """What there is to draw of a Flow.

    Raises:
        TopologyError: the Executors do not make a graph.
    """
    topology = Topology.of(options.executors, options.inspect)
    by_name = {node.name: node for node in options.executors}
    ids = {ENTRY: "gateway", **{node.name: f"node{index}" for index, node in enumerate(topology.nodes)}}
    cards = [Card("gateway", "gateway", "Gateway", ", ".join(options.gateway.protocol))]
    cards += [_card(ids[node.name], by_name[node.name], node) for node in topology.nodes]
    cards.append(Card(ANSWER, "answer", "Answer"))
    arrows = [Arrow(ids[need], ids[node.name], node.floating) for node in topology.nodes for need in node.needs]
    arrows += [Arrow(ids[leaf], ANSWER) for leaf in topology.leaves]
    return Picture(options.name, tuple(cards), tuple(arrows))


def _card(identity: str, options: NodeOptions, node: Node) -> Card:
    code = code_name(options.uses)
    return Card(
        identity,
        "external" if options.external else "executor" if node.process else "join",
        node.name,
        "" if code == node.name else _cut(code),
        tuple(_cut(note) for note in _notes(options, node)),
        options.replicas > 1 or options.shards > 1,
    )


def _notes(options: NodeOptions, node: Node) -> list[str]:
    """What sets a node apart from one process that waits for every document."""
    notes = []
    if options.shards > 1:
        notes.append(f"{options.shards} shards")
    if options.replicas > 1:
        notes.append(f"{options.replicas} replicas" + (" each" if options.shards > 1 else ""))
    if options.external:
        notes += ["external", *options.addresses[: MOST_NOTES - 3]]
    if node.floating:
        notes.append("floating")
    if options.when:
        notes += condition_lines(options.when)[:MOST_NOTES]
        if node.skips:
            notes.append("others pass around")
    return notes


def condition_lines(when: Any) -> list[str]:
    """A condition of the query language for people: `when tags.lang = en`, a line for each part."""
    parts = _parts(when)
    return [f"when {parts[0]}", *(f"and {part}" for part in parts[1:])] if parts else []


SIGNS = {"$eq": "=", "$neq": "!=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<=", "$regex": "~"}


def _parts(when: Any) -> list[str]:
    if not isinstance(when, Mapping):
        return [str(when)]
    parts: list[str] = []
    for key, value in when.items():
        if key == "$and":
            parts += [part for one in value for part in _parts(one)]
        elif key == "$or":
            parts.append(" or ".join(" and ".join(_parts(one)) for one in value))
        elif key == "$not":
            parts.append(f"not ({' and '.join(_parts(value))})")
        elif isinstance(value, Mapping):
            parts += [_comparison(str(key), str(sign), operand) for sign, operand in value.items()]
        else:
            parts.append(_comparison(str(key), "$eq", value))
    return parts


def _comparison(field: str, sign: str, operand: Any) -> str:
    field = field.replace("__", ".")
    if sign == "$exists":
        return f"{field} {'exists' if operand else 'is absent'}"
    text = operand if isinstance(operand, str) else json.dumps(operand, default=str)
    return f"{field} {SIGNS.get(sign, sign.removeprefix('$'))} {text}"


def code_name(uses: Any) -> str:
    """The shortest name by which a user knows what `uses` is; empty for nothing."""
    if isinstance(uses, Mapping):
        return str(uses.get("jtype", ""))
    if isinstance(uses, str):
        jtype = re.search(r"^\s*jtype:\s*(\w+)", uses, re.MULTILINE)
        if jtype:
            return jtype[1]
        scheme, separator, image = uses.partition("://")
        if separator and scheme == "docker":
            return image
        name = uses.rpartition(":")[2]
        return PurePath(name).name if "/" in name else name
    return str(getattr(uses, "__name__", "") if callable(uses) else "")


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 2]}…{text[1 - LONGEST + LONGEST // 2 :]}"
