"""How far one request has come on its way through a plan; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from thalweg.graph.plan import Plan, Step
from thalweg.graph.topology import ENTRY

Output = TypeVar("Output")


@dataclass(frozen=True)
class Progress(Generic[Output]):
    """The outputs that are known so far. A value: each event gives a new one, so that a stream can continue from the same
    point with each of its items."""

    plan: Plan
    outputs: dict[str, Output]

    @classmethod
    def begun(cls, plan: Plan, entry: Output) -> Progress[Output]:
        return cls(plan, {ENTRY: entry})

    def finished(self, name: str, output: Output) -> Progress[Output]:
        return Progress(self.plan, {**self.outputs, name: output})

    def ready(self) -> list[Step]:
        """Steps whose needs are all there and that have no output yet."""
        return [
            step
            for step in self.plan.steps
            if step.name not in self.outputs and all(need in self.outputs for need in step.needs)
        ]

    def parted(self) -> list[Progress[Output]]:
        """Where streams are ready side by side: one progress for those that meet further down, together, with the steps and
        leaves that depend on them. What is finished belongs to each."""
        groups: list[set[str]] = []
        for step in self.ready():
            reach = self._reach(step.name)
            for other in [group for group in groups if group & reach]:
                groups.remove(other)
                reach |= other
            groups.append(reach)
        return [Progress(self.plan.restricted(group.union(self.outputs)), self.outputs) for group in groups]

    def _reach(self, name: str) -> set[str]:
        """`name` and all steps that depend on it."""
        reached = {name}
        for step in self.plan.steps:
            if reached.intersection(step.needs):
                reached.add(step.name)
        return reached

    def inputs(self, step: Step) -> list[Output]:
        """What `step` reads, in the order of its needs."""
        return [self.outputs[need] for need in step.needs]

    def answers(self) -> list[Output]:
        """The outputs of the leaves; complete once nothing is ready any more."""
        return [self.outputs[name] for name in self.plan.leaves]
