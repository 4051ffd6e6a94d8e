"""How many replicas there are to be, where the load decides."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from thalweg.config.options import Options


class AutoscaleOptions(Options):
    """Between which numbers the replicas of an Executor may change, and what for."""

    min: int = Field(1, ge=0, description="So many replicas always run; with 0 the first request waits for one.")
    max: int = Field(ge=1, le=1024, description="So many replicas run at most.")
    target: float = Field(
        2.0,
        gt=0,
        description="Requests under way for each replica, waiting ones included; with more there are more replicas.",
    )
    latency: float | None = Field(
        None, gt=0, description="Seconds within which 95 of 100 requests are to be answered, waiting included."
    )
    burst: float = Field(3.0, gt=0, description="Seconds over which the load is averaged before replicas are added.")
    window: float = Field(
        60.0, gt=0, description="Seconds for which fewer replicas must have been enough before some go."
    )
    idle: float = Field(
        300.0, gt=0, description="Seconds without any request after which the last replica goes, where min is 0."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min is {self.min} and max is {self.max}: min is to be the smaller one")
        if self.burst > self.window:
            raise ValueError(f"burst is {self.burst:g} s and window {self.window:g} s: burst is to be the shorter one")
        return self
