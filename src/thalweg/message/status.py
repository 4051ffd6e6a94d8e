"""The only table of status <-> HTTP status <-> gRPC code <-> WebSocket close code, and errors in plain form.

gRPC codes are the numbers of https://grpc.github.io/grpc/core/md_doc_statuscodes.html, so that no grpc is imported here.
WebSocket codes are those of RFC 6455 section 7.4 where one fits, else 4000 + the HTTP status.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from thalweg import errors
from thalweg.errors import InternalError, Status, ThalwegError

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


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
    status: str = ""
    http: int | None = None


_NEAREST: dict[str, type[ThalwegError]] = {
    Status.CANCELLED: errors.Cancelled,
    Status.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    Status.INTERNAL: errors.ServerError,
    Status.OVERLOADED: errors.Overloaded,
    Status.UNAVAILABLE: errors.Unavailable,
    **dict.fromkeys(
        (
            Status.FORBIDDEN,
            Status.INVALID,
            Status.MALFORMED,
            Status.NOT_FOUND,
            Status.TOO_LARGE,
            Status.UNAUTHENTICATED,
            Status.UNSUPPORTED,
        ),
        errors.ClientError,
    ),
}
"""What an error of a class that is not known here is taken for, by its status."""


def _by_code() -> dict[str, type[ThalwegError]]:
    exported = (getattr(errors, name) for name in errors.__all__)
    return {cls.code: cls for cls in exported if isinstance(cls, type) and issubclass(cls, ThalwegError)}


_CLASSES = _by_code()


def status_of(code: str) -> str:
    """The status of the class of `thalweg.errors` that has `code`; empty where none does."""
    cls = _CLASSES.get(code)
    return "" if cls is None else cls.status


def http_status(error: ThalwegError) -> int:
    """The HTTP status of `error`: its own where it has one, else that of its `status`."""
    return _own_http(error) or CODES[error.status].http


def _wire_code(error: ThalwegError) -> str:
    """The code of `error`; where user code gave one that can stand in no header, that of the nearest class."""
    return error.code if _CODE.fullmatch(error.code) else _NEAREST[error.status].code


def _own_http(error: ThalwegError) -> int | None:
    http = error.http
    return http if isinstance(http, int) and 400 <= http <= 599 else None


def to_failure(error: BaseException, request_id: str = "") -> Failure:
    """`error` in the form that travels. A stranger's exception becomes `InternalError` without its text."""
    if not isinstance(error, ThalwegError):
        error = InternalError("An unexpected error; the server's log has it under this request id.")
    return Failure(
        _wire_code(error),
        error.message,
        list(error.details),
        error.retry_after,
        error.executor,
        error.request_id or request_id,
        error.replica,
        error.cause,
        error.traceback,
        error.status,
        _own_http(error),
    )


def clipped(failure: Failure, characters: int) -> Failure:
    """`failure` with no text longer than `characters`: the beginning of a message, the end of a traceback."""
    return msgspec.structs.replace(
        failure,
        code=failure.code[:characters],
        message=failure.message[:characters],
        executor=failure.executor[:characters],
        request_id=failure.request_id[:characters],
        cause=failure.cause[:characters],
        traceback=failure.traceback[-characters:] if characters else "",
    )


def from_failure(failure: Failure) -> ThalwegError:
    """The exception that `failure` describes. A code that is not known here, of a newer version or of a class of user
    code, gives the nearest class by the status, with that code; without a status `InternalError`."""
    known = _CLASSES.get(failure.code)
    cls = known or _NEAREST.get(failure.status, InternalError)
    error = cls(failure.message)
    if known is None and failure.status in _NEAREST:
        error.code = failure.code
    if failure.status in _NEAREST and failure.status != error.status:
        error.status = Status(failure.status)
    if failure.http is not None:
        error.http = failure.http
    error.details = failure.details
    error.retry_after = failure.retry_after
    error.executor = failure.executor
    error.request_id = failure.request_id
    error.replica = failure.replica
    error.cause = failure.cause
    error.traceback = failure.traceback
    return error
