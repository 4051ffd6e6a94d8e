"""What the headers of a request say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import msgspec

from thalweg.errors import MalformedRequest
from thalweg.message import JSON
from thalweg.transport.precedence import PRIORITY, SHARE, checked_share
from thalweg.transport.precedence import parsed_priority as priority_of

TIMEOUT = "thalweg-timeout"
TARGET = "thalweg-target"
PARAMETERS = "thalweg-parameters"
REQUEST_ID = "x-request-id"
TRACE = "traceparent"
ENVELOPE = "thalweg-envelope"
"""Sent with a JSON body in an envelope to an endpoint that may do without, by callers that do not know its description."""
REQUEST_TIMEOUT = "x-request-timeout"
"""What others call the same as `TIMEOUT`."""
PARAMETERS_BYTES = 16 * 1024
LONGEST_TIMEOUT = 366 * 24 * 3600.0

NO_METADATA = frozenset(
    f"{TIMEOUT} {REQUEST_TIMEOUT} {TARGET} {PARAMETERS} {REQUEST_ID} {TRACE} {PRIORITY} {SHARE} {ENVELOPE} accept "
    "accept-encoding connection content-encoding "
    "content-length content-type expect keep-alive proxy-authorization proxy-connection te trailer transfer-encoding "
    "upgrade".split()
)
"""Headers with a place of their own in a request or its context, and those that end at the next hop."""

_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")


class Head:
    """The headers that matter to the server, as bytes, before anything is made of them."""

    accept = accept_encoding = content_encoding = content_length = content_type = transfer_encoding = b""
    envelope = origin = parameters = priority = request_id = share = target = timeout = trace = b""

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        for name, value in headers:
            slot = _SLOTS.get(name)
            if slot is not None:
                setattr(self, slot, value)


_SLOTS = {
    b"accept": "accept",
    b"accept-encoding": "accept_encoding",
    b"content-encoding": "content_encoding",
    b"content-length": "content_length",
    b"content-type": "content_type",
    ENVELOPE.encode(): "envelope",
    b"origin": "origin",
    PARAMETERS.encode(): "parameters",
    PRIORITY.encode(): "priority",
    REQUEST_ID.encode(): "request_id",
    SHARE.encode(): "share",
    TARGET.encode(): "target",
    TIMEOUT.encode(): "timeout",
    REQUEST_TIMEOUT.encode(): "timeout",
    TRACE.encode(): "trace",
    b"transfer-encoding": "transfer_encoding",
}


class Metadata(Mapping[str, str]):
    """Headers by lower-case name, decoded when somebody looks. Several of one name are joined by a comma."""

    def __init__(self, headers: list[tuple[bytes, bytes]] | bytes) -> None:
        """`headers` as pairs with names in lower case, or as the lines that came."""
        self._headers = headers

    @cached_property
    def _decoded(self) -> dict[str, str]:
        decoded: dict[str, str] = {}
        pairs = header_pairs(self._headers) if isinstance(self._headers, bytes) else self._headers
        for raw_name, raw_value in pairs:
            name = raw_name.decode("latin-1")
            if name not in NO_METADATA:
                value = _text(raw_value)
                decoded[name] = f"{decoded[name]}, {value}" if name in decoded else value
        return decoded

    def __getitem__(self, name: str) -> str:
        return self._decoded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._decoded)

    def __len__(self) -> int:
        return len(self._decoded)

    def __repr__(self) -> str:
        return repr(self._decoded)


def header_pairs(block: bytes) -> list[tuple[bytes, bytes]]:
    """The headers in `block`, names in lower case."""
    pairs = []
    for line in block.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            pairs.append((name.lower(), value.strip(b" \t")))
    return pairs


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


class Media(NamedTuple):
    """A content type without its parameters, and the charset among them."""

    essence: str
    charset: str


@lru_cache(maxsize=256)
def parsed_content_type(value: bytes) -> Media:
    """The content type of a body; JSON where there is none."""
    essence, _, parameters = value.decode("latin-1").partition(";")
    charset = ""
    for parameter in parameters.split(";"):
        name, _, given = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = given.strip().strip('"')
    return Media(essence.strip().lower() or JSON, charset)


def parsed_timeout(value: bytes) -> float:
    """Seconds in a timeout header.

    Raises:
        MalformedRequest: no number of seconds, or one below zero.
    """
    try:
        seconds = msgspec.json.decode(value, type=float)
    except (msgspec.DecodeError, UnicodeDecodeError):
        seconds = -1.0
    if seconds < 0:
        raise MalformedRequest(f"{TIMEOUT} is {_text(value)!r}; it takes a number of seconds, such as 2.5.")
    return min(seconds, LONGEST_TIMEOUT)


@lru_cache(maxsize=64)
def parsed_precedence(priority: bytes, share: bytes) -> tuple[int, str]:
    """Priority and key of sharing in the headers of that name.

    Raises:
        MalformedRequest: one of them is none.
    """
    return (priority_of(_text(priority)) if priority else 0), checked_share(_text(share).strip())


def parsed_request_id(value: bytes) -> str:
    """The caller's name for the request, or nothing where it would not be safe to repeat it."""
    return value.decode("ascii") if _REQUEST_ID.fullmatch(value) else ""


def parsed_parameters(value: bytes) -> dict[str, Any]:
    """The parameters in a header, or in the first buffer of a framed body.

    Raises:
        MalformedRequest: they are not a JSON object.
    """
    if not value:
        return {}
    try:
        return msgspec.json.decode(value, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedRequest(f"The parameters are no JSON object: {error}.") from None


def parameters_text(value: Mapping[str, Any]) -> str:
    """`value` as JSON in visible ASCII."""
    return json.dumps(json.loads(msgspec.json.encode(value))).replace("\x7f", "\\u007f")


def parsed_target(value: bytes) -> str:
    return unquote(value.decode("latin-1"))


def target_text(value: str) -> str:
    """`value` as a header may carry it."""
    return quote(value, safe="".join(map(chr, range(0x21, 0x7F))).replace("%", ""))
