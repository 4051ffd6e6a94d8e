"""Jina's keyword arguments in the words of Thalweg's options; pure.

An argument that Jina has is one of four things here: an option of the same name; one with another name or unit, which is
taken and told; one without effect, which is told where it was to have some; or one that would be lost, which is refused with
what to do instead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

RENAMED = {
    "override_with": "uses_with",
    "override_metas": "uses_metas",
    "override_requests": "uses_requests",
    "port_expose": "port",
    "port_in": "port",
    "ports": "port",
    "host_in": "host",
    "protocols": "protocol",
    "https": "tls",
    "parallel": "replicas",
    "dynamic_batching": "uses_dynamic_batching",
}
"""Another name for the same."""

_INSIDE = "Jina's processes tell it each other; here they need not be told"
_TELEMETRY = "there is no telemetry yet"
_STATE = "state is not replicated yet; run one replica"
_HUB = "there is no hub to load from"
_KUBERNETES = "it is for Kubernetes alone"
_LOGS = "logs are set up with Python's logging"
_GATEWAY = "the Gateway has it, for all Executors: say it there"

NO_EFFECT = {
    **dict.fromkeys(("timeout_send", "retries"), _GATEWAY),
    **dict.fromkeys(
        (
            "args",
            "connection_list",
            "copy_flow",
            "deployment_role",
            "deployments_addresses",
            "deployments_metadata",
            "deployments_no_reduce",
            "extra_search_paths",
            "graph_conditions",
            "graph_description",
            "native",
            "pod_role",
            "port_monitoring",
            "runtime_cls",
            "shard_id",
            "uses_after_address",
            "uses_before_address",
            "workspace_id",
        ),
        _INSIDE,
    ),
    **dict.fromkeys(
        (
            "metrics",
            "metrics_exporter_host",
            "metrics_exporter_port",
            "monitoring",
            "traces_exporter_host",
            "traces_exporter_port",
            "tracing",
        ),
        _TELEMETRY,
    ),
    **dict.fromkeys(("force_update", "prefer_platform"), _HUB),
    **dict.fromkeys(("env_from_secret", "image_pull_secrets", "k8s_namespace"), _KUBERNETES),
    **dict.fromkeys(("log_config", "quiet", "suppress_root_logging"), _LOGS),
    "asyncio": "load the description with AsyncFlow",
    "expose_endpoints": "every endpoint has a route",
    "force_network_mode": "the socket of a container is in a folder that is mounted into it",
    "include_gateway": "a Gateway stands in front where one is needed",
    "jcloud": "there is no such cloud",
    "no_crud_endpoints": "there are none but those of the Executors",
    "no_debug_endpoints": "there are none but those of the Executors",
    "output_array_type": "a document's class says of which kind its tensors are",
    "prefetch": "each stream is given as much as its reader takes",
    "protocol": "the Gateway alone listens; it calls its Executors through private sockets",
    "proxy": "a client has it, and a service calls none",
    "reload": "`thalweg reload` does it",
    "timeout_ready": "a process may take as long as it lives to be ready",
}
"""Taken, and told where the value says more than nothing. None of it wins over an option of that name."""

REFUSED = {
    **dict.fromkeys(("stateful", "peer_ports", "raft_configuration"), _STATE),
}
"""Something would be lost. None of it wins over an option of that name."""


class Translation(NamedTuple):
    """A name that has another one, in words, and the values under it."""

    ours: str
    values: Callable[[Any], dict[str, Any]]


class Modern(NamedTuple):
    """What was given, in today's words."""

    values: dict[str, Any]
    moved: dict[str, str]
    """Today's name -> the one that was given."""

    told: dict[str, str]
    """Name that was given -> what there is to say of it."""

    refused: dict[str, str]
    """Name that was given -> what to do instead."""


def modern(given: Mapping[str, Any], known: Collection[str]) -> Modern:
    """`given` in the words of `known`. What is neither an option nor one of Jina's arguments is left as it is."""
    found = Modern({}, {}, {}, {})
    if "tls" in known and "cors" in known:
        given = _certified(given, found)
    for old, value in given.items():
        if old in known:
            same = _OWN.get(old)
            kept = {old: value} if same is None else same(value)
            found.values.update(kept)
            if same is not None and kept != {old: value}:
                found.told[old] = f"{old}: {value!r} is Jina's; {_NOW[old]}"
        elif not _translated(old, value, known, found, given):
            found.values[old] = value
    return found


