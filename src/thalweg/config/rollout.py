"""How a change of what runs goes through, and what is watched for one."""

from __future__ import annotations

from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from thalweg.config.options import Options

Reload: TypeAlias = bool | Literal["functions"]


class UpdateOptions(Options):
    """How `update` replaces processes."""

    surge: int | None = Field(
        None,
        ge=0,
        description="So many more replicas of an Executor run at most while it is replaced; 0: each ends before its new one "
        "starts; null: as many as there are.",
    )
    canary: float | None = Field(
        None, gt=0, lt=1, description="Part of the requests that the new version gets until promote() or abort()."
    )
    settle: float = Field(
        0.0, ge=0, description="Seconds that new replicas must stay ready with all requests before the old ones end."
    )
    drain_seconds: float | None = Field(
        None, ge=0, description="How long requests may take to end in old replicas; null: as long as at a stop."
    )

    @model_validator(mode="after")
    def _a_canary_has_room(self) -> Self:
        if self.surge == 0 and self.canary is not None:
            raise ValueError("a canary runs beside the replicas that there are, and surge=0 leaves no room for it")
        return self
