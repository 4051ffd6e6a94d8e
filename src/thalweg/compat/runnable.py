"""Jina's `Flow`, `AsyncFlow` and `Deployment`, on Thalweg's."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any, Self

from thalweg.compat.arguments import deployment_arguments, gateway_arguments, node_arguments, of_gateway
from thalweg.compat.client import AsyncJinaClient, BlockingJinaClient, JinaCalls
from thalweg.compat.excepts import (
    BadYAMLVersion,
    FlowMissingDeploymentError,
    FlowTopologyError,
    NotSupportedError,
    RuntimeFailToStart,
    as_jina_raises,
)
from thalweg.compat.gateway import gateway_source
from thalweg.compat.sources import source_arguments
from thalweg.compat.variables import default_host
from thalweg.compat.yamls import read_yaml
from thalweg.config import DeploymentOptions, FlowOptions, GatewayOptions, NodeOptions
from thalweg.config.limits import Limits
from thalweg.config.load import parse_options
from thalweg.errors import StartupFailed, ThalwegError, Unavailable
from thalweg.graph.topology import ENTRY, Topology
from thalweg.orchestration import Deployment, Flow
from thalweg.orchestration.runnable import Runnable

CLIENT_ONLY = frozenset(("asyncio", "prefetch", "proxy", "reuse_session", "grpc_channel_options"))
"""Arguments of a Flow that its own client is made with."""
METHODS = ("add", "needs", "needs_all", "inspect", "gather_inspect")


class JinaRunnable(JinaCalls):
    """What `jina.Flow` and `jina.Deployment` share: started and stopped as in Jina, and called through a client."""

    asyncio = False
    _running: Runnable | None = None
    _known_ports: tuple[int, ...] = ()

    def _made(self) -> Runnable:
        raise NotImplementedError

    def start(self) -> Self:
        """Start everything; return when it is ready. Raises `RuntimeFailToStart`."""
        try:
            self._running = self._made().start()
            self._known_ports = self._running.ports
        except StartupFailed as error:
            failed = as_jina_raises(error)
            raise failed from error
        except ThalwegError as error:
            raise RuntimeFailToStart(str(error)) from error
        return self

    def close(self) -> None:
        """Drain and stop it. Idempotent."""
        client, self._client = self._client, None
        if isinstance(client, BlockingJinaClient):
            client.close()
        running, self._running = self._running, None
        if running is not None:
            running.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(self, *exception: object) -> None:
        self.close()

    def block(self, stop_event: Any = None) -> None:
        """Serve until a signal comes, or `stop_event`, an event of threading or multiprocessing, is set."""
        running = self._started()
        if stop_event is None:
            running.block()
            return

        def stop() -> None:
            stop_event.wait()
            running.close()

        stopping = threading.Thread(target=stop, daemon=True)
        stopping.start()
        try:
            running.block()
        except Unavailable:
            if not stop_event.is_set():  # else it was closed before it came to block
                raise
        if stop_event.is_set():
            stopping.join()

    @property
    def client(self) -> BlockingJinaClient | AsyncJinaClient:
        """A client of it."""
        if self._client is None:
            kind = AsyncJinaClient if self.asyncio else BlockingJinaClient
            self._client = kind(self._started().addresses[0], limits=Limits())
        return self._client

    @property
    def port(self) -> Any:
        """The port of its first protocol; a list where there are several."""
        ports = self.ports
        return ports[0] if len(ports) == 1 else list(ports)

    @property
    def ports(self) -> tuple[int, ...]:
        return self._known_ports or tuple(self._server_options().port)

    @property
    def protocol(self) -> Any:
        protocols = self._server_options().protocol
        return protocols[0] if len(protocols) == 1 else list(protocols)

    @property
    def host(self) -> str:
        return str(self._server_options().host)

    def is_flow_ready(self, **_options: Any) -> bool:
        """Whether it answers. Never raises."""
        return self._running is not None and self._running.is_ready()

    is_deployment_ready = dry_run = is_flow_ready

    def to_kubernetes_yaml(self, *_arguments: Any, **_options: Any) -> None:
        """Raises `NotSupportedError`."""
        raise NotSupportedError("There is no export to Kubernetes yet.")

    to_k8s_yaml = to_kubernetes_yaml

    def to_docker_compose_yaml(self, *_arguments: Any, **_options: Any) -> None:
        """Raises `NotSupportedError`."""
        raise NotSupportedError("There is no export to Docker Compose yet.")

    def _server_options(self) -> Any:
        raise NotImplementedError

    def _started(self) -> Runnable:
        if self._running is None:
            raise RuntimeError(f"{type(self).__name__} is not running: use it in a 'with' block, or start() it.")
        return self._running


class JinaDeployment(JinaRunnable):
    """`jina.Deployment`: one Executor that is served alone."""

    def __init__(self, args: Any = None, needs: Any = None, include_gateway: bool = True, **options: Any) -> None:
        self.given = options
        self.needs = needs
        with _configuration():
            given = deployment_arguments({**default_host(), **source_arguments(options)})
            self._options = parse_options(DeploymentOptions, {"name": "executor", **given}, "Deployment")

    @classmethod
    def load_config(cls, source: Any, *, context: Mapping[str, Any] | None = None, **options: Any) -> JinaDeployment:
        """A Deployment from its YAML."""
        data, folder = read_yaml(source, context=context)
        given = data.get("with", {} if data.get("jtype") in (None, "Deployment") else {"uses": data})
        return cls(**{**_anchored(given, folder), **options})

    @property
    def name(self) -> str:
        return self._options.name

    def _made(self) -> Deployment:
        return Deployment.of(self._options)

    def _server_options(self) -> DeploymentOptions:
        return self._options


class JinaFlow(JinaRunnable):
    """`jina.Flow`: a graph of Executors behind a Gateway. `add` and its like return another Flow, as in Jina."""

    def __init__(self, args: Any = None, *, name: str = "flow", **options: Any) -> None:
        self.asyncio = bool(options.pop("asyncio", False)) or self.asyncio
        self._defaults = {
            key: value for key, value in options.items() if not of_gateway(key) and key not in CLIENT_ONLY
        }
        with _configuration():
            said = {key: value for key, value in options.items() if of_gateway(key)}
            given = gateway_arguments({**default_host(), **said})
            gateway = parse_options(GatewayOptions, given, "Flow")
            self._options = FlowOptions(name=name, gateway=gateway, inspect=options.get("inspect", "collect"))
        self._deployments: tuple[JinaDeployment, ...] = ()
        self._last = ENTRY

    @classmethod
    def load_config(cls, source: Any, *, context: Mapping[str, Any] | None = None, **options: Any) -> JinaFlow:
        """A Flow from its YAML: `jtype: Flow`, `with`, `executors` (or `deployments`) and `gateway`."""
        data, folder = read_yaml(source, context=context)
        if str(data.get("version", "1")) not in ("1", "1.0"):
            raise BadYAMLVersion(f"version: {data['version']!r} is unknown; there is '1'.")
        flow = cls(**{**(data.get("with") or {}), **options})
        if data.get("gateway"):
            flow = flow.config_gateway(**_anchored(data["gateway"], folder))
        for item in data.get("executors") or data.get("deployments") or data.get("pods") or ():
            flow = flow._with_item(item, folder, context)
        return flow

    def _with_item(self, item: Any, folder: Path, context: Mapping[str, Any] | None) -> JinaFlow:
        if isinstance(item, str):
            item, folder = read_yaml(str(folder / item), context=context)
        given = dict(item)
        method = given.pop("method", "add")
        if given.get("jtype") == "Deployment":
            given = {**(given.get("with") or {}), **{key: given[key] for key in ("needs", "name") if key in given}}
        elif "jtype" in given:
            given = {"uses": given}
        if method not in METHODS:
            raise NotSupportedError(f"method: {method!r} is unknown; there are {', '.join(METHODS)}.")
        return getattr(self, method)(**_anchored(given, folder))  # type: ignore[no-any-return]

    def add(
        self,
        deployment: Any = None,
        *,
        needs: Any = None,
        copy_flow: bool = True,
        deployment_role: Any = None,
        **given: Any,
    ) -> JinaFlow:
        """Another Flow with one Executor more; this one where `copy_flow` is false.

        `deployment` is a `Deployment`, or the path of one's YAML. `needs` names those whose output it reads.
        """
        if isinstance(deployment, (str, Path)):
            deployment = JinaDeployment.load_config(str(deployment))
        if isinstance(deployment, JinaDeployment):
            needs = deployment.needs if needs is None else needs
            given = {**{key: value for key, value in deployment.given.items() if key != "name"}, **given}
        flow = self._copied() if copy_flow else self
        with _configuration():
            arguments = node_arguments({**self._defaults, **source_arguments(given)})
        taken = [node.name for node in flow._options.executors]
        name = arguments.pop("name", None) or f"executor{len(taken)}"
        arguments["name"] = f"{name}{len(taken)}" if name in taken else name
        arguments["needs"] = flow._last if needs is None else needs
        with _configuration():
            node = parse_options(NodeOptions, arguments, "Flow.add")
        flow._options = flow._options.model_copy(update={"executors": (*flow._options.executors, node)})
        if not node.floating and not node.inspects:
            flow._last = node.name
        return flow

    def needs(self, needs: Any, name: str = "joiner", *_arguments: Any, **given: Any) -> JinaFlow:
        """Another Flow in which the output of several Executors is joined. Raises `FlowTopologyError` for fewer than two."""
        if isinstance(needs, str) or len(needs) < 2:
            raise FlowTopologyError(f"needs={needs!r}: a joiner reads the output of two Executors or more.")
        return self.add(name=name, needs=needs, **given)

    def needs_all(self, name: str = "joiner", *_arguments: Any, **given: Any) -> JinaFlow:
        """Another Flow in which everything that nobody reads yet is joined."""
        if not self._options.executors:
            raise FlowMissingDeploymentError("The Flow has no Executor yet.")
        return self.add(name=name, needs=Topology.of(self._options.executors).leaves, **given)

    def inspect(self, name: str = "inspect", *arguments: Any, **given: Any) -> JinaFlow:
        """Another Flow with an Executor that looks on from the side."""
        return self.add(*arguments, name=name, inspects=True, **given)

    def gather_inspect(
        self, name: str = "gather_inspect", include_last_deployment: bool = True, *_arguments: Any, **given: Any
    ) -> JinaFlow:
        """Another Flow in which all that inspect are joined, with the last Executor; this one where none does."""
        looking = [node.name for node in self._options.executors if node.inspects]
        if not looking or self._options.inspect != "collect":
            return self
        return self.add(name=name, needs=[*looking, *([self._last] if include_last_deployment else [])], **given)

    def config_gateway(self, args: Any = None, *, copy_flow: bool = True, **options: Any) -> JinaFlow:
        """Another Flow whose Gateway has these options over its own."""
        flow = self._copied() if copy_flow else self
        with _configuration():
            flow._options = Flow.of(flow._options).config_gateway(**gateway_arguments(gateway_source(options))).options
        return flow

    def build(self, copy_flow: bool = False, **_options: Any) -> JinaFlow:
        """Check the graph."""
        with _configuration():
            Flow.of(self._options).build()
        return self._copied() if copy_flow else self

    def plot(self, output: str | None = None, vertical_layout: bool = False, **_options: Any) -> JinaFlow:
        """Write the graph to the file `output`: as SVG where its name says so, else as a Mermaid flowchart. Nothing is
        drawn by a stranger's server."""
        if output is not None:
            flow = Flow.of(self._options)
            draw = flow.to_svg if output.endswith(".svg") else flow.to_mermaid
            Path(output).write_text(draw(vertical_layout), "utf-8")
        return self

    def expose_endpoint(self, *_arguments: Any, **_options: Any) -> JinaFlow:
        """Every endpoint has a route already."""
        return self

    @property
    def name(self) -> str:
        return self._options.name

    @property
    def num_deployments(self) -> int:
        """Executors and the Gateway."""
        return len(self._options.executors) + 1

    def __len__(self) -> int:
        return self.num_deployments

    def __getitem__(self, item: int | str) -> NodeOptions:
        if isinstance(item, int):
            return self._options.executors[item]
        return next(node for node in self._options.executors if node.name == item)

    def __iter__(self) -> Iterator[str]:
        return iter([*(node.name for node in self._options.executors), ENTRY])

    def __contains__(self, name: object) -> bool:
        return name in list(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JinaFlow) and self._options == other._options

    __hash__ = None  # type: ignore[assignment]

    def _copied(self) -> JinaFlow:
        flow = copy(self)
        flow._running, flow._client, flow._known_ports = None, None, ()
        return flow

    def _made(self) -> Flow:
        return Flow.of(self._options)

    def _server_options(self) -> GatewayOptions:
        return self._options.gateway


class AsyncFlow(JinaFlow):
    """`jina.AsyncFlow`: its `post` is iterated asynchronously."""

    asyncio = True


@contextmanager
def _configuration() -> Iterator[None]:
    """Errors in what was asked for, in Jina's classes."""
    try:
        yield
    except ThalwegError as error:
        raise as_jina_raises(error) from None


def _anchored(given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """`given` with the paths of Python and YAML files as they are from `folder`."""
    found = dict(given)
    uses = found.get("uses")
    if isinstance(uses, str) and "\n" not in uses and (folder / uses).is_file():
        found["uses"] = str(folder / uses)
    modules = found.get("py_modules")
    if modules:
        several = [modules] if isinstance(modules, str) else modules
        found["py_modules"] = [str(folder / one) if (folder / one).is_file() else one for one in several]
    return found
