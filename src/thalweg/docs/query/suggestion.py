"""What a user may have meant by a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_SHOWN = 12
_LONGEST = 200
"""Characters of a name that is compared with others: looking for what is near takes time and memory."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about the unknown `name`: the nearest known one, or else all of them."""
    names = sorted(map(str, known))
    close = get_close_matches(name, names, n=1) if len(name) <= _LONGEST else []
    if close:
        return f"; did you mean {close[0]!r}?"
    if not names:
        return ""
    more = ", ..." if len(names) > _SHOWN else ""
    return f"; there are {', '.join(map(repr, names[:_SHOWN]))}{more}"
