"""The shape of a YAML or JSON file that describes what to start."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from thalweg.config.batching import BatchingOptions
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


class ExecutorFile(Options):
    """An Executor in YAML. `jtype` and `uses` say the same."""

    jtype: str = Field("", description="The class: 'package.module:Class', 'file.py:Class', or a name in py_modules.")
    uses: str = Field("", description="Another name of jtype.")
    with_: dict[str, Any] = Field({}, alias="with", description="Keyword arguments of the constructor.")
    metas: dict[str, Any] = Field({}, description="name, description, workspace.")
    requests: dict[str, str] = Field({}, description="Endpoint -> method name, in place of the decorators'.")
    dynamic_batching: dict[str, BatchingOptions] = Field({}, description="Endpoint or method -> how it is batched.")
    uses_dynamic_batching: dict[str, BatchingOptions] = Field({}, description="Another name of dynamic_batching.")
    py_modules: tuple[str, ...] | str = Field((), description="Files or modules to import first.")
    workspace: str | None = Field(None, description="Folder below which the Executor may keep its files.")
