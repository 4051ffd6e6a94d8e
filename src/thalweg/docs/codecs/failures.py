"""What pydantic found wrong, in the form that travels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from thalweg.errors import InvalidDocument

LIMIT = 100
"""Findings that one error carries at most."""


def error_details(error: ValidationError, prefix: Iterable[str | int] = ()) -> list[dict[str, Any]]:
    """One `{"loc": [...], "msg": ..., "type": ...}` for each finding, at most `LIMIT`; `prefix` comes before each loc.

    Nothing of the input is repeated beyond what pydantic's own messages say.
    """
    before = list(prefix)
    found = _first(error) if error.error_count() > LIMIT else _all(error)
    return [{"loc": [*before, *item["loc"]], "msg": item["msg"], "type": item["type"]} for item in found]


def _all(error: ValidationError) -> list[Any]:
    return list(error.errors(include_url=False, include_context=False, include_input=False))


def _first(error: ValidationError) -> list[Any]:
    """The first `LIMIT` findings. As JSON, those of a whole body take a tenth of the memory that their dicts would."""
    text = error.json(include_url=False, include_context=False, include_input=False)
    size = 1 << 16
    while True:
        found: list[Any] = from_json(text[:size], allow_partial=True)
        if len(found) > LIMIT or size >= len(text):
            return found[:LIMIT]
        size *= 2


def invalid_document(details: list[dict[str, Any]]) -> InvalidDocument:
    """The error whose message tells the first of `details` and how many more there are."""
    first = details[0]
    path = ".".join(map(str, first["loc"])) or "body"
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return InvalidDocument(f"{path}: {first['msg']}{more}", details=details[:LIMIT])
