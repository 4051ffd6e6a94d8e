"""Every exception that Thalweg raises on purpose.

    ThalwegError
    ├── ClientError                 the caller must change something
    │   ├── MalformedRequest        the bytes are not what their content type says
    │   ├── InvalidDocument         well-formed, but does not fit the endpoint's schema
    │   ├── EndpointNotFound        no Executor answers there
    │   ├── PayloadTooLarge         over the limit; says both sizes
    │   ├── UnsupportedContent      a content type that nobody here reads or writes
    │   ├── Unauthenticated         nobody knows who asks
    │   └── PermissionDenied        known, and not allowed to
    ├── Cancelled                   the caller went away or called it off
    ├── Overloaded                  a bounded queue is full; come back later
    │   └── RateLimited             this caller has had its share; come back later
    ├── ServerError                 the caller did nothing wrong
    │   ├── ExecutorFailed          user code raised
    │   ├── WrongReturnType         user code returned what its annotation does not allow
    │   └── InternalError           a defect of ours
    ├── Unavailable                 nobody is there to answer now
    │   └── PeerLost                the peer died before it answered
    ├── DeadlineExceeded            time ran out
    └── ConfigurationError          found before anything was started
        ├── TopologyError           the graph does not make sense
        ├── SchemaMismatch          one Executor's output cannot feed the next one's input
        ├── MissingDependency       an optional library is not installed
        └── StartupFailed           a process did not become ready

Each class fixes its `status` (the codes of every protocol follow from it in `thalweg.message.status`), whether the same
request may be sent again unchanged (`retryable`), and a `code` that stays stable across releases and names it on the wire.

User code may raise any of them, and subclasses of its own: they reach the caller with their status, code, details and
message. A class that no client knows arrives as the nearest one that it knows, with `code`, `status` and `http` of the one
that was raised:

    class PaymentRequired(ClientError):
        code = "payment_required"
        http = 402
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, ClassVar, Self

__all__ = [
    "Cancelled",
    "ClientError",
    "ConfigurationError",
    "DeadlineExceeded",
    "EndpointNotFound",
    "ExecutorFailed",
    "InternalError",
    "InvalidDocument",
    "MalformedRequest",
    "MissingDependency",
    "Overloaded",
    "PayloadTooLarge",
    "PeerLost",
    "PermissionDenied",
    "RateLimited",
    "SchemaMismatch",
    "ServerError",
    "StartupFailed",
    "Status",
    "ThalwegError",
    "TopologyError",
    "Unauthenticated",
    "Unavailable",
    "UnsupportedContent",
    "WrongReturnType",
]


class Status(StrEnum):
    """How a request ended, in words that every protocol has a number for."""

    OK = "ok"
    CANCELLED = "cancelled"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    FORBIDDEN = "forbidden"
    INTERNAL = "internal"
    INVALID = "invalid"
    MALFORMED = "malformed"
    NOT_FOUND = "not_found"
    OVERLOADED = "overloaded"
    TOO_LARGE = "too_large"
    UNAUTHENTICATED = "unauthenticated"
    UNAVAILABLE = "unavailable"
    UNSUPPORTED = "unsupported"


class ThalwegError(Exception):
    """The root. `message` is for people, `code` for programs, `details` for both.

    Args:
        message: what was wrong and what to do about it.
        details: one JSON-able mapping for each finding, such as `{"loc": [...], "msg": ..., "type": ...}`.
        retry_after: seconds until another attempt makes sense, where the server can tell.
        executor: the Executor in which it arose, where there is one.
        replica: the number of its replica, where it is known.
        request_id: the request that failed, the same in the server's log.
        cause: the name of the class of the exception that user code raised, such as `ValueError`; empty where none did.
        traceback: the frames of user code, filled in where the Executor runs in development mode only.

    `attempts` says how often a client that tries again has sent the request.
    """

    code: str = "error"
    status: Status = Status.INTERNAL
    http: int | None = None
    """An HTTP status from 400 to 599 in place of the one that belongs to `status`."""
    retryable: ClassVar[bool] = False

    # So that a subclass whose constructor does not call this one can be told too.
    message: str = ""
    details: Sequence[dict[str, Any]] = ()
    retry_after: float | None = None
    executor: str = ""
    replica: int | None = None
    request_id: str = ""
    cause: str = ""
    traceback: str = ""
    attempts: int = 1

    def __init__(
        self,
        message: str = "",
        *,
        details: Sequence[dict[str, Any]] = (),
        retry_after: float | None = None,
        executor: str = "",
        replica: int | None = None,
        request_id: str = "",
        cause: str = "",
        traceback: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = list(details)
        self.retry_after = retry_after
        self.executor = executor
        self.replica = replica
        self.request_id = request_id
        self.cause = cause
        self.traceback = traceback

    def __str__(self) -> str:
        return self.message or type(self).__name__

    def __copy__(self) -> Self:
        # Without the constructor: nobody knows what that of a subclass takes.
        twin = type(self).__new__(type(self), *self.args)
        vars(twin).update(vars(self))
        return twin.with_traceback(self.__traceback__)


class ClientError(ThalwegError):
    code = "client_error"
    status = Status.INVALID


class MalformedRequest(ClientError):
    code = "malformed_request"
    status = Status.MALFORMED


class InvalidDocument(ClientError):
    code = "invalid_document"
    status = Status.INVALID


class EndpointNotFound(ClientError):
    code = "endpoint_not_found"
    status = Status.NOT_FOUND


class PayloadTooLarge(ClientError):
    code = "payload_too_large"
    status = Status.TOO_LARGE


class UnsupportedContent(ClientError):
    code = "unsupported_content"
    status = Status.UNSUPPORTED


class Unauthenticated(ClientError):
    code = "unauthenticated"
    status = Status.UNAUTHENTICATED


class PermissionDenied(ClientError):
    code = "permission_denied"
    status = Status.FORBIDDEN


class Cancelled(ThalwegError):
    """The caller called it off. Never raised in place of asyncio's own `CancelledError` inside a task."""

    code = "cancelled"
    status = Status.CANCELLED


class Overloaded(ThalwegError):
    code = "overloaded"
    status = Status.OVERLOADED
    retryable = True


class RateLimited(Overloaded):
    code = "rate_limited"


class ServerError(ThalwegError):
    code = "server_error"
    status = Status.INTERNAL


class ExecutorFailed(ServerError):
    """User code raised. The traceback stays in the server's log, under the same request id."""

    code = "executor_failed"


class WrongReturnType(ServerError):
    code = "wrong_return_type"


class InternalError(ServerError):
    code = "internal_error"


class Unavailable(ThalwegError):
    code = "unavailable"
    status = Status.UNAVAILABLE
    retryable = True


class PeerLost(Unavailable):
    """The connection broke after the request was sent and before its answer was complete."""

    code = "peer_lost"


class DeadlineExceeded(ThalwegError):
    code = "deadline_exceeded"
    status = Status.DEADLINE_EXCEEDED


class ConfigurationError(ThalwegError):
    code = "configuration_error"
    status = Status.INVALID


class TopologyError(ConfigurationError):
    code = "topology_error"


class SchemaMismatch(ConfigurationError):
    code = "schema_mismatch"


class MissingDependency(ConfigurationError, ImportError):
    code = "missing_dependency"


class StartupFailed(ConfigurationError):
    """A process ended or raised before it was ready. `traceback` is the user's, shown once."""

    code = "startup_failed"
    status = Status.UNAVAILABLE

    def __init__(self, message: str = "", *, traceback: str = "", executor: str = "") -> None:
        super().__init__(message, executor=executor, traceback=traceback)
