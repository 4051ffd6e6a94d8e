"""How far each process is, gathered from the news of them; pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product

from thalweg.config import DeploymentOptions, FlowOptions
from thalweg.export.picture import code_name
from thalweg.graph import ENTRY, Topology
from thalweg.orchestration.blueprint import as_flow, fronted
from thalweg.orchestration.member import News, Phase
from thalweg.orchestration.nesting import flattened

LATEST = (Phase.WAITING, Phase.LAUNCHED, Phase.LOADING, Phase.DESCRIBED, Phase.STARTING, Phase.READY, Phase.STOPPED)
"""Phases by how much there is to wait for: what holds a whole row up comes first."""


def phase_in_words(phase: Phase) -> str:
    """`phase` as a user would say it."""
    return "loaded" if phase is Phase.DESCRIBED else "waiting to start again" if phase is Phase.WAITING else str(phase)


@dataclass(frozen=True)
class ProcessState:
    """How far one process is. `message` and `done` are what its own code says of its start."""

    phase: Phase = Phase.LAUNCHED
    message: str = ""
    done: float | None = None


@dataclass
class Row:
    """An Executor or the Gateway: what it is, whom it reads, and how far each of its processes is, by shard and replica.
    One without processes runs elsewhere, or the Gateway does its work."""

    name: str
    code: str
    reads: tuple[str, ...]
    steps: dict[tuple[int, int], ProcessState]
    standing: str = ""
    """What it is where it has no process: `external`, `joins`."""

    @property
    def state(self) -> str:
        """`ready`, `starting`, or `starting, 1 of 3 ready`."""
        if not self.steps:
            return self.standing
        counts = Counter(step.phase for step in self.steps.values())
        slowest = next(phase for phase in LATEST if counts[phase])
        if slowest is Phase.READY or not counts[Phase.READY]:
            return phase_in_words(slowest)
        return f"{phase_in_words(slowest)}, {counts[Phase.READY]} of {len(self.steps)} ready"

    @property
    def progress(self) -> ProcessState | None:
        """Of the process that has furthest to go and says how far it is; None where none says."""
        telling = [step for step in self.steps.values() if step.message and step.phase is Phase.STARTING]
        return min(telling, key=lambda step: 0.0 if step.done is None else step.done, default=None)

    @property
    def ready(self) -> bool:
        return all(step.phase is Phase.READY for step in self.steps.values())

    def title(self, news: News) -> str:
        """How one of its processes is called: `enc`, `enc/1`, or `enc/0/1` where it has shards."""
        if len(self.steps) == 1:
            return self.name
        sharded = len({shard for shard, _ in self.steps}) > 1
        return f"{self.name}/{news.shard}/{news.replica}" if sharded else f"{self.name}/{news.replica}"


class Board:
    """A row for everything that is started, in the order in which a request passes."""

    def __init__(self, options: FlowOptions | DeploymentOptions) -> None:
        if isinstance(options, DeploymentOptions):
            alone = not fronted(options)
            flow = as_flow(options)
        else:
            alone, flow = False, flattened(options)
        by_name = {node.name: node for node in flow.executors}
        self.rows = [] if alone else [Row(ENTRY, ", ".join(flow.gateway.protocol), (), {(0, 0): ProcessState()})]
        for node in Topology.of(flow.executors, flow.inspect).nodes:
            worker = by_name[node.name]
            standing = "external" if worker.external else "" if node.process else "joins"
            code = code_name(options.uses if isinstance(options, DeploymentOptions) else worker.uses)
            places = () if standing else product(range(worker.shards), range(worker.replicas))
            steps = {place: ProcessState() for place in places}
            self.rows.append(Row(node.name, code, () if alone else node.needs, steps, standing))

    def row(self, name: str) -> Row:
        """The row of an Executor; one that nobody knew of at the start, as of a new version, gets one."""
        for row in self.rows:
            if row.name == name:
                return row
        self.rows.append(Row(name, "", (), {}))
        return self.rows[-1]

    def tell(self, news: News) -> None:
        """Take in that a process has come to another phase."""
        self.row(news.name).steps[news.shard, news.replica] = ProcessState(news.phase, news.message, news.done)


def location(address: str) -> str:
    """`address`, and where its pages are if it has any."""
    return f"{address}, its pages at {address}/docs" if address.startswith("http") else address
