"""How a change of what runs goes through, and what is watched for one."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from thalweg.config.options import Options

Reload: TypeAlias = bool | Literal["functions"]


class UpdateOptions(Options):
    """How `update` replaces processes."""

    surge: int | None = Field(
        None,
        ge=1,
        description="So many more replicas of an Executor run at most while it is replaced; null: as many as there are.",
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
