"""Names as a database can take them."""

from __future__ import annotations

import re
from hashlib import sha256

WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""What every database takes for a name."""

_SPELLED_ANEW = re.compile(r"[A-Za-z0-9_]*_x[0-9a-f]{16}")
_STRANGE = re.compile(r"[^A-Za-z0-9]+")
_READABLE = 24


def spelled(name: str, limit: int = 63, allowed: re.Pattern[str] = WORD) -> str:
    """`name` where the database takes it, else a name that is made of it: always the same one, and never another's.

    A name that was made has letters, digits and underscores, and at most 43 of them. `limit` is in bytes.
    """
    fits = allowed.fullmatch(name) and len(name.encode()) <= limit
    if fits and not _SPELLED_ANEW.fullmatch(name):
        return name
    readable = _STRANGE.sub("_", name).strip("_")[:_READABLE]
    return f"{'n' if not readable[:1].isalpha() else ''}{readable}_x{sha256(name.encode()).hexdigest()[:16]}"
