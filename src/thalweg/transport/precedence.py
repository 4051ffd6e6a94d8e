"""What a request says of its place among those that wait: `x-priority` and `x-share`; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from thalweg.config.concurrency import HIGHEST_PRIORITY, LOWEST_PRIORITY
from thalweg.errors import MalformedRequest

PRIORITY = "x-priority"
SHARE = "x-share"
LONGEST_SHARE = 128

_NUMBER = re.compile(r"[+-]?[0-9]{1,3}")
_SHARE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


def parsed_priority(text: str) -> int:
    """The number in a priority header.

    Raises:
        MalformedRequest: it is no whole number within the range of priorities.
    """
    if not _NUMBER.fullmatch(text.strip()):
        raise _no_priority(text)
    return checked_priority(int(text))


def checked_priority(priority: int) -> int:
    """`priority`, where it is one. Raises as `parsed_priority` does."""
    if not LOWEST_PRIORITY <= priority <= HIGHEST_PRIORITY:
        raise _no_priority(priority)
    return priority


def checked_share(share: str) -> str:
    """`share`, where it may stand in a header.

    Raises:
        MalformedRequest: it is too long, or no visible ASCII.
    """
    if share and (len(share) > LONGEST_SHARE or not _SHARE.fullmatch(share)):
        raise MalformedRequest(
            f"The share {share[:40]!r} is none: at most {LONGEST_SHARE} characters of visible ASCII."
        )
    return share


def precedence(headers: Mapping[str, str]) -> tuple[int, str]:
    """Priority and share in `headers`, whose names are in lower case. Raises as the functions above do."""
    priority, share = headers.get(PRIORITY), headers.get(SHARE)
    return (parsed_priority(priority) if priority else 0), (checked_share(share.strip()) if share else "")


def _no_priority(given: object) -> MalformedRequest:
    return MalformedRequest(
        f"The priority {given!r} is none: a whole number between {LOWEST_PRIORITY} and {HIGHEST_PRIORITY}."
    )
