"""Where each public name of Jina 3.2x to 3.34 is now."""

from __future__ import annotations

from thalweg.compat.finder import Package

_HERE = "thalweg.compat"
_EXECUTOR = f"{_HERE}.executor:JinaExecutor"
_GATEWAY = f"{_HERE}.gateway:JinaGateway"
_CLIENT = f"{_HERE}.client:jina_client"
_FASTAPI = {"FastAPIBaseGateway": f"{_HERE}.gateway:FastAPIBaseGateway"}
_STREAMER = {"GatewayStreamer": f"{_HERE}.gateway:GatewayStreamer"}
_LOGGER = {"JinaLogger": f"{_HERE}.logs:JinaLogger"}
_DEFAULT_LOGGER = {"default_logger": f"{_HERE}.logs:default_logger"}
_DECORATORS = {
    "requests": f"{_HERE}.executor:jina_requests",
    "monitor": f"{_HERE}.executor:monitor",
    "dynamic_batching": f"{_HERE}.executor:jina_batching",
}
_FLOWS = {"Flow": f"{_HERE}.runnable:JinaFlow", "AsyncFlow": f"{_HERE}.runnable:AsyncFlow"}
_DEPLOYMENT = {"Deployment": f"{_HERE}.runnable:JinaDeployment"}
_DOCUMENTS = {"Document": "thalweg.docs:BaseDoc", "DocumentArray": "thalweg.docs:DocList"}
_NO_PARTS = "!Jina's own parts have no counterpart; a Thalweg Gateway, Worker and Client speak Jina's protocol"

_EXCEPTIONS = (
    "BadClient",
    "BadClientCallback",
    "BadClientInput",
    "BadConfigSource",
    "BadImageNameError",
    "BadRequestType",
    "BadServer",
    "BadServerFlow",
    "BadYAMLVersion",
    "BaseJinaException",
    "DockerVersionError",
    "EstablishGrpcConnectionError",
    "ExecutorError",
    "FlowBuildLevelError",
    "FlowMissingDeploymentError",
    "FlowTopologyError",
    "InternalNetworkError",
    "NoContainerizedError",
    "NotSupportedError",
    "PortAlreadyUsed",
    "RuntimeFailToStart",
    "RuntimeRunForeverEarlyError",
    "RuntimeTerminated",
)
_ENUMS = (
    "BetterEnum",
    "DataInputType",
    "DeploymentRoleType",
    "DockerNetworkMode",
    "FlowBuildLevel",
    "FlowInspectType",
    "GatewayProtocolType",
    "LogVerbosity",
    "PodRoleType",
    "PollingType",
    "ProtocolType",
    "ProviderType",
    "WebsocketSubProtocols",
)
_CONSTANTS = (
    "__cache_path__",
    "__default_composite_gateway__",
    "__default_endpoint__",
    "__default_executor__",
    "__default_gateway__",
    "__default_grpc_gateway__",
    "__default_host__",
    "__default_http_gateway__",
    "__default_port_monitoring__",
    "__default_reducer__",
    "__default_websocket_gateway__",
    "__docker_host__",
    "__dry_run_endpoint__",
    "__ready_msg__",
    "__stop_msg__",
)

_MODULES: dict[str, dict[str, str]] = {
    "jina": {
        **_DECORATORS,
        **_FLOWS,
        **_DEPLOYMENT,
        **_DOCUMENTS,
        "Executor": _EXECUTOR,
        "Gateway": _GATEWAY,
        "Client": _CLIENT,
        "__version__": f"{_HERE}.version:JINA_VERSION",
        "__proto_version__": f"{_HERE}.version:JINA_PROTO_VERSION",
    },
    "jina.clients": {"Client": _CLIENT},
    "jina.constants": {name: f"{_HERE}.constants:{name}" for name in _CONSTANTS},
    "jina.enums": {name: f"{_HERE}.enums:{name}" for name in _ENUMS},
    "jina.excepts": {name: f"{_HERE}.excepts:{name}" for name in _EXCEPTIONS},
    "jina.helper": {name: f"{_HERE}.constants:{name}" for name in ("random_port", "random_ports")},
    "jina.logging": {},
    "jina.logging.logger": _LOGGER,
    "jina.logging.predefined": _DEFAULT_LOGGER,
    "jina.orchestrate": {},
    "jina.orchestrate.deployments": _DEPLOYMENT,
    "jina.orchestrate.flow": {},
    "jina.orchestrate.flow.asyncio": {"AsyncFlow": _FLOWS["AsyncFlow"]},
    "jina.orchestrate.flow.base": {"Flow": _FLOWS["Flow"]},
    "jina.serve": {},
    "jina.serve.executors": {"BaseExecutor": _EXECUTOR, "Executor": _EXECUTOR},
    "jina.serve.executors.decorators": {**_DECORATORS, "write": "thalweg.executor:write"},
    "jina.serve.runtimes": {},
    "jina.serve.runtimes.gateway": {"BaseGateway": _GATEWAY},
    "jina.serve.runtimes.gateway.composite": {"CompositeGateway": _NO_PARTS},
    "jina.serve.runtimes.gateway.gateway": {"BaseGateway": _GATEWAY},
    "jina.serve.runtimes.gateway.grpc": {"GRPCGateway": _NO_PARTS},
    "jina.serve.runtimes.gateway.http": {**_FASTAPI, "HTTPGateway": _NO_PARTS},
    "jina.serve.runtimes.gateway.http.fastapi": _FASTAPI,
    "jina.serve.runtimes.gateway.streamer": _STREAMER,
    "jina.serve.runtimes.gateway.websocket": {"WebSocketGateway": _NO_PARTS},
    "jina.types": {},
    "jina.types.request": {},
    "jina.types.request.data": {
        "DataRequest": "thalweg.client.answer:Answer",
        "Response": "thalweg.client.answer:Answer",
    },
}

for _module in list(_MODULES):
    _parent, _, _name = _module.rpartition(".")
    if _parent:
        _MODULES[_parent] = {**_MODULES[_parent], _name: _MODULES[_parent].get(_name, _module)}

_REMOVED = {
    "jina.hubble": "Jina's hub is gone; name a class, a YAML file or a Python file in `uses`",
    "jina.jaml": "Thalweg reads YAML with `Flow.load_config` and `Deployment.load_config`",
    "jina.parsers": "Thalweg's options are the models in `thalweg.config`",
    "jina.proto": "Thalweg speaks Jina's protocol without its generated modules",
    "jina.serve.networking": _NO_PARTS[1:],
}

JINA = Package(_MODULES, _REMOVED, {})
