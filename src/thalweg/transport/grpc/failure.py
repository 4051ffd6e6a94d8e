"""Errors of plain calls, as gRPC's status, message and trailing metadata."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

import grpc
import msgspec
from google.protobuf.message import DecodeError
from grpc import aio

from thalweg.errors import MalformedRequest, ThalwegError
from thalweg.message.status import CODES, Failure, clipped, to_failure

CODE_KEY = "thalweg-code"
REQUEST_ID_KEY = "x-request-id"
RETRY_AFTER_KEY = "retry-after"
FAILURE_KEY = "thalweg-failure-bin"
FAILURE_BYTES = 4096
"""What trailing metadata has room for beside the rest: gRPC's implementations take 8 KiB of it."""
MESSAGE_CHARACTERS = 1024

_STATUS_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
_SAYABLE = re.compile(r"[\x21-\x7e]{1,128}")
"""Ids that metadata can hold. Callers of Jina's may choose any text, and with another one there would be no answer."""
_encode = msgspec.msgpack.Encoder().encode


def trailing_metadata(failure: Failure) -> tuple[tuple[str, str | bytes], ...]:
    """What a client reads of `failure` beside the status."""
    found: list[tuple[str, str | bytes]] = [(CODE_KEY, failure.code)]
    if _SAYABLE.fullmatch(failure.request_id):
        found.append((REQUEST_ID_KEY, failure.request_id))
    if failure.retry_after is not None:
        found.append((RETRY_AFTER_KEY, str(math.ceil(failure.retry_after))))
    found.append((FAILURE_KEY, _fitting(failure)))
    return tuple(found)


def _fitting(failure: Failure) -> bytes:
    """`failure` as msgpack; a traceback that does not fit is cut or left out, then findings; the first ones say
    what is wrong."""
    failure = clipped(failure, MESSAGE_CHARACTERS)
    packed = _encode(failure)
    if len(packed) > FAILURE_BYTES:
        failure = msgspec.structs.replace(failure, traceback="")
        packed = _encode(failure)
    while len(packed) > FAILURE_BYTES and failure.details:
        failure = msgspec.structs.replace(failure, details=failure.details[: len(failure.details) // 2])
        packed = _encode(failure)
    return packed


def message_reader(kind: Any) -> Callable[[bytes], Any]:
    """Reads messages of class `kind`; see `readable_message` for bytes that are none.

    What a deserializer raises gRPC would take for a defect of the server: it tells the caller so, and writes a traceback
    into the log for each.
    """

    def read(data: bytes) -> Any:
        try:
            return kind.FromString(data)
        except DecodeError as error:
            return MalformedRequest(f"The bytes are no {kind.DESCRIPTOR.name}: {error}")

    return read


async def readable_message(message: Any, context: aio.ServicerContext[Any, Any]) -> Any:
    """`message` as a `message_reader` gave it; the call ends where the bytes were none."""
    if isinstance(message, ThalwegError):
        await abort(context, message, "")
    return message


async def abort(context: aio.ServicerContext[Any, Any], error: ThalwegError, request_id: str) -> NoReturn:
    """End the call with `error`."""
    failure = to_failure(error, request_id)
    code = _STATUS_CODES[CODES[error.status].grpc]
    await context.abort(code, failure.message[:MESSAGE_CHARACTERS], trailing_metadata(failure))
