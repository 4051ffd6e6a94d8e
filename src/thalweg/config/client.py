"""The options of a client: how it connects, when it tries again, and when it asks twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from thalweg.config.options import Compression, Options, compression_by_name


class ChannelOptions(Options):
    """What a transport is told about its connections."""

    proxy: bool = Field(
        False, description="Whether to go through the proxy that the environment names, such as HTTPS_PROXY."
    )
    compression: Compression | None = Field(None, description="How gRPC packs what is sent; HTTP takes gzip alone.")
    grpc_channel_options: tuple[tuple[str, int | str], ...] = Field(
        (), description="Options of gRPC's own channel, by name; they win over Thalweg's."
    )

    @field_validator("compression", mode="before")
    @classmethod
    def _compression_by_name(cls, value: Any) -> Any:
        return compression_by_name(value)

    metadata: tuple[tuple[str, str], ...] = Field(
        (), description="Headers that go with every request, such as a token; they win over a request's own."
    )

    @field_validator("grpc_channel_options", "metadata", mode="before")
    @classmethod
    def _pairs_of_a_mapping(cls, value: Any) -> Any:
        return tuple(value.items()) if isinstance(value, Mapping) else value or ()


class RetryPolicy(Options):
    """How often a request is sent, and how long the client waits in between.

    Before the n-th further attempt it waits a random time from zero to
    `min(max_backoff, initial_backoff * backoff_multiplier ** (n - 1))` seconds ("full jitter",
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), or as long as the server asked it to.
    """

    max_attempts: int = Field(1, ge=1, description="How often a request is sent at most, the first time counted.")
    initial_backoff: float = Field(0.5, ge=0, description="Longest wait before the second attempt, in seconds.")
    max_backoff: float = Field(2.0, ge=0, description="Longest wait before any attempt, in seconds.")
    backoff_multiplier: float = Field(1.5, ge=1, description="By how much the longest wait grows with each attempt.")
    max_retry_after: float = Field(
        60.0,
        ge=0,
        description="Longest wait that a server may ask for, in seconds; one that asks for more is not waited for.",
    )
    budget: float = Field(0.2, ge=0, description="Further attempts that each request earns; all requests share them.")
    reserve: float = Field(100.0, ge=0, description="How many of them are kept, and are there at the beginning.")


class HedgePolicy(Options):
    """When a request that has no answer yet is sent a second time, over another connection. The first answer is taken, and
    the other attempt is called off. Only for endpoints that may run twice for one request."""

    after: float | None = Field(None, gt=0, description="Seconds without an answer before the second attempt.")
    percentile: float | None = Field(
        None,
        gt=0,
        lt=100,
        description="In place of `after`: as long as this percentage of answers of the endpoint took.",
    )
    samples: int = Field(20, ge=1, description="Answers of an endpoint that must be known before a percentile is one.")
    budget: float = Field(
        0.1, ge=0, le=1, description="Second attempts that each request earns; all requests share them."
    )
    reserve: float = Field(10.0, ge=0, description="How many of them are kept, and are there at the beginning.")

    @model_validator(mode="after")
    def _one_way_to_tell_when(self) -> Self:
        if (self.after is None) == (self.percentile is None):
            raise ValueError("give one of 'after' (seconds) and 'percentile'")
        return self
