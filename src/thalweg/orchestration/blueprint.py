"""From options to what is to run: the specs of processes, and the check that must pass before any of them may start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from thalweg.config import (
    AutoscaleOptions,
    BalancerOptions,
    DeploymentOptions,
    FlowOptions,
    GatewayOptions,
    NodeOptions,
)
from thalweg.config.containers import image_of
from thalweg.config.secrets import revealed
from thalweg.config.servers import ServerOptions
from thalweg.config.workers import WorkerOptions
from thalweg.errors import ConfigurationError
from thalweg.executor.description import describe
from thalweg.executor.loading import Passthrough, Reference
from thalweg.executor.source import ExecutorSource, executor_class
from thalweg.graph.fit import check_flow
from thalweg.graph.parts import AFTER, BEFORE, check_parts, whole
from thalweg.graph.topology import Topology
from thalweg.message import EndpointDescription, ServiceDescription
from thalweg.message.description import DEFAULT_ENDPOINT
from thalweg.orchestration.devices import assignment
from thalweg.orchestration.directory import Directory
from thalweg.orchestration.external import remote
from thalweg.orchestration.nesting import flattened
from thalweg.orchestration.places import check_named_code, placed, referred
from thalweg.service.contents import ContentHere, Present
from thalweg.service.control import GatewaySpec, Surroundings, WorkerSpec
from thalweg.service.front.front import Additions, without_objects
from thalweg.service.role import GatewayContent, WorkerContent
from thalweg.service.shards.division import Division, sharded

Crews = Callable[[NodeOptions], Iterable[WorkerSpec]]
Check = Callable[[Mapping[str, ServiceDescription]], None]
FRONT = "front"
"""Name of the private socket through which a Flow's own `post` goes: quicker than any port, and always there."""
NOT_SENT: Mapping[str, Any] = {"uses": None, "uses_before": None, "uses_after": None, "shard_key": "id"}
"""Options that may hold objects of the user's: a worker is told otherwise what it runs."""


@dataclass(frozen=True)
class Blueprint:
    """What is to run: replicas of Executors, perhaps a Gateway before them, and what must fit before they may start."""

    workers: Sequence[WorkerSpec]
    gateway: GatewaySpec | None
    check: Check
    externals: Mapping[str, NodeOptions] = field(default_factory=dict)
    """Executors that run elsewhere already."""
    nodes: Mapping[str, NodeOptions] = field(default_factory=dict)
    """What each Executor is made of."""
    crews: Mapping[str, Crews] = field(default_factory=dict)
    """What draws up the processes of each Executor that is started here."""

    def staffed(self, replicas: Mapping[str, int]) -> Blueprint:
        """This with other numbers of replicas, by name of Executor."""
        nodes = dict(self.nodes)
        workers = list(self.workers)
        for name, number in replicas.items():
            nodes[name] = self.nodes[name].model_copy(update={"replicas": number})
            first = next((index for index, spec in enumerate(workers) if _whose(spec) == name), len(workers))
            workers = [spec for spec in workers if _whose(spec) != name]
            workers[first:first] = self.crews[name](nodes[name])
        return replace(self, workers=workers, nodes=nodes)

    @property
    def scaled(self) -> dict[str, AutoscaleOptions]:
        """Of those Executors whose replicas the load decides: between which numbers, and how."""
        return {
            name: node.autoscale
            for name, node in self.nodes.items()
            if node.autoscale is not None and name in self.crews
        }


