"""A Flow as seen from outside: what its endpoints take is what its first steps take, and so on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from thalweg.graph.plan import Descriptions, Plan, Step, plan
from thalweg.graph.schema import combined
from thalweg.graph.topology import ENTRY, Topology
from thalweg.message import EndpointDescription, ServiceDescription
from thalweg.message.description import DEFAULT_ENDPOINT


def paths(descriptions: Descriptions) -> list[str]:
    """Every endpoint that some Executor names, in order of appearance."""
    return list(dict.fromkeys(e.path for description in descriptions.values() for e in description.endpoints))


def answers_everything(descriptions: Descriptions) -> bool:
    """Whether no path is unknown: some Executor has a default endpoint, or there is none and all documents come back."""
    return not descriptions or any(e.path == DEFAULT_ENDPOINT for d in descriptions.values() for e in d.endpoints)


def outline(name: str, topology: Topology, descriptions: Descriptions) -> ServiceDescription:
    """What the Flow `name` says of itself."""
    known = paths(descriptions) or [DEFAULT_ENDPOINT]
    return ServiceDescription(
        name, tuple(_outside(path, plan(topology, descriptions, path), descriptions) for path in known)
    )


Branch: TypeAlias = list[tuple[str, ...]]
"""The ways on which documents may come by one edge; of each the givers whose documents are joined on it."""


class Givers:
    """Whose documents a step may be given: those of Executors, and of the caller, whatever joins and conditions are in
    between."""

    def __init__(self, shape: Plan) -> None:
        self._branches: dict[str, list[Branch]] = {ENTRY: [[(ENTRY,)]]}
        for step in shape.steps:
            read = self.branches(step.needs)
            if step.process:
                around = [tuple(_each(read))] if step.skips else []
                read = [[(step.name,), *around]]
            self._branches[step.name] = read

    def branches(self, needs: Sequence[str]) -> list[Branch]:
        """What comes by `needs`: one branch for each, and several where one of them only joins others."""
        return [branch for need in needs for branch in self._branches[need]]

    def of(self, needs: Sequence[str]) -> tuple[str, ...]:
        """The Executors whose documents come by `needs`, and the entry where the caller's own may."""
        return tuple(dict.fromkeys(_each(self.branches(needs))))


def _each(branches: list[Branch]) -> Iterator[str]:
    for branch in branches:
        for way in branch:
            yield from way


def endpoint_of(descriptions: Descriptions, name: str, path: str) -> EndpointDescription:
    """What answers `path` in the Executor `name`, which takes part."""
    binding = descriptions[name].find(path)
    assert binding is not None
    return binding


def output_of(endpoint: EndpointDescription) -> dict[str, Any] | None:
    """The schema of what it gives: of what it takes, where it gives that back."""
    return endpoint.output_schema if endpoint.output_schema is not None else endpoint.input_schema


def _outside(path: str, shape: Plan, descriptions: Descriptions) -> EndpointDescription:
    steps = [step for step in (*shape.steps, *(aside.step for aside in shape.asides)) if step.process]
    found = {step.name: endpoint_of(descriptions, step.name, path) for step in steps}
    givers = Givers(shape)
    first = {step.name: step for step in steps if ENTRY in givers.of(step.needs)}
    taking = [found[name] for name in first]
    giving = givers.of(shape.leaves)
    return EndpointDescription(
        path,
        _input(first, found),
        _output([None if name == ENTRY else output_of(found[name]) for name in giving]),
        combined([e.parameters_schema for e in found.values() if e.parameters_schema is not None]),
        any(step.streaming for step in shape.steps),
        "\n\n".join(dict.fromkeys(e.description for e in found.values() if e.description)),
        single=bool(first) and all(e.single for e in taking),
        envelope=all(e.envelope for e in taking),
        reads_stream=any(step.reads_stream for step in shape.steps),
        writes=any(e.writes for e in found.values()),
        plain=len(giving) == 1 and giving[0] != ENTRY and found[giving[0]].plain,
    )


def _input(first: Mapping[str, Step], found: Mapping[str, EndpointDescription]) -> dict[str, Any] | None:
    """What fits all that take every document. Of those that take only some, what they agree on."""
    always = [found[name].input_schema for name, step in first.items() if step.when is None]
    if always:
        return combined(always)
    return _output([found[name].input_schema for name in first])


def _output(schemas: Sequence[dict[str, Any] | None]) -> dict[str, Any] | None:
    """The one schema that all of several branches have. Joined documents of others have the fields of all, and what that is
    exactly only a single branch can say."""
    return schemas[0] if schemas and all(schema == schemas[0] for schema in schemas) else None
