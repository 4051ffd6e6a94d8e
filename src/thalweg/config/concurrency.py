"""Options of what runs at once, what waits, and in which order."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from thalweg.config.options import Options

LOWEST_PRIORITY = -10
HIGHEST_PRIORITY = 10
MOST_THREADS = 1024

Priority: TypeAlias = Annotated[int, Field(ge=LOWEST_PRIORITY, le=HIGHEST_PRIORITY)]
AllowConcurrent: TypeAlias = bool | Annotated[int, Field(ge=1, le=MOST_THREADS)]


class EndpointLimits(Options):
    """What one endpoint of a replica takes on at once."""

    max_inflight: int | None = Field(None, gt=0, description="Requests that are accepted and not yet answered.")
    max_inflight_bytes: int | None = Field(None, gt=0, description="Payload bytes of those requests together.")


class AdaptiveConcurrency(Options):
    """A limit of requests under way that finds itself, so that answers come within a time."""

    latency: float = Field(gt=0, description="Seconds within which nine of ten requests are to be answered.")
    initial: int = Field(16, gt=0, description="Requests under way at once to begin with.")
    least: int = Field(1, gt=0, description="So many always may.")
