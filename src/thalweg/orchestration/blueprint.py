"""From options to what is to run: the specs of processes, and the check that must pass before any of them may start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from thalweg.config import BalancerOptions, DeploymentOptions, FlowOptions, GatewayOptions, NodeOptions
from thalweg.config.servers import ServerOptions
from thalweg.config.workers import WorkerOptions
from thalweg.errors import TopologyError
from thalweg.executor.description import describe
from thalweg.executor.loading import Reference, reference
from thalweg.executor.source import ExecutorSource, executor_class
from thalweg.graph.plan import check_flow
from thalweg.graph.topology import Topology
from thalweg.message import EndpointDescription, ServiceDescription
from thalweg.message.description import DEFAULT_ENDPOINT
from thalweg.orchestration.devices import assignment
from thalweg.orchestration.directory import Directory
from thalweg.orchestration.external import remote
from thalweg.service.control import GatewaySpec, Surroundings, WorkerSpec
from thalweg.service.front import Additions, without_objects
from thalweg.service.role import GatewayContent, WorkerContent

Check = Callable[[Mapping[str, ServiceDescription]], None]
FRONT = "front"
"""Name of the private socket through which a Flow's own `post` goes: quicker than any port, and always there."""


@dataclass(frozen=True)
class Blueprint:
    """What is to run: replicas of Executors, perhaps a Gateway before them, and what must fit before they may start."""

    workers: Sequence[WorkerSpec]
    gateway: GatewaySpec | None
    check: Check
    externals: Mapping[str, NodeOptions] = field(default_factory=dict)
    """Executors that run elsewhere already."""


def flow_blueprint(options: FlowOptions, directory: Directory) -> Blueprint:
    """A Gateway before the replicas of each Executor.

    Raises:
        TopologyError: there is no Executor, or they make no graph.
        ConfigurationError: `uses` is nothing that an Executor could be.
    """
    import cloudpickle  # type: ignore[import-untyped]

    topology = Topology.of(options.executors)
    if not topology.nodes:
        raise TopologyError("The Flow has no Executor. Add one: Flow().add(uses=...).")
    workers = []
    externals = {node.name: node for node in options.executors if node.external}
    for index, node in enumerate(options.executors):
        if node.external:
            continue
        found = reference(node.uses, node)
        for replica in range(node.replicas):
            address = directory.address(f"{index}-{replica}")
            workers.append(_worker(node, replica, found, [address], options.gateway.drain_seconds))
    peers = {name: remote(node) for name, node in externals.items()}
    gateway = GatewaySpec(
        name=options.name,
        surroundings=Surroundings.here(),
        addresses=[directory.address(FRONT), *_public(options.gateway)],
        content=cloudpickle.dumps(
            GatewayContent(topology, without_objects(options.gateway), Additions.of(options.gateway), peers)
        ),
        drain_seconds=options.gateway.drain_seconds,
    )
    return Blueprint(workers, gateway, partial(check_flow, topology), externals)


def deployment_blueprint(options: DeploymentOptions, directory: Directory) -> Blueprint:
    """One worker that listens itself; or, with several replicas, a Gateway that spreads the load over them."""
    if options.replicas > 1:
        return flow_blueprint(as_flow(options), directory)
    found = reference(options.uses, options)
    addresses = [directory.address(FRONT), *_public(options)]
    worker = _worker(options, 0, found, addresses, options.drain_seconds, options)
    return Blueprint([worker], None, _fits)


def as_flow(options: DeploymentOptions) -> FlowOptions:
    """The Flow of one Executor that does the same as the Deployment."""
    gateway = GatewayOptions(**{name: getattr(options, name) for name in BalancerOptions.model_fields})
    worker = {name: getattr(options, name) for name in WorkerOptions.model_fields}
    return FlowOptions(name=options.name, gateway=gateway, executors=(NodeOptions(**worker),))


def check_what_is_known(options: FlowOptions) -> None:
    """Check the graph, and the edges between Executors that are already here as objects. Imports nothing for the others.

    Raises:
        TopologyError: the Executors make no graph.
        SchemaMismatch: one's output cannot feed the next one's input.
    """
    topology = Topology.of(options.executors)
    check_flow(topology, {node.name: _known(node) for node in options.executors})


def _known(node: NodeOptions) -> ServiceDescription:
    """What is known of a node; one that takes and gives anything where it is named by a string only."""
    if not callable(node.uses):
        return ServiceDescription(node.name, (EndpointDescription(DEFAULT_ENDPOINT),))
    return describe(ExecutorSource(executor_class(node.uses, f"uses={node.uses!r}")), node)


def _worker(
    options: WorkerOptions,
    replica: int,
    found: Reference,
    addresses: list[str],
    drain_seconds: float,
    public: ServerOptions | None = None,
) -> WorkerSpec:
    import cloudpickle

    content = WorkerContent(
        found,
        options.model_copy(
            update={"uses": None, "apps": {}, "middleware": ()} if public is not None else {"uses": None}
        ),
        None if public is None else without_objects(public).model_copy(update={"uses": None}),
        Additions() if public is None else Additions.of(public),
    )
    given = assignment(options, replica)
    return WorkerSpec(
        name=options.name,
        replica=replica,
        surroundings=Surroundings.here({**options.env, **given.variables}),
        processors=given.processors,
        addresses=addresses,
        content=cloudpickle.dumps(content),
        drain_seconds=drain_seconds,
        stuck_after=options.stuck_after,
    )


def _public(options: ServerOptions) -> list[str]:
    """Where to listen for everybody: one address for each protocol."""
    ports = options.port or (0,) * len(options.protocol)
    host = f"[{options.host}]" if ":" in options.host else options.host
    schemes = ["ws" if protocol == "websocket" else protocol for protocol in options.protocol]
    return [f"{scheme}://{host}:{port}" for scheme, port in zip(schemes, ports, strict=True)]


def _fits(_descriptions: Mapping[str, ServiceDescription]) -> None:
    """One Executor alone always fits."""