def _certified(given: Mapping[str, Any], found: Modern) -> Mapping[str, Any]:
    """`given` with the files of a certificate as one, where they stand in it."""
    names = [name for name in ("ssl_certfile", "ssl_keyfile") if given.get(name) is not None]
    if not names:
        return {name: value for name, value in given.items() if name not in ("ssl_certfile", "ssl_keyfile")}
    found.moved["tls"] = names[0]
    for name in names:
        found.told[name] = f"{name} is Jina's name for it; write tls with {_CERTIFICATE[name]} in it"
        if "tls" in given:
            found.refused[name] = "tls says it already; leave one of them out"
    rest = {name: value for name, value in given.items() if name not in names}
    return {**rest, "tls": {_CERTIFICATE[name]: given[name] for name in names}}


def _translated(old: str, value: Any, known: Collection[str], found: Modern, given: Mapping[str, Any]) -> bool:
    """Whether `old` is an argument of Jina's, which is then in `found` as far as `known` has room for it."""
    translation = TRANSLATED.get(old)
    if old in RENAMED:
        translation = Translation(RENAMED[old], lambda it: {RENAMED[old]: it})
    if translation is not None:
        values = {} if value is None else translation.values(value)
        taken = {name: one for name, one in values.items() if name in known}
        if taken or not values or (old not in NO_EFFECT and old not in REFUSED):
            for name, one in taken.items():
                if name in given:
                    found.refused[old] = f"{name} says it already; leave one of them out"
                found.values[name] = one
                found.moved[name] = old
            if value is not None:
                found.told[old] = f"{old} is Jina's name for it; write {translation.ours}"
            return bool(taken) or not values
    if old in REFUSED:
        if value:
            found.refused[old] = REFUSED[old]
        return True
    if old in NO_EFFECT:
        if value not in (None, False, {}, [], (), ""):
            found.told[old] = f"{old} has no effect: {NO_EFFECT[old]}"
        return True
    return False


def _timeout(value: Any) -> dict[str, Any]:
    return {"timeout": value / 1000} if isinstance(value, (int, float)) and value > 0 else {}


def _server(value: Any) -> dict[str, Any]:
    """What uvicorn would have been told, as far as it has a name here."""
    found: dict[str, Any] = {}
    if not isinstance(value, Mapping):
        return found
    if value.get("root_path"):
        found["root_path"] = value["root_path"]
    for group, names in _OF_UVICORN.items():
        inner = {ours: value[theirs] for theirs, ours in names.items() if value.get(theirs) is not None}
        if inner:
            found[group] = inner
    certificate = {ours: value[theirs] for theirs, ours in _CERTIFICATE.items() if value.get(theirs)}
    return {**found, "tls": certificate} if certificate else found


_OF_UVICORN = {
    "connections": {"timeout_keep_alive": "idle_seconds", "limit_concurrency": "max_connections"},
    "websocket": {"ws_ping_interval": "ping_seconds", "ws_ping_timeout": "pong_seconds"},
}
_CERTIFICATE = {
    "ssl_certfile": "certfile",
    "ssl_keyfile": "keyfile",
    "ssl_keyfile_password": "password",
    "ssl_ca_certs": "client_ca",
}

TRANSLATED = {
    "disable_reduce": Translation("reduce=False", lambda value: {"reduce": not value}),
    "expose_graphql_endpoint": Translation("graphql", lambda value: {"graphql": bool(value)}),
    "no_reduce": Translation("reduce=False", lambda value: {"reduce": not value}),
    "timeout_ctrl": Translation("drain_seconds", lambda value: {"drain_seconds": value} if value >= 0 else {}),
    "timeout_send": Translation("timeout, in seconds", _timeout),
    "uvicorn_kwargs": Translation("root_path, connections, websocket and tls", _server),
}
"""Arguments that are said in another way here."""


LONGEST_SECONDS = 10_000
"""A time for getting ready that is longer was meant in milliseconds, as Jina's are."""


def _ready(value: Any) -> dict[str, Any]:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return {"timeout_ready": value}
    if value == -1:
        return {}
    return {"timeout_ready": value / 1000 if value > LONGEST_SECONDS else value}


def _attempts(value: Any) -> dict[str, Any]:
    return {} if isinstance(value, int) and value < 0 else {"retries": value}


_OWN: dict[str, Callable[[Any], dict[str, Any]]] = {"retries": _attempts, "timeout_ready": _ready}
_NOW = {
    "retries": "leave it out for Thalweg's own number",
    "timeout_ready": "it counts seconds, and without it there is a limit of its own",
}
