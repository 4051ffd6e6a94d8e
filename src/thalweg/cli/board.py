"""How far each process is, gathered from the news of them; pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from thalweg.config import DeploymentOptions, FlowOptions
from thalweg.config.workers import WorkerOptions
from thalweg.export.picture import code_name
from thalweg.graph import ENTRY, Topology
from thalweg.orchestration.member import News, Phase

LATEST = (Phase.WAITING, Phase.LAUNCHED, Phase.LOADING, Phase.DESCRIBED, Phase.STARTING, Phase.READY, Phase.STOPPED)
"""Phases by how much there is to wait for: what holds a whole row up comes first."""


def in_words(phase: Phase) -> str:
    """`phase` as a user would say it."""
    return "loaded" if phase is Phase.DESCRIBED else "waiting to start again" if phase is Phase.WAITING else str(phase)


@dataclass
class Row:
    """An Executor or the Gateway: what it is, whom it reads, and the phase of each of its processes."""

    name: str
    code: str
    reads: tuple[str, ...]
    phases: list[Phase]

    @property
    def state(self) -> str:
        """`ready`, `starting`, or `starting, 1 of 3 ready`."""
        counts = Counter(self.phases)
        slowest = next(phase for phase in LATEST if counts[phase])
        if slowest is Phase.READY or not counts[Phase.READY]:
            return in_words(slowest)
        return f"{in_words(slowest)}, {counts[Phase.READY]} of {len(self.phases)} ready"

    @property
    def ready(self) -> bool:
        return all(phase is Phase.READY for phase in self.phases)


class Board:
    """A row for everything that is started, in the order in which a request passes."""

    def __init__(self, options: FlowOptions | DeploymentOptions) -> None:
        if isinstance(options, FlowOptions):
            by_name: dict[str, WorkerOptions] = {node.name: node for node in options.executors}
            reads = {node.name: node.needs for node in Topology.of(options.executors).nodes}
            protocols = options.gateway.protocol
        else:
            by_name, reads = {options.name: options}, {options.name: (ENTRY,) if options.replicas > 1 else ()}
            protocols = options.protocol
        alone = isinstance(options, DeploymentOptions) and options.replicas == 1
        self.rows = [] if alone else [Row(ENTRY, ", ".join(protocols), (), [Phase.LAUNCHED])]
        for name, needs in reads.items():
            worker = by_name[name]
            self.rows.append(Row(name, code_name(worker.uses), needs, [Phase.LAUNCHED] * worker.replicas))

    def tell(self, news: News) -> None:
        """Take in that a process has come to another phase."""
        for row in self.rows:
            if row.name == news.name:
                row.phases[news.replica] = news.phase
