"""What can be started as a whole."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from thalweg.config.edges import EdgeOptions
from thalweg.config.nodes import NodeOptions
from thalweg.config.options import Options
from thalweg.config.servers import BalancerOptions, GatewayOptions
from thalweg.config.workers import WorkerOptions


class DeploymentOptions(WorkerOptions, BalancerOptions):
    """One Executor served alone."""

    include_gateway: bool | None = Field(
        None,
        description="Whether a Gateway stands in front; null: where it is needed. With one it can change while it runs.",
    )


OF_ONE = frozenset(
    {
        *EdgeOptions.model_fields,
        *("name", "uses", "uses_with", "external", "host", "port", "tls"),
        *("grpc_metadata", "grpc_channel_options", "compression"),
    }
)
"""What is one Executor's alone."""

PROPAGATED = frozenset(NodeOptions.model_fields) - OF_ONE
"""What may be said to a Flow, for every Executor that it starts."""


class FlowOptions(Options):
    """A Gateway and the Executors behind it."""

    name: str = Field("flow", description="Name in logs and in the title of the OpenAPI page.")
    gateway: GatewayOptions = Field(GatewayOptions(), description="Options of the Gateway.")
    defaults: NodeOptions = Field(
        NodeOptions(), description="What every Executor has that does not say otherwise; it is in `executors` already."
    )
    executors: tuple[NodeOptions, ...] = Field(
        (), description="The Executors, each fed by the one before or by `needs`."
    )
    inspect: Literal["collect", "hang", "remove"] = Field(
        "collect",
        description="What those are that inspect: collect, part of the answer; hang, floating; remove, left out.",
    )

    @field_validator("inspect", mode="before")
    @classmethod
    def _inspect_by_name(cls, value: Any) -> Any:
        return str(getattr(value, "name", value)).lower()


def defaults_of(node: NodeOptions, defaults: NodeOptions) -> dict[str, Any]:
    """What `node` is given where it says nothing of it; nothing where the Flow does not start it. Variables of the
    environment are joined."""
    if node.external or not node.has_process:
        return {}
    found = {name: getattr(defaults, name) for name in defaults.model_fields_set - node.model_fields_set}
    if "env" in defaults.model_fields_set and node.env:
        found["env"] = {**defaults.env, **node.env}
    return found