def flow_blueprint(options: FlowOptions, directory: Directory) -> Blueprint:
    """A Gateway before the replicas of each Executor.

    Raises:
        TopologyError: the Executors make no graph.
        ConfigurationError: `uses` is nothing that an Executor could be.
    """
    import cloudpickle  # type: ignore[import-untyped]

    options = flattened(options)
    topology = Topology.of(options.executors, options.inspect)
    standing = {node.name for node in topology.nodes if node.process}
    inline = any(node.placement == "inline" for node in options.executors if node.name in standing)
    nodes = {node.name: _at_first(node) for node in options.executors}
    crews: dict[str, Crews] = {}
    workers: list[WorkerSpec] = []
    externals = {node.name: node for node in options.executors if node.external and node.name in standing}
    for index, node in enumerate(options.executors):
        if node.external or node.name not in standing:
            continue
        crews[node.name] = partial(_crew, index=index, directory=directory, drain_seconds=options.gateway.drain_seconds)
        workers += crews[node.name](nodes[node.name])
    peers = {name: remote(node) for name, node in externals.items()}
    scaled = frozenset(name for name in crews if nodes[name].autoscale is not None)
    divisions = {node.name: Division.of(node) for node in options.executors if sharded(node)}
    gateway = GatewaySpec(
        name=options.name,
        surroundings=Surroundings.here(),
        addresses=[directory.inprocess(FRONT) if inline else directory.address(FRONT), *_public(options.gateway)],
        content=cloudpickle.dumps(
            GatewayContent(
                topology, without_objects(options.gateway), Additions.of(options.gateway), peers, divisions, scaled
            )
        ),
        drain_seconds=options.gateway.drain_seconds,
        log_level=options.gateway.log_level or "",
        inline=inline,
    )
    return Blueprint(workers, gateway, partial(_check_whole, topology), externals, nodes, crews)


def deployment_blueprint(options: DeploymentOptions, directory: Directory) -> Blueprint:
    """One worker that listens itself; or, with several replicas or shards, or in a container, a Gateway before them."""
    if fronted(options):
        return flow_blueprint(as_flow(options), directory)
    found = referred(options.uses, options)
    front = directory.inprocess(FRONT) if options.placement == "inline" else directory.address(FRONT)
    worker = _worker(options, 0, found, [front, *_public(options)], options.drain_seconds, options)
    return Blueprint([worker], None, _fits)


def fronted(options: DeploymentOptions) -> bool:
    """Whether a Gateway stands in front of a Deployment.

    Raises:
        ConfigurationError: it is not to, but has to.
    """
    reasons = {
        "replicas": options.replicas != 1,
        "shards": sharded(options),
        "uses": image_of(options.uses) is not None,
        "reload": bool(options.reload),
        "autoscale": options.autoscale is not None,
    }
    needed = [name for name, needs in reasons.items() if needs]
    if needed and options.include_gateway is False:
        raise ConfigurationError(
            f"include_gateway=False: with {', '.join(needed)} as it is, a Gateway has to stand in front of "
            f"{options.name!r}. Leave out include_gateway."
        )
    replaced = options.max_requests is not None or options.memory_limit is not None  # without losing a request
    return bool(needed) or (replaced if options.include_gateway is None else options.include_gateway)


def as_flow(options: DeploymentOptions) -> FlowOptions:
    """The Flow of one Executor that does the same as the Deployment."""
    gateway = GatewayOptions(**{name: getattr(options, name) for name in BalancerOptions.model_fields})
    worker = {name: getattr(options, name) for name in WorkerOptions.model_fields if name != "replicas"}
    if options.uses is None:  # a node of a Flow that says nothing has no process; a Deployment has
        worker["uses"] = f"{Passthrough.__module__}:{Passthrough.__name__}"
    node = NodeOptions(**worker)
    if "replicas" in options.model_fields_set:  # also none, which only `scale` can say
        node = node.model_copy(update={"replicas": options.replicas})
    return FlowOptions(name=options.name, gateway=gateway, executors=(node,))


def check_what_is_known(options: FlowOptions) -> None:
    """Check the graph, that Executors which are named are there, and the edges between those that are already here as
    objects. Imports nothing for the others.

    Raises:
        TopologyError: the Executors make no graph.
        ConfigurationError: there is no such module or file, or what was given is no Executor.
        SchemaMismatch: one's output cannot feed the next one's input.
    """
    options = flattened(options)
    topology = Topology.of(options.executors, options.inspect)
    standing = {node.name for node in topology.nodes if node.process}
    for node in options.executors:
        if node.name in standing and not node.external:
            check_named_code(node)
    check_flow(topology, {node.name: _known(node) for node in options.executors if node.name in standing})


