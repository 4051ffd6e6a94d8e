"""Every argument that Jina 3.34 has: an option, mapped, without effect, or refused with what to do instead."""

from __future__ import annotations

import warnings

import pytest

from thalweg.config import DeploymentOptions, GatewayOptions, NodeOptions
from thalweg.config.load import flow_options, parse_options
from thalweg.config.old import OldSpelling
from thalweg.config.options import Options
from thalweg.config.spellings import modern
from thalweg.errors import ConfigurationError

DEPLOYMENT = [
    "name",
    "workspace",
    "workspace_id",
    "log_config",
    "quiet",
    "quiet_error",
    "timeout_ctrl",
    "extra_search_paths",
    "k8s_namespace",
    "polling",
    "shards",
    "replicas",
    "native",
    "uses",
    "uses_with",
    "uses_metas",
    "uses_requests",
    "uses_dynamic_batching",
    "py_modules",
    "output_array_type",
    "exit_on_exceptions",
    "no_reduce",
    "allow_concurrent",
    "grpc_server_options",
    "raft_configuration",
    "entrypoint",
    "docker_kwargs",
    "volumes",
    "gpus",
    "disable_auto_volume",
    "force_network_mode",
    "host",
    "runtime_cls",
    "timeout_ready",
    "env",
    "env_from_secret",
    "image_pull_secrets",
    "floating",
    "reload",
    "install_requirements",
    "port",
    "protocol",
    "provider",
    "provider_endpoint",
    "monitoring",
    "port_monitoring",
    "retries",
    "tracing",
    "traces_exporter_host",
    "traces_exporter_port",
    "metrics",
    "metrics_exporter_host",
    "metrics_exporter_port",
    "stateful",
    "peer_ports",
    "force_update",
    "prefer_platform",
    "compression",
    "uses_before",
    "uses_after",
    "uses_before_address",
    "uses_after_address",
    "connection_list",
    "timeout_send",
    "when",
    "external",
    "grpc_metadata",
    "tls",
    "deployment_role",
    "title",
    "description",
    "cors",
    "uvicorn_kwargs",
    "ssl_certfile",
    "ssl_keyfile",
    "grpc_channel_options",
    "include_gateway",
    "override_with",
    "override_metas",
    "override_requests",
    "port_expose",
    "port_in",
    "host_in",
    "https",
    "parallel",
    "disable_reduce",
]

GATEWAY = [
    "name",
    "host",
    "host_in",
    "port",
    "ports",
    "port_expose",
    "port_in",
    "protocol",
    "protocols",
    "uses",
    "uses_with",
    "py_modules",
    "prefetch",
    "title",
    "description",
    "cors",
    "uvicorn_kwargs",
    "ssl_certfile",
    "ssl_keyfile",
    "no_debug_endpoints",
    "no_crud_endpoints",
    "expose_endpoints",
    "expose_graphql_endpoint",
    "proxy",
    "replicas",
    "grpc_server_options",
    "grpc_channel_options",
    "compression",
    "timeout_send",
    "retries",
    "graph_description",
    "graph_conditions",
    "deployments_addresses",
    "deployments_metadata",
    "deployments_no_reduce",
    "monitoring",
    "port_monitoring",
    "tracing",
    "metrics",
    "timeout_ready",
    "timeout_ctrl",
    "env",
    "docker_kwargs",
    "entrypoint",
    "log_config",
    "quiet",
    "workspace",
    "reload",
    "floating",
    "provider",
    "stateful",
    "peer_ports",
    "shard_id",
    "quiet_error",
    "suppress_root_logging",
    "workspace_id",
    "inspect",
    "asyncio",
]


@pytest.mark.parametrize("name", DEPLOYMENT)
def test_an_argument_of_a_deployment_is_known(name: str) -> None:
    known = DeploymentOptions.model_fields.keys() | NodeOptions.model_fields.keys()
    assert name in known or known_otherwise(name, DeploymentOptions) or known_otherwise(name, NodeOptions)


@pytest.mark.parametrize("name", GATEWAY)
def test_an_argument_of_a_flow_is_known(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OldSpelling)
        try:
            flow_options({name: {} if name == "uvicorn_kwargs" else None})
        except ConfigurationError as error:
            if "no such option" in str(error) and name not in OF_ONE_EXECUTOR:
                raise


OF_ONE_EXECUTOR = ("py_modules", "grpc_channel_options", "floating")
"""What Jina tells all Executors, and nobody would."""


def known_otherwise(name: str, model: type[Options]) -> bool:
    found = modern({name: {"a": 1} if name == "uvicorn_kwargs" else 1}, model.model_fields)
    return name not in found.values


@pytest.mark.parametrize("model", [DeploymentOptions, NodeOptions, GatewayOptions])
def test_an_unknown_one_is_an_error_with_the_nearest_name(model: type[Options]) -> None:
    with pytest.raises(ConfigurationError, match=r"no such option; (did you mean|there are)"):
        parse_options(model, {"zzz_unknown": 1})


def test_false_and_nothing_are_not_told() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse_options(DeploymentOptions, {"tracing": False, "log_config": None, "native": False, "stateful": False})


def test_milliseconds_of_jina_are_told_from_seconds() -> None:
    with pytest.warns(OldSpelling, match="timeout_ready: 600000 is Jina's; it counts seconds"):
        node = parse_options(NodeOptions, {"external": True, "host": "h:1", "timeout_ready": 600000})
    assert node.timeout_ready == 600.0
