"""Which content types a caller reads (RFC 9110, section 12.5), and how it wants what comes piece by piece; pure."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from thalweg.errors import UnsupportedContent
from thalweg.message import ARROW, COLUMNS, DOCARRAY, JSON

EVENTS = "text/event-stream"
LINES = "application/jsonl"
LINES_TYPES = frozenset((LINES, "application/x-ndjson", "application/x-jsonlines"))
"""Names of one JSON text a line. Nobody has registered any of them."""
PAYLOADS = (JSON, COLUMNS, ARROW, DOCARRAY)
"""What a payload may be; the first that fits is given where the caller leaves the choice."""
_ANYTHING = frozenset(("*/*", "application/*"))


class NotAcceptable(UnsupportedContent):
    """The caller reads nothing of what there is."""

    http = 406


class Accepted(NamedTuple):
    """What an `accept` header asks for."""

    content_type: str = ""
    """One of `PAYLOADS`, or empty where it leaves the choice."""
    stream: str = ""
    """`EVENTS`, or one of `LINES_TYPES`, where it names one."""
    only_stream: bool = False
    """Whether nothing else is welcome."""
    refused: frozenset[str] = frozenset()

    def payload(self, preferred: str) -> str:
        """The content type to answer in, where `preferred` is what is given to those who leave the choice."""
        if self.content_type:
            return self.content_type
        return next((kind for kind in (preferred, *PAYLOADS) if kind not in self.refused), preferred)


class _Range(NamedTuple):
    name: str
    weight: float


@lru_cache(maxsize=256)
def accepted(value: bytes) -> Accepted:
    """What the `accept` header `value` asks for: of what it names, the one with the largest `q`, and of several with the
    same the first.

    Raises:
        NotAcceptable: it names nothing that is written here.
    """
    ranges = [_range(part) for part in value.decode("latin-1").lower().split(",") if part.strip()]
    if not ranges:
        return Accepted()
    refused = frozenset(found.name for found in ranges if not found.weight)
    wanted = sorted((found for found in ranges if found.weight), key=lambda found: -found.weight)
    payloads = [found.name for found in wanted if found.name in PAYLOADS or found.name in _ANYTHING]
    streams = [found.name for found in wanted if found.name == EVENTS or found.name in LINES_TYPES]
    if not streams and any(found.name == "text/*" for found in wanted):
        streams = [EVENTS]
    if not payloads and not streams:
        raise NotAcceptable(
            f"Nothing of {value.decode('latin-1')[:200]!r} is written here; there are {', '.join(PAYLOADS)}, and for "
            f"streams {EVENTS} and {LINES}."
        )
    first = payloads[0] if payloads else ""
    return Accepted("" if first in _ANYTHING else first, streams[0] if streams else "", not payloads, refused)


def _range(text: str) -> _Range:
    name, *parameters = (part.strip() for part in text.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            return _Range(name, weight(value.strip()))
    return _Range(name, 1.0)


def weight(text: str) -> float:
    """A quality value; 1 for what is none, since a caller that names something wants it."""
    try:
        found = float(text)
    except ValueError:
        return 1.0
    return found if 0.0 <= found <= 1.0 else 1.0
