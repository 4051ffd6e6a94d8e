"""What a service says of itself: its endpoints and their schemas, as plain data."""

from __future__ import annotations

from typing import Any

import msgspec

DEFAULT_ENDPOINT = "/default"
"""Answers every endpoint that has no binding of its own."""
DRY_RUN_ENDPOINT = "_jina_dry_run_"
"""Answered by every service: a Gateway asks one replica of each Executor, a worker runs its probe. What comes is given back,
or the error of what does not answer. No endpoint of user code can be called so, since theirs begin with a slash."""

SNAPSHOT_ENDPOINT = "_snapshot_"
RESTORE_ENDPOINT = "_restore_"
"""What a caller must be allowed to call to take snapshots of an Executor, and to restore them. Nothing answers there."""


class EndpointDescription(msgspec.Struct, frozen=True):
    """One endpoint. Schemas are JSON Schema of ONE document; None where any document is taken or given."""

    path: str
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    parameters_schema: dict[str, Any] | None = None
    streaming: bool = False
    description: str = ""
    reads_metadata: bool = True
    """Whether it looks at the request's headers; they are not sent on to one that does not."""
    single: bool = False
    """Whether its method takes one document at a time."""
    envelope: bool = True
    """Whether JSON goes as `{"data": [...], "parameters": {...}}`. Else the body is the one document itself."""
    reads_stream: bool = False
    """Whether it takes documents that come while its answers go out."""
    writes: bool = False
    """Whether it changes the state of its Executor."""
    plain: bool = False
    """Whether what it gives are documents of one class, `title` in `output_schema`, whose JSON is their values and nothing
    else: who has them in columns can write that JSON without the class."""


class ServiceDescription(msgspec.Struct, frozen=True):
    """An Executor or a whole Flow, as seen from outside."""

    name: str
    endpoints: tuple[EndpointDescription, ...] = ()

    def find(self, path: str) -> EndpointDescription | None:
        """The endpoint at `path`, else the default endpoint, else None."""
        fallback = None
        for endpoint in self.endpoints:
            if endpoint.path == path:
                return endpoint
            if endpoint.path == DEFAULT_ENDPOINT:
                fallback = endpoint
        return fallback
