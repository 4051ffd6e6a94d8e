"""The only table of status <-> HTTP status <-> gRPC code <-> WebSocket close code, and errors in plain form.

gRPC codes are the numbers of https://grpc.github.io/grpc/core/md_doc_statuscodes.html, so that no grpc is imported here.
WebSocket codes are those of RFC 6455 section 7.4 where one fits, else 4000 + the HTTP status.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from thalweg import errors
from thalweg.errors import InternalError, Status, ThalwegError


class Codes(NamedTuple):
    http: int
    grpc: int
    websocket: int


CODES: dict[Status, Codes] = {
    Status.OK: Codes(200, 0, 1000),
    Status.CANCELLED: Codes(499, 1, 4499),
    Status.DEADLINE_EXCEEDED: Codes(504, 4, 4504),
    Status.FORBIDDEN: Codes(403, 7, 4403),
    Status.INTERNAL: Codes(500, 13, 1011),
    Status.INVALID: Codes(422, 3, 4422),
    Status.MALFORMED: Codes(400, 3, 1007),
    Status.NOT_FOUND: Codes(404, 5, 4404),
    Status.OVERLOADED: Codes(429, 8, 1013),
    Status.TOO_LARGE: Codes(413, 11, 1009),
    Status.UNAUTHENTICATED: Codes(401, 16, 4401),
    Status.UNAVAILABLE: Codes(503, 14, 4503),
    Status.UNSUPPORTED: Codes(415, 12, 1003),
}


class Failure(msgspec.Struct, array_like=True):
    """An error as it travels. A traceback is in it only where the Executor runs in development mode; else it stays in the
    log of the process where it arose."""

    code: str
    message: str
    details: list[dict[str, Any]] = []
    retry_after: float | None = None
    executor: str = ""
    request_id: str = ""
    replica: int | None = None
    cause: str = ""
    traceback: str = ""


def _by_code() -> dict[str, type[ThalwegError]]:
    exported = (getattr(errors, name) for name in errors.__all__)
    return {cls.code: cls for cls in exported if isinstance(cls, type) and issubclass(cls, ThalwegError)}


_CLASSES = _by_code()


def to_failure(error: BaseException, request_id: str = "") -> Failure:
    """`error` in the form that travels. A stranger's exception becomes `InternalError` without its text."""
    if not isinstance(error, ThalwegError):
        error = InternalError("An unexpected error; the server's log has it under this request id.")
    return Failure(
        error.code,
        error.message,
        error.details,
        error.retry_after,
        error.executor,
        error.request_id or request_id,
        error.replica,
        error.cause,
        error.traceback,
    )


def from_failure(failure: Failure) -> ThalwegError:
    """The exception that `failure` describes; `InternalError` for a code that this version does not know."""
    cls = _CLASSES.get(failure.code, InternalError)
    error = cls(failure.message)
    error.details = failure.details
    error.retry_after = failure.retry_after
    error.executor = failure.executor
    error.request_id = failure.request_id
    error.replica = failure.replica
    error.cause = failure.cause
    error.traceback = failure.traceback
    return error
