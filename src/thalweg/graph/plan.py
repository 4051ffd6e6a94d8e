"""What one endpoint of a Flow does: which Executors take part, in what order, and in which form documents pass."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from thalweg.errors import MalformedRequest, SchemaMismatch
from thalweg.graph.schema import combined, lossless_as_json, misfits
from thalweg.graph.topology import ENTRY, Topology
from thalweg.message import COLUMNS, EndpointDescription, ServiceDescription
from thalweg.message.description import DEFAULT_ENDPOINT

LONGEST_TARGET = 256
"""Characters of a `target`. It is a regular expression, and matching one takes time."""

Descriptions = Mapping[str, ServiceDescription]


@dataclass(frozen=True)
class Step:
    """One Executor's part in a plan. `accept` is the content type it is asked for; empty: what the caller wants."""

    name: str
    needs: tuple[str, ...]
    accept: str
    streaming: bool
    reads_stream: bool = False


@dataclass(frozen=True)
class Plan:
    """The steps of one endpoint, each after those it needs; `leaves` together are the answer."""

    steps: tuple[Step, ...]
    leaves: tuple[str, ...]
    reads_metadata: bool = True
    """Whether any step looks at the request's headers."""

    @property
    def chain(self) -> bool:
        """Whether each step reads just the one before it, so that nothing ever has to be merged."""
        previous = ENTRY
        for step in self.steps:
            if step.needs != (previous,):
                return False
            previous = step.name
        return True

    @property
    def joins_entry(self) -> bool:
        """Whether the caller's documents go to several steps, so that they must bear ids before they part."""
        return sum(ENTRY in step.needs for step in self.steps) > 1

    def restricted(self, names: Collection[str]) -> Plan:
        """Only the steps of these names, which need no others."""
        return replace(
            self,
            steps=tuple(step for step in self.steps if step.name in names),
            leaves=tuple(name for name in self.leaves if name in names),
        )


def plan(topology: Topology, descriptions: Descriptions, endpoint: str, target: str = "") -> Plan:
    """The plan for `endpoint`; without steps where no Executor answers it. `target` as in `Request.target`.

    Raises:
        MalformedRequest: `target` is no regular expression.
    """
    found = {name: description.find(endpoint) for name, description in descriptions.items()}
    active = {name for name, binding in found.items() if binding is not None}
    if target:
        active = {name for name in active if _matches(target, name)}
    shape = topology.restricted(active)
    leaves = shape.leaves
    followers = {need for node in shape.nodes for need in node.needs}
    merged = {need for node in shape.nodes if len(node.needs) > 1 for need in node.needs}
    if len(leaves) > 1:
        merged |= set(leaves)
    steps, reads_metadata = [], False
    for node in shape.nodes:
        binding = found[node.name]
        assert binding is not None
        as_columns = node.name in merged or (
            node.name in followers and not lossless_as_json(binding.output_schema or binding.input_schema)
        )
        steps.append(
            Step(node.name, node.needs, COLUMNS if as_columns else "", binding.streaming, binding.reads_stream)
        )
        reads_metadata = reads_metadata or binding.reads_metadata
    return Plan(tuple(steps), leaves, reads_metadata)


def _matches(target: str, name: str) -> bool:
    if len(target) > LONGEST_TARGET:
        raise MalformedRequest(f"The target has {len(target)} characters; at most {LONGEST_TARGET} are taken.")
    try:
        return re.fullmatch(target, name) is not None
    except re.error as error:
        raise MalformedRequest(f"target {target!r} is no regular expression: {error}.") from error


def check_flow(topology: Topology, descriptions: Descriptions) -> None:
    """Check every endpoint of a Flow before it starts. Nodes missing in `descriptions` are taken to fit.

    Raises:
        SchemaMismatch: some Executor's output cannot feed the next one's input.
    """
    for path in paths(descriptions):
        shape = plan(topology, descriptions, path)
        for step in shape.steps:
            needed = _found(descriptions, step.name, path)
            for need in step.needs:
                if need == ENTRY:
                    continue
                given = _found(descriptions, need, path)
                problems = misfits(_output(given), needed.input_schema)
                if problems:
                    listed = "\n".join(f"  - {problem}" for problem in problems)
                    raise SchemaMismatch(
                        f"{need!r} cannot feed {step.name!r}: what {need!r} gives at {given.path} does not fit what "
                        f"{step.name!r} takes at {needed.path}:\n{listed}",
                        details=[
                            {"loc": [need, step.name, path], "msg": p, "type": "schema_mismatch"} for p in problems
                        ],
                        executor=step.name,
                    )


def paths(descriptions: Descriptions) -> list[str]:
    """Every endpoint that some Executor names, in order of appearance."""
    return list(dict.fromkeys(e.path for description in descriptions.values() for e in description.endpoints))


def outline(name: str, topology: Topology, descriptions: Descriptions) -> ServiceDescription:
    """A Flow as seen from outside: what its endpoints take is what its first steps take, and so on."""
    return ServiceDescription(
        name, tuple(_outside(path, plan(topology, descriptions, path), descriptions) for path in paths(descriptions))
    )


def _outside(path: str, shape: Plan, descriptions: Descriptions) -> EndpointDescription:
    found = {step.name: _found(descriptions, step.name, path) for step in shape.steps}
    first = [found[step.name] for step in shape.steps if ENTRY in step.needs]
    last = [found[name] for name in shape.leaves]
    return EndpointDescription(
        path,
        combined([e.input_schema for e in first]),
        _merged_output([_output(e) for e in last]),
        combined([e.parameters_schema for e in found.values() if e.parameters_schema is not None]),
        any(step.streaming for step in shape.steps),
        "\n\n".join(dict.fromkeys(e.description for e in found.values() if e.description)),
        single=bool(first) and all(e.single for e in first),
        envelope=all(e.envelope for e in first),
        reads_stream=any(step.reads_stream for step in shape.steps),
        writes=any(e.writes for e in found.values()),
    )


def _merged_output(schemas: Sequence[dict[str, Any] | None]) -> dict[str, Any] | None:
    """Merged branches give the fields of all; what exactly only a single leaf can say."""
    return schemas[0] if len(schemas) == 1 else None


def _found(descriptions: Descriptions, name: str, path: str) -> EndpointDescription:
    binding = descriptions[name].find(path)
    assert binding is not None
    return binding


def _output(endpoint: EndpointDescription) -> dict[str, Any] | None:
    return endpoint.output_schema if endpoint.output_schema is not None else endpoint.input_schema


def answers_everything(descriptions: Descriptions) -> bool:
    """Whether some Executor has a default endpoint, so that no path is unknown."""
    return any(e.path == DEFAULT_ENDPOINT for d in descriptions.values() for e in d.endpoints)
