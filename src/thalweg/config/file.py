"""The shape of a YAML or JSON file that describes what to start."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from thalweg.config.options import Options
from thalweg.config.runnables import PROPAGATED, DeploymentOptions, FlowOptions
from thalweg.config.servers import GatewayOptions


class FlowFile(FlowOptions):
    """A Gateway and the Executors behind it. `with` says how the Gateway is, and what every Executor has; `gateway` is for
    the Gateway alone. An option that only the Gateway has may stand in one of them."""

    jtype: Literal["Flow"] = Field("Flow", description="What the file describes.")
    version: Literal["1"] = Field("1", description="Version of the file's shape.")
    with_: GatewayOptions = Field(GatewayOptions(), alias="with", description="Options of the Gateway.")

    def twice(self) -> list[str]:
        """The Gateway's options that stand both in `with` and in `gateway`."""
        return sorted((self.with_.model_fields_set & self.gateway.model_fields_set) - PROPAGATED)

    def options(self) -> FlowOptions:
        """What the file says, with the Gateway's options as one."""
        given = {
            field: getattr(part, field)
            for part in (self.with_, self.gateway)
            for field in sorted(part.model_fields_set)
        }
        own = {name: getattr(self, name) for name in self.model_fields_set & FlowOptions.model_fields.keys()}
        return FlowOptions(**{**own, "gateway": GatewayOptions(**given)})


class DeploymentFile(Options):
    """One Executor that is served alone."""

    jtype: Literal["Deployment"] = Field("Deployment", description="What the file describes.")
    version: Literal["1"] = Field("1", description="Version of the file's shape.")
    with_: DeploymentOptions = Field(DeploymentOptions(), alias="with", description="Options of the Deployment.")
