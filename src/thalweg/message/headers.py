"""Headers that stand beside an answer: text that every protocol can carry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from thalweg.errors import WrongReturnType

LONGEST_HEADERS = 8 * 1024
"""Characters of all headers of one answer together."""

RESERVED = frozenset(
    (
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "keep-alive",
        "transfer-encoding",
        "upgrade",
    )
)
"""Those that belong to the server."""

_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+\Z")
_VALUE = re.compile(r"[\x20-\x7e]*\Z")


def checked_headers(given: Mapping[Any, Any]) -> dict[str, str]:
    """`given` with names in lower case and values as text.

    Raises:
        WrongReturnType: a name or value is no text that may stand in a header, or the server's own, or all are too long.
    """
    headers: dict[str, str] = {}
    for name, value in given.items():
        lower, text = str(name).lower(), str(value)
        if not _NAME.match(lower) or lower in RESERVED:
            raise WrongReturnType(f"{name!r} is no header that an answer may carry.")
        if not _VALUE.match(text):
            raise WrongReturnType(f"The header {name!r} has a value that no header may have: visible ASCII only.")
        headers[lower] = text
    if sum(len(name) + len(value) for name, value in headers.items()) > LONGEST_HEADERS:
        raise WrongReturnType(f"The headers of the answer are longer than {LONGEST_HEADERS} characters together.")
    return headers
