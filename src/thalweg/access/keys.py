"""API keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

from thalweg.access.caller import Caller, bearer
from thalweg.config.access import DIGEST, ApiKeyOptions

HEADER = "x-api-key"


class ApiKeys:
    """Recognises callers by a key, in `x-api-key` or as a bearer token.

    Only digests are kept, and a key is looked up by its own: how long that takes tells nothing of those that are right.
    """

    __slots__ = ("_callers",)

    def __init__(self, keys: Iterable[ApiKeyOptions]) -> None:
        self._callers = {_digest(one.key.get_secret_value()): Caller(one.name, one.endpoints, one.rate) for one in keys}

    def recognise(self, metadata: Mapping[str, str]) -> Caller | None:
        """Whose key is in the headers; None where there is none that is known."""
        key = metadata.get(HEADER) or bearer(metadata)
        return self._callers.get(sha256(key.encode()).digest()) if key else None


def _digest(key: str) -> bytes:
    return bytes.fromhex(key.removeprefix("sha256:")) if DIGEST.match(key) else sha256(key.encode()).digest()
