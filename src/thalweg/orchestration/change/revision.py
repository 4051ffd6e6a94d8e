"""What a running Flow or Deployment is to become: new options from old ones, and what of them cannot change."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from inspect import signature
from pathlib import Path
from typing import Any

from thalweg.client.arguments import CALL_NAMES
from thalweg.client.postable import Postable
from thalweg.config import DeploymentOptions, FlowOptions, GatewayOptions, NodeOptions
from thalweg.config.load import parse_options
from thalweg.config.rollout import UpdateOptions
from thalweg.config.servers import ServerOptions
from thalweg.config.workers import WorkerOptions
from thalweg.errors import ConfigurationError

POSTED = frozenset(signature(Postable.post).parameters) | CALL_NAMES
"""What may be said with documents."""


def changes(inputs: Any, arguments: Iterable[str], kind: type, options: Iterable[str]) -> bool:
    """Whether `update` is to change what runs, rather than to send documents to `/update`: that has no text and no path,
    and other arguments."""
    meant = {*options, *UpdateOptions.model_fields} - POSTED
    return isinstance(inputs, (kind, str, os.PathLike)) or bool(meant.intersection(arguments))


def parted(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """How a change is to go through, and the options that change."""
    how = {name: value for name, value in arguments.items() if name in UpdateOptions.model_fields}
    return how, {name: value for name, value in arguments.items() if name not in how}


def names_a_file(source: Any) -> bool:
    """Whether `source` names a file that can be read again."""
    return not isinstance(source, Mapping) and ("\n" not in str(source)) and Path(source).is_file()


def changed_executor(running: FlowOptions, executor: str, options: Mapping[str, Any]) -> FlowOptions:
    """`running` with other options of the Executor of that name; what `options` do not say stays.

    Raises:
        ConfigurationError: there is no such Executor, or an option does not fit.
    """
    names = [node.name for node in running.executors]
    if executor not in names:
        fixed = [name for name in options if name in GatewayOptions.model_fields and name != "uses"]
        if not executor and fixed:
            raise ConfigurationError(_fixed(fixed, f"Flow {running.name!r}"))
        raise ConfigurationError(f"Flow.update: {_unknown(executor, names)}")
    nodes = [
        _with(node, options, NodeOptions, "Flow.update") if node.name == executor else node
        for node in running.executors
    ]
    return running.model_copy(update={"executors": tuple(nodes)})


def changed_flow(running: FlowOptions, wanted: FlowOptions) -> FlowOptions:
    """`wanted` in place of `running`, which keeps its name, and of its Gateway what `wanted` says nothing of.

    Raises:
        ConfigurationError: the Gateway is to be another one.
    """
    _check_fixed(running.gateway, wanted.gateway, GatewayOptions, f"Flow {running.name!r}")
    return wanted.model_copy(update={"name": running.name, "gateway": running.gateway})


def changed_deployment(running: DeploymentOptions, options: Mapping[str, Any]) -> DeploymentOptions:
    """`running` with these options in place of its own.

    Raises:
        ConfigurationError: one of them does not fit, or is about how it listens.
    """
    both: DeploymentOptions = _with(running, options, DeploymentOptions, "Deployment.update")
    _check_fixed(running, both, ServerOptions, f"Deployment {running.name!r}")
    return both


def replaced_deployment(running: DeploymentOptions, wanted: DeploymentOptions) -> DeploymentOptions:
    """`wanted` in place of `running`, which keeps its name and how it listens.

    Raises:
        ConfigurationError: it is to listen otherwise.
    """
    _check_fixed(running, wanted, ServerOptions, f"Deployment {running.name!r}")
    workers = WorkerOptions.model_fields
    server = {name: getattr(running, name) for name in DeploymentOptions.model_fields if name not in workers}
    return wanted.model_copy(update={"name": running.name, **server})


def scaled(running: FlowOptions, executor: str, replicas: int) -> FlowOptions:
    """`running` with another number of replicas, which may be 0.

    Raises:
        ConfigurationError: there is no such Executor, it is not started here, or `autoscale` says otherwise.
    """
    node = next((node for node in running.executors if node.name == executor), None)
    if node is None:
        raise ConfigurationError(_unknown(executor, [node.name for node in running.executors]))
    if node.external:
        raise ConfigurationError(f"The Executor {executor!r} runs elsewhere: its replicas are not started here.")
    if replicas < 0:
        raise ConfigurationError(f"replicas={replicas}: there cannot be fewer than none.")
    if node.autoscale is not None and not node.autoscale.min <= replicas <= node.autoscale.max:
        raise ConfigurationError(
            f"replicas={replicas}: autoscale says that of {executor!r} {node.autoscale.min} to {node.autoscale.max} run. "
            f"Change that first, by update."
        )
    changed = node.model_copy(update={"replicas": replicas})
    return running.model_copy(
        update={"executors": tuple(changed if other is node else other for other in running.executors)}
    )


def _unknown(executor: str, names: list[str]) -> str:
    near = get_close_matches(executor, names, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(names)}."
    said = f"There is no Executor {executor!r}." if executor else "Say which Executor: executor='name'."
    return f"{said} {hint}"


def _with(running: Any, options: Mapping[str, Any], model: Any, where: str) -> Any:
    parsed = parse_options(model, options, where)  # so that an error names what was given just now
    both = {name: getattr(running, name) for name in running.model_fields_set}
    both |= {name: getattr(parsed, name) for name in parsed.model_fields_set}
    kept = {"name": running.name}
    if both.get("replicas") == 0:  # which only `scale` can say
        kept["replicas"] = both.pop("replicas")
    return parse_options(model, both, where).model_copy(update=kept)


def _check_fixed(running: ServerOptions, wanted: ServerOptions, model: type[ServerOptions], what: str) -> None:
    changed = [
        name
        for name in model.model_fields
        if name in wanted.model_fields_set and getattr(running, name) != getattr(wanted, name)
    ]
    if changed:
        raise ConfigurationError(_fixed(changed, what))


def _fixed(names: list[str], what: str) -> str:
    return f"{', '.join(names)}: cannot change while {what} runs, since callers are connected. Close it, and start it anew."
