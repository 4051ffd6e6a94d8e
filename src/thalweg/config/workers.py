"""User code, and the processes that run it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from thalweg.config.autoscale import AutoscaleOptions
from thalweg.config.batching import BatchingOptions
from thalweg.config.concurrency import AllowConcurrent, EndpointLimits
from thalweg.config.containers import ContainerOptions
from thalweg.config.environments import EnvironmentOptions
from thalweg.config.health import ProbeOptions
from thalweg.config.limits import Limits
from thalweg.config.options import Options
from thalweg.config.rollout import Reload
from thalweg.config.secrets import MaybeSecret
from thalweg.config.shards import ShardOptions
from thalweg.config.supervision import LifetimeOptions
from thalweg.config.uses import Uses

Placement = Literal["process", "inline"]


class ExecutorOptions(Options):
    """Which user code, made with what."""

    uses: Uses = Field(
        None, description="A class, a function, 'package.module:Class', 'file.py:Class', YAML, or docker://image."
    )
    uses_with: dict[str, Any] = Field({}, description="Keyword arguments of the constructor.")
    uses_metas: dict[str, Any] = Field({}, description="Overrides of `metas`: name, description, workspace.")
    uses_requests: dict[str, str] = Field({}, description="Endpoint -> method name, in place of the decorators'.")
    workspace: str | None = Field(None, description="Folder below which the Executor may keep its files.")
    py_modules: tuple[str, ...] = Field((), description="Files or modules to import before `uses` is looked up.")

    @field_validator("py_modules", mode="before")
    @classmethod
    def _one_module_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class WorkerOptions(ExecutorOptions, ShardOptions, ContainerOptions, EnvironmentOptions, LifetimeOptions):
    """Replicas of one Executor and what each of them is given."""

    name: str = Field("", description="Name in the topology, in errors and in logs.")
    uses_dynamic_batching: dict[str, BatchingOptions] = Field(
        {}, description="Endpoint or method -> how its requests are joined, over what @dynamic_batching says."
    )
    replicas: int = Field(1, ge=1, description="Processes that run this Executor side by side.")
    autoscale: AutoscaleOptions | None = Field(
        None, description="Between which numbers the load decides how many replicas run, such as {min: 1, max: 8}."
    )
    env: dict[str, MaybeSecret] = Field({}, description="Environment variables of the worker processes.")
    queue: Limits = Field(Limits(), description="What each replica takes on at once.")
    queue_limits: dict[str, EndpointLimits] = Field(
        {}, description="Endpoint -> what of it each replica takes on at once."
    )
    allow_concurrent: AllowConcurrent = Field(
        False, description="Whether synchronous methods run side by side in threads; a number says in how many."
    )
    max_concurrency: dict[str, Annotated[int, Field(gt=0)]] = Field(
        {}, description="Endpoint -> how many of its requests a replica works on at once, over what @requests says."
    )
    devices: str | tuple[int | str, ...] | None = Field(
        None, description="Devices that the replicas take in turns: RR, RR0:3, RR[1,3], 0,1, cpu:0-3; see the guide."
    )
    probe: ProbeOptions | None = Field(None, description="What each replica asks itself, and how often.")
    stuck_after: float | None = Field(
        600.0,
        gt=0,
        description="Seconds that one call may keep a thread before the replica is replaced; null: for ever.",
    )
    warmup: dict[str, Any] = Field(
        {}, description="Endpoint -> a document, or a list of them, that is sent there before the replica is ready."
    )
    exit_on_exceptions: tuple[str, ...] = Field(
        (), description="Names of classes of exceptions after which a replica answers, ends, and is started again."
    )
    quiet_error: bool = Field(False, description="Log exceptions of user code in one line, without their traceback.")
    development: bool = Field(
        False, description="Send the traceback of user code to callers. THALWEG_DEVELOPMENT=1 does so everywhere."
    )
    reload: Reload = Field(
        False,
        description="Whether its code is watched, and replicas are replaced when it changes; functions: patched in place.",
    )

    placement: Placement = Field(
        "process",
        description="process: in processes of its own; inline: in the one that starts the Flow or Deployment.",
    )

    @field_validator("env", mode="before")
    @classmethod
    def _numbers_as_text(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: str(one) if type(one) in (int, float) else one for name, one in value.items()}

    @field_validator("exit_on_exceptions", mode="before")
    @classmethod
    def _one_exception_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("warmup")
    @classmethod
    def _documents_to_warm_up_with(cls, value: dict[str, Any]) -> dict[str, Any]:
        for path, documents in value.items():
            each = documents if isinstance(documents, list) else [documents]
            if not all(isinstance(document, (dict, BaseModel)) for document in each):
                raise ValueError(f"what {path} is warmed up with must be a document, a mapping, or a list of them")
        return value

    @model_validator(mode="after")
    def _replicas_that_the_load_may_decide(self) -> Self:
        scale = self.autoscale
        if scale is None:
            return self
        if "replicas" in self.model_fields_set and not scale.min <= self.replicas <= scale.max:
            raise ValueError(
                f"replicas is {self.replicas} and autoscale says {scale.min} to {scale.max}: replicas, where it is given, "
                f"is how many there are to begin with"
            )
        if self.shards > 1 or self.uses_before is not None or self.uses_after is not None:
            raise ValueError(
                "autoscale does not go with shards, uses_before or uses_after: a replica that comes later has none of the "
                "documents that its shard was given; use replicas"
            )
        return self

    @property
    def first_replicas(self) -> int:
        """How many run to begin with: at least one, since somebody has to say what the Executor answers."""
        if self.autoscale is None:
            return self.replicas
        return max(1, self.replicas if "replicas" in self.model_fields_set else self.autoscale.min)
