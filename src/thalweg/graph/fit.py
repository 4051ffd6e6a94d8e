"""Whether the Executors of a Flow fit together; asked before any of them starts."""

from __future__ import annotations

from collections.abc import Iterator

from thalweg.docs.query.condition import And, Comparison, Condition, Not, Operator, Or, Path
from thalweg.docs.query.suggestion import did_you_mean
from thalweg.errors import SchemaMismatch
from thalweg.graph import sketch
from thalweg.graph.outline import Givers, endpoint_of, output_of, paths
from thalweg.graph.plan import Descriptions, Step, plan
from thalweg.graph.schema import Schema, joint_misfits, schema_fields
from thalweg.graph.topology import ENTRY, Topology


def check_flow(topology: Topology, descriptions: Descriptions) -> None:
    """Check every endpoint of a Flow before it starts.

    Raises:
        SchemaMismatch: some Executor's output cannot feed the next one's input, or a condition asks for a field that no
            document has. The message draws the edge that is wrong.
    """
    for path in paths(descriptions):
        shape = plan(topology, descriptions, path)
        givers = Givers(shape)
        for step in (*shape.steps, *(aside.step for aside in shape.asides)):
            _Edge(topology, descriptions, path, step, givers).check()


class _Edge:
    """What one step is given at one endpoint, and by whom."""

    def __init__(self, topology: Topology, descriptions: Descriptions, path: str, step: Step, givers: Givers) -> None:
        self._topology = topology
        self._descriptions = descriptions
        self._path = path
        self._step = step
        self._branches = givers.branches(step.needs)

    def _output(self, name: str) -> Schema | None:
        return None if name == ENTRY else output_of(endpoint_of(self._descriptions, name, self._path))

    def check(self) -> None:
        if self._step.when is not None:
            self._check_condition(self._step.when)
        if self._step.process:
            self._check_documents()

    def _check_documents(self) -> None:
        needed = endpoint_of(self._descriptions, self._step.name, self._path).input_schema
        for branch in self._branches:
            beside = [other for other in self._branches if other is not branch] if self._step.reduce else []
            elsewhere = [name for other in beside for way in other for name in way]
            for way in branch:
                for giver in way:
                    others = [self._output(name) for name in (*way, *elsewhere) if name != giver]
                    problems = joint_misfits(self._output(giver), others, needed)
                    if problems:
                        raise self._mismatch(giver, problems)

    def _mismatch(self, giver: str, problems: list[str]) -> SchemaMismatch:
        name, path = self._step.name, self._path
        taken = endpoint_of(self._descriptions, name, path).path
        given = endpoint_of(self._descriptions, giver, path).path
        listed = "\n".join(f"  - {problem}" for problem in problems)
        return SchemaMismatch(
            f"{giver!r} cannot feed {name!r}: what {giver!r} gives at {given} does not fit what "
            f"{name!r} takes at {taken}:\n{listed}{self._drawn(giver, problems)}",
            details=[{"loc": [giver, name, path], "msg": p, "type": "schema_mismatch"} for p in problems],
            executor=name,
        )

    def _check_condition(self, condition: Condition) -> None:
        known: set[str] = set()
        givers = [name for branch in self._branches for way in branch for name in way]
        for name in givers:
            fields = schema_fields(self._output(name))
            if fields is None:
                return
            known |= fields
        for asked in _asked(condition):
            field = asked.parts[0]
            if field not in known:
                problem = f"no document has a field {field!r}{did_you_mean(field, known)}"
                raise SchemaMismatch(
                    f"{self._step.name!r}: when: {asked}: {problem}{self._drawn(givers[-1], [problem])}",
                    details=[{"loc": [self._step.name, "when", str(asked)], "msg": problem, "type": "schema_mismatch"}],
                    executor=self._step.name,
                )

    def _drawn(self, giver: str, problems: list[str]) -> str:
        return sketch.broken_edge([*self._topology.path_to(giver), self._step.name], problems)


def _asked(condition: Condition) -> Iterator[Path]:
    """The paths whose values a condition compares; not those of which it only asks whether they are there."""
    match condition:
        case Comparison(path, operator, operand):
            if operator is not Operator.EXISTS:
                yield path
                yield from [operand] if isinstance(operand, Path) else []
        case Not(inner):
            yield from _asked(inner)
        case And(several) | Or(several):
            for one in several:
                yield from _asked(one)
