"""The body of every error, and the exception that a client makes of it.

    {"detail": "what was wrong, and what to do", "code": "payload_too_large", "request_id": "4f...", "executor": "enc"}

Where the findings have places in the body (422), `detail` is a list of `{"loc": ["body", ...], "msg": ..., "type": ...}`
and `message` has the sentence. Further members are there only where there is something to say: `details` with the findings
of any other error, `retry_after` with the seconds until another attempt makes sense, `replica` with the number of the
Executor's replica, `cause` with the class of the exception that user code raised, `traceback` with its frames where the
Executor runs in development mode, and `status` where the `code` does not say it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from thalweg.errors import (
    ClientError,
    DeadlineExceeded,
    EndpointNotFound,
    InvalidDocument,
    MalformedRequest,
    Overloaded,
    PayloadTooLarge,
    PermissionDenied,
    ServerError,
    ThalwegError,
    Unauthenticated,
    Unavailable,
    UnsupportedContent,
)
from thalweg.message.status import Failure, from_failure, status_of

_FOREIGN: dict[int, type[ThalwegError]] = {
    400: MalformedRequest,
    401: Unauthenticated,
    403: PermissionDenied,
    404: EndpointNotFound,
    408: DeadlineExceeded,
    413: PayloadTooLarge,
    415: UnsupportedContent,
    422: InvalidDocument,
    429: Overloaded,
    502: Unavailable,
    503: Unavailable,
    504: DeadlineExceeded,
}


class MethodNotAllowed(ClientError):
    """Something is there, for other methods: those in `allow`."""

    http = 405

    def __init__(self, message: str, *, allow: Sequence[str]) -> None:
        super().__init__(message)
        self.allow = allow


def encode_failure(failure: Failure) -> bytes:
    """The body for `failure`."""
    body: dict[str, Any] = {
        "detail": failure.message,
        "code": failure.code,
        "request_id": failure.request_id,
        "executor": failure.executor,
    }
    if failure.details and all("loc" in detail for detail in failure.details):
        body["detail"] = [{**detail, "loc": ["body", *detail["loc"]]} for detail in failure.details]
        body["message"] = failure.message
    elif failure.details:
        body["details"] = failure.details
    if failure.retry_after is not None:
        body["retry_after"] = failure.retry_after
    if failure.replica is not None:
        body["replica"] = failure.replica
    if failure.cause:
        body["cause"] = failure.cause
    if failure.traceback:
        body["traceback"] = failure.traceback
    if failure.status and failure.status != status_of(failure.code):
        body["status"] = failure.status
    if failure.http is not None:
        body["http"] = failure.http
    return msgspec.json.encode(body, enc_hook=str)


def bare_places(failure: Failure) -> Failure:
    """`failure` with the places of a body that is the one document itself."""
    details = [{**detail, "loc": _inside(detail["loc"])} if "loc" in detail else detail for detail in failure.details]
    return msgspec.structs.replace(failure, details=details)


def _inside(place: Sequence[Any]) -> list[Any]:
    rest = list(place)
    if rest[:1] != ["data"]:
        return rest
    return rest[2:] if rest[1:2] == [0] else rest[1:]


def decode_failure(body: bytes) -> ThalwegError | None:
    """The error that `body` describes, or None where it is not one of ours."""
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
        detail, code = found["detail"], found["code"]
        places = isinstance(detail, list)
        return from_failure(
            msgspec.convert(
                [
                    code,
                    found.get("message", "") if places else detail,
                    [{**one, "loc": one["loc"][1:]} for one in detail] if places else found.get("details", []),
                    found.get("retry_after"),
                    found.get("executor", ""),
                    found.get("request_id", ""),
                    found.get("replica"),
                    found.get("cause", ""),
                    found.get("traceback", ""),
                    found.get("status", ""),
                    found.get("http"),
                ],
                Failure,
            )
        )
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        return None


class _Exception(msgspec.Struct):
    executor: str = ""


class _DryRun(msgspec.Struct):
    """How a dry run went, as Jina tells it: always with HTTP status 200."""

    code: int = 0
    description: str = ""
    exception: _Exception | None = None
    timing: str = ""


def check_dry_run(body: bytes) -> dict[str, str]:
    """Raise `Unavailable` where `body`, the answer of `/dry_run`, says that something does not answer. Returns the headers
    of one that went well."""
    try:
        told = msgspec.json.decode(body, type=_DryRun)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unavailable("What answers at /dry_run does not say how it went.") from None
    if told.code:
        raise Unavailable(told.description, executor=told.exception.executor if told.exception else "")
    return {"server-timing": told.timing} if told.timing else {}


def foreign_failure(status: int, body: bytes, url: str) -> ThalwegError:
    """The error for an answer of `status` that no Thalweg server wrote: a proxy's, or somebody else's service's."""
    text = body[:200].decode(errors="replace").strip()
    cls = _FOREIGN.get(status, ClientError if 400 <= status < 500 else ServerError)
    return cls(f"{url} answered with HTTP status {status}" + (f": {text}" if text else "."))
