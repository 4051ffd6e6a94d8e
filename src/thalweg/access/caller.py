"""Who asks, as far as a key or a token tells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from thalweg.config.access import EVERYTHING, RateOptions


@dataclass(frozen=True)
class Caller:
    """Somebody who was recognised. `endpoints` are patterns in which `*` stands for any characters."""

    name: str
    endpoints: tuple[str, ...] = EVERYTHING
    rate: RateOptions | None = None

    def may(self, endpoint: str) -> bool:
        return self.endpoints == EVERYTHING or fits(endpoint, self.endpoints)


def fits(endpoint: str, patterns: Iterable[str]) -> bool:
    """Whether one of `patterns` means `endpoint`."""
    return any(_compiled(pattern).fullmatch(endpoint) is not None for pattern in patterns)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def bearer(metadata: Mapping[str, str]) -> str:
    """The token of `authorization: Bearer ...` (RFC 6750), empty where there is none."""
    scheme, _, token = metadata.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
