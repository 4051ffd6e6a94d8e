"""A Flow as a Mermaid flowchart, which GitHub, GitLab, notebooks and https://mermaid.live draw."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from thalweg.config import FlowOptions, NodeOptions
from thalweg.graph import ENTRY, Topology

_UNSAFE = re.compile(r'["#&<>\[\]{}()|\\`;]|[^\x20-\x7e\xa0-\U0010ffff]')


def diagram(options: FlowOptions) -> str:
    """The flowchart's source. Ends without a newline; what the leaves answer goes to one last node.

    Raises:
        TopologyError: the Executors do not make a graph.
    """
    topology = Topology.of(options.executors)
    by_name = {node.name: node for node in options.executors}
    ids = {ENTRY: "gateway", **{node.name: f"node{index}" for index, node in enumerate(topology.nodes)}}
    protocols = ", ".join(options.gateway.protocol)
    lines = ["flowchart LR", f'    gateway(["Gateway<br/>{protocols}"])']
    lines += [f'    {ids[name]}["{_label(by_name[name])}"]' for name in ids if name != ENTRY]
    lines += ['    answer(["Answer"])']
    lines += [f"    {ids[need]} --> {ids[node.name]}" for node in topology.nodes for need in node.needs]
    lines += [f"    {ids[leaf]} --> answer" for leaf in topology.leaves or (ENTRY,)]
    return "\n".join(lines)


def _label(node: NodeOptions) -> str:
    """Name, user code and how many replicas, a line each."""
    code = code_name(node.uses)
    lines = [node.name, "" if code == node.name else code, f"{node.replicas} replicas" if node.replicas > 1 else ""]
    return "<br/>".join(_escaped(line) for line in lines if line)


def code_name(uses: Any) -> str:
    """The shortest name by which a user knows what `uses` is; empty for nothing."""
    if isinstance(uses, Mapping):
        return str(uses.get("jtype", ""))
    if isinstance(uses, str):
        jtype = re.search(r"^\s*jtype:\s*(\w+)", uses, re.MULTILINE)
        if jtype:
            return jtype[1]
        name = uses.rpartition(":")[2]
        return PurePath(name).name if "/" in name else name
    return str(getattr(uses, "__name__", "") if callable(uses) else "")


def _escaped(text: str) -> str:
    """`text` with everything that Mermaid or HTML would read as markup written as a character code."""
    return _UNSAFE.sub(lambda found: f"#{ord(found[0])};", text)
