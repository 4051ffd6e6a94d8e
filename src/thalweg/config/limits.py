"""How much one server takes on at once."""

from __future__ import annotations

from pydantic import Field

from thalweg.config.concurrency import AdaptiveConcurrency
from thalweg.config.options import Options

MIB = 1 << 20


class Limits(Options):
    """What one server takes on at once. Past a limit the answer is 429 or 413, never a longer queue."""

    max_message_bytes: int = Field(128 * MIB, gt=0, description="Largest request or answer, in bytes.")
    max_inflight: int = Field(2048, gt=0, description="Requests that are accepted and not yet answered.")
    max_inflight_bytes: int = Field(512 * MIB, gt=0, description="Payload bytes of those requests together.")
    stream_window: int = Field(64, gt=0, description="Items of one stream that may be unread; small ones 4 times.")
    adaptive_concurrency: AdaptiveConcurrency | None = Field(
        None, description="Finds how many requests may be under way so that they are answered in time."
    )