def _check_whole(topology: Topology, descriptions: Mapping[str, ServiceDescription]) -> None:
    check_parts(descriptions)
    check_flow(topology, whole(descriptions))


def _known(node: NodeOptions) -> ServiceDescription:
    """What is known of a node; one that takes and gives anything where it is named by a string only."""
    if not callable(node.uses):
        return ServiceDescription(node.name, (EndpointDescription(DEFAULT_ENDPOINT),))
    return describe(ExecutorSource(executor_class(node.uses, f"uses={node.uses!r}")), node)


def _at_first(node: NodeOptions) -> NodeOptions:
    return node if node.autoscale is None else node.model_copy(update={"replicas": node.first_replicas})


def _whose(spec: WorkerSpec) -> str:
    """The Executor that a process belongs to."""
    return spec.name.partition("/")[0]


def _crew(node: NodeOptions, index: int, directory: Directory, drain_seconds: float) -> Iterator[WorkerSpec]:
    """All processes of one Executor: the replicas of each shard, and those that stand before and after the shards."""
    found = referred(node.uses, node)
    for shard in range(node.shards):
        for replica in range(node.replicas):
            place = f"{index}-{shard}-{replica}" if node.shards > 1 else f"{index}-{replica}"
            address = directory.inprocess(place) if node.placement == "inline" else directory.address(place)
            yield _worker(node, replica, found, [address], drain_seconds, shard=shard)
    for part, uses in ((BEFORE, node.uses_before), (AFTER, node.uses_after)):
        if uses is not None:
            alone = _beside(node, part, uses)
            address = directory.address(f"{index}{part.replace('/', '-')}")
            yield _worker(alone, 0, referred(uses, alone), [address], drain_seconds)


def _beside(node: NodeOptions, part: str, uses: Any) -> WorkerOptions:
    """The options of the Executor before or after the shards of another one: what says how processes of it run."""
    shared = ("workspace", "py_modules", "env", "queue", "stuck_after", "quiet_error", "development")
    return WorkerOptions(name=node.name + part, uses=uses, **{name: getattr(node, name) for name in shared})


def _worker(
    options: WorkerOptions,
    replica: int,
    found: Reference | Present,
    addresses: list[str],
    drain_seconds: float,
    public: ServerOptions | None = None,
    shard: int = 0,
) -> WorkerSpec:
    import cloudpickle

    content = WorkerContent(
        found,
        options.model_copy(update=NOT_SENT if public is None else {**NOT_SENT, "apps": {}, "middleware": ()}),
        None if public is None else without_objects(public).model_copy(update={"uses": None}),
        Additions() if public is None else Additions.of(public),
    )
    given = assignment(options, replica, shard)
    variables = {**revealed(options.env), **given.variables}
    spec = WorkerSpec(
        name=options.name,
        replica=replica,
        surroundings=Surroundings.here(variables),
        processors=given.processors,
        addresses=addresses,
        content=ContentHere.of(content) if options.placement == "inline" else cloudpickle.dumps(content),
        inline=options.placement == "inline",
        drain_seconds=drain_seconds,
        log_level=options.log_level or "",
        stuck_after=options.stuck_after,
        max_requests=options.max_requests,
        memory_limit=options.memory_limit,
        shard=shard,
        shards=options.shards,
    )
    return placed(spec, options, variables)


def _public(options: ServerOptions) -> list[str]:
    """Where to listen for everybody: one address for each protocol."""
    ports = options.port or (0,) * len(options.protocol)
    host = f"[{options.host}]" if ":" in options.host else options.host
    schemes = ["ws" if protocol == "websocket" else protocol for protocol in options.protocol]
    return [f"{scheme}://{host}:{port}" for scheme, port in zip(schemes, ports, strict=True)]


def _fits(_descriptions: Mapping[str, ServiceDescription]) -> None:
    """One Executor alone always fits."""
