"""Recognises the requests that most are: a small JSON body by `POST`, with nothing unusual about it; pure.

Whatever is not recognised here is left, from its first byte on, to a parser that knows all of HTTP. So this one may be
narrow, and has to be strict: it takes nothing that another reader of the same bytes could take for something else.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from thalweg.transport.http.headers import (
    ENVELOPE,
    PARAMETERS,
    REQUEST_ID,
    REQUEST_TIMEOUT,
    TARGET,
    TIMEOUT,
    TRACE,
)
from thalweg.transport.http.negotiation import PAYLOADS, Accepted, NotAcceptable, accepted
from thalweg.transport.precedence import PRIORITY, SHARE

LARGEST_HEAD = 8 * 1024
"""Bytes of a head that is looked at."""

LARGEST_REPEATED = 1024
"""Bytes of a head that is remembered: on a connection that is kept, one head is often like the one before."""

_HEAD = re.compile(
    rb"POST (/[A-Za-z0-9._~/-]*+) HTTP/1\.1\r\n"
    rb"((?:[A-Za-z0-9!#$&'*+.^_`|~-]++:[\t\x20-\x7e\x80-\xff]*+\r\n)++)\r\n"
)
_DIGITS = re.compile(rb"[1-9][0-9]{0,8}\Z")
_ALLOWED = {
    b"content-type": frozenset(name.encode() for name in PAYLOADS),
    b"connection": frozenset((b"keep-alive",)),
}
_NOTED = frozenset(
    (
        b"accept",
        b"accept-encoding",
        b"content-length",
        b"host",
        b"origin",
        ENVELOPE.encode(),
        PRIORITY.encode(),
        REQUEST_ID.encode(),
        REQUEST_TIMEOUT.encode(),
        SHARE.encode(),
        TIMEOUT.encode(),
        TRACE.encode(),
    )
)
_UNUSUAL = frozenset(
    b"content-encoding expect keep-alive proxy-connection te trailer transfer-encoding upgrade".split()
) | frozenset(name.encode() for name in (PARAMETERS, TARGET))


class PlainHead(NamedTuple):
    """Request line and headers of one request."""

    path: str
    block: bytes
    """The header lines as they came."""
    size: int
    """Bytes of the head, the empty line included."""
    length: int
    """Bytes of the body."""
    request_id: bytes
    trace: bytes
    content_type: str = PAYLOADS[0]
    accepted: Accepted = Accepted()
    encodings: bytes = b""
    """Ways of compressing the answer that the caller understands."""
    origin: bytes = b""
    timeout: bytes = b""
    priority: bytes = b""
    share: bytes = b""


def read_head(data: bytes) -> PlainHead | None:
    """The head that `data` begins with, where it is a plain one and whole."""
    end = data.find(b"\r\n\r\n", 0, LARGEST_HEAD) + 4
    if end < 4:
        return None
    return _repeated(data[:end]) if end <= LARGEST_REPEATED else _parse(data[:end])


def _parse(data: bytes) -> PlainHead | None:
    match = _HEAD.fullmatch(data)
    if match is None:
        return None
    block = match[2]
    found: dict[bytes, bytes] = {}
    for line in block.split(b"\r\n"):
        raw_name, _, value = line.partition(b":")
        name = raw_name.lower()
        if name in _NOTED or name in _ALLOWED:
            value = value.strip(b" \t")
            allowed = _ALLOWED.get(name)
            if name in found or (allowed is not None and value.lower() not in allowed):
                return None
            found[name] = value
        elif name in _UNUSUAL:
            return None
    length = found.get(b"content-length", b"")
    wanted = _wanted(found.get(b"accept", b""))
    if wanted is None or not _DIGITS.match(length) or b"host" not in found:
        return None
    return PlainHead(
        match[1].decode("ascii"),
        block,
        match.end(),
        int(length),
        found.get(b"x-request-id", b""),
        found.get(b"traceparent", b""),
        found.get(b"content-type", b"application/json").lower().decode("ascii"),
        wanted,
        found.get(b"accept-encoding", b""),
        found.get(b"origin", b""),
        found.get(TIMEOUT.encode(), b"") or found.get(REQUEST_TIMEOUT.encode(), b""),
        found.get(PRIORITY.encode(), b""),
        found.get(SHARE.encode(), b""),
    )


def _wanted(accept: bytes) -> Accepted | None:
    """What the caller reads, where that is nothing unusual."""
    try:
        wanted = accepted(accept)
    except NotAcceptable:
        return None
    return None if wanted.only_stream or wanted.refused else wanted


_repeated = lru_cache(maxsize=512)(_parse)
