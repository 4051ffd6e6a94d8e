"""Jina's keyword arguments in the words of Thalweg's options; pure."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from thalweg.compat.excepts import NotSupportedError
from thalweg.config import DeploymentOptions, GatewayOptions, NodeOptions
from thalweg.config.options import Options
from thalweg.config.spellings import NO_EFFECT, REFUSED
from thalweg.config.spellings import RENAMED as OLD_NAMES

RENAMED = {**OLD_NAMES, "disable_reduce": "no_reduce"}
"""Old spelling -> the one that Jina has had since."""

UNNEEDED = (
    frozenset(NO_EFFECT) - {"metrics", "monitoring", "retries", "timeout_send", "tracing"}
) | {"disable_auto_volume", "docker_kwargs", "inspect", "timeout_ctrl", "uvicorn_kwargs"}  # fmt: skip
"""Without a counterpart, and nothing is lost without one: they say how Jina does its work, or are off in any case."""


def gateway_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a Gateway. Raises `NotSupportedError` for what would be lost."""
    return _served(_translated(given, GatewayOptions))


def node_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of an Executor in a Flow. What says how it listens is left out: nobody but the Gateway talks to it."""
    listening = () if given.get("external") else ("port", "host", "protocol", "tls")
    return _translated(
        {name: one for name, one in given.items() if RENAMED.get(name, name) not in listening}, NodeOptions
    )


def deployment_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of an Executor that is served alone."""
    return _served(_translated(given, DeploymentOptions))


def of_gateway(name: str) -> bool:
    """Whether an argument of a Flow is its Gateway's; the others are the defaults of every Executor."""
    name = RENAMED.get(name, name)
    return name in GatewayOptions.model_fields or name in (
        "ssl_certfile",
        "ssl_keyfile",
        "timeout_send",
        "uvicorn_kwargs",
    )


def _translated(given: Mapping[str, Any], model: type[Options]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for old, value in given.items():
        name = RENAMED.get(old, old)
        if value is None or (name in UNNEEDED and name not in model.model_fields and name != "uvicorn_kwargs"):
            continue
        for ours, translated in _TRANSLATIONS.get(name, _same(name))(value).items():
            if ours in model.model_fields:
                found[ours] = translated
            elif ours in REFUSED and translated:
                raise NotSupportedError(f"{old}={value!r}: {REFUSED[ours]}.")
            elif _matters(ours, translated):
                warnings.warn(f"ignored unknown argument: {old}", UserWarning, stacklevel=4)
    return _with_certificate(found, given) if "tls" in model.model_fields else found


def _matters(name: str, value: Any) -> bool:
    return name not in UNNEEDED and value not in (False, None, {}, [], "")


def _same(name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {name: value}


def _milliseconds(value: float) -> dict[str, Any]:
    return {"timeout": value / 1000} if value > 0 else {}


def _polling(value: Any) -> dict[str, Any]:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = json.loads(value)
    return {"polling": value.name if isinstance(value, Enum) else value}


def _protocol(value: Any) -> dict[str, Any]:
    several = value if isinstance(value, (list, tuple)) else [value]
    return {"protocol": [str(one.name if isinstance(one, Enum) else one).lower() for one in several]}


def _server(value: Mapping[str, Any]) -> dict[str, Any]:
    """What uvicorn would have been told, as far as it has a name here."""
    found: dict[str, Any] = {"root_path": value["root_path"]} if value.get("root_path") else {}
    if "timeout_keep_alive" in value:
        found["connections"] = {"idle_seconds": value["timeout_keep_alive"]}
    return found


def _strings(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"env": {name: str(one) for name, one in value.items()}}


def _nothing(_value: Any) -> dict[str, Any]:
    return {}


_TRANSLATIONS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "env": _strings,
    "no_reduce": lambda value: {"reduce": not value},
    "polling": _polling,
    "protocol": _protocol,
    "retries": lambda value: {"retries": value} if value >= 0 else {},
    "ssl_certfile": _nothing,
    "ssl_keyfile": _nothing,
    "timeout_ready": lambda value: {"timeout_ready": value / 1000} if value > 0 else {},
    "timeout_send": _milliseconds,
    "uvicorn_kwargs": _server,
}


def _with_certificate(found: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    certificate, key = given.get("ssl_certfile"), given.get("ssl_keyfile")
    if (certificate is None) != (key is None):
        raise ValueError("ssl_certfile and ssl_keyfile belong together; give both.")
    if certificate is not None:
        found["tls"] = {"certfile": certificate, "keyfile": key}
    elif found.get("tls") is False:
        del found["tls"]
    return found


def _served(found: dict[str, Any]) -> dict[str, Any]:
    """As many ports as protocols: Jina chooses them all where the numbers differ and one was given."""
    ports, protocols = found.get("port"), found.get("protocol", ["grpc"])
    several = [ports] if isinstance(ports, int) else list(ports or [])
    if len(several) == 1 and len(protocols) > 1:
        del found["port"]
    host = found.get("host")
    if isinstance(host, (list, tuple)):
        found["host"] = host[0]
    return found
