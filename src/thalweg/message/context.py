"""What is known of a request besides its content: until when, for whom, and whether anybody still waits."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from time import monotonic
from types import MappingProxyType
from typing import NamedTuple

from thalweg.errors import DeadlineExceeded

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


MOST_VISITS = 256
"""Visits of one request that are remembered."""


class Visit(NamedTuple):
    """One stop on a request's way: who worked on it, from when until when, in seconds since 1970."""

    name: str
    start: float
    end: float


class Context:
    """Travels beside a `Request` through every handler; made once by the server side of a transport.

    `priority` says who goes first where requests wait: the higher before the lower, 0 where nothing was said. `share` is
    the key by which waiting requests share what there is (an API key, a tenant), empty for all who named none.
    `answer_headers` are what user code wants the caller to see beside its answer. `deadline` is a moment of
    `time.monotonic()`; on the wire it goes as the seconds that remain. `metadata` are the request's headers, names in
    lower case. `trace` is a W3C `traceparent`, empty where there is none. `cancel` may be called from any thread, any
    number of times; callbacks run once, in the thread that cancels. `visits` is None unless somebody wants to know who
    worked on the request and when; else a Gateway adds an entry for each visit of an Executor, in the order in which they
    end: the first `MOST_VISITS` of them, since a stream goes on with each of its items.
    """

    __slots__ = (
        "_answer_headers",
        "_callbacks",
        "_cancelled",
        "_request_id",
        "deadline",
        "metadata",
        "priority",
        "share",
        "trace",
        "visits",
    )

    def __init__(
        self,
        *,
        deadline: float | None = None,
        metadata: Mapping[str, str] | None = None,
        trace: str = "",
        request_id: str = "",
        priority: int = 0,
        share: str = "",
    ) -> None:
        self.deadline = deadline
        self.metadata: Mapping[str, str] = metadata if metadata is not None else {}
        self.trace = trace
        self.priority = priority
        self.share = share
        self._request_id = request_id
        self._cancelled = False
        self.visits: list[Visit] | None = None
        self._callbacks: list[Callable[[], None]] | None = None
        self._answer_headers: dict[str, str] | None = None

    @classmethod
    def with_timeout(cls, timeout: float | None, **rest: object) -> Context:
        """A context that ends `timeout` seconds from now, or never."""
        deadline = None if timeout is None else monotonic() + timeout
        return cls(deadline=deadline, **rest)  # type: ignore[arg-type]

    @property
    def request_id(self) -> str:
        """32 hexadecimal digits, made on first use where the caller gave none: most requests never need one."""
        if not self._request_id:
            self._request_id = os.urandom(16).hex()
        return self._request_id

    @property
    def given_request_id(self) -> str:
        """The request id as far as one is known already; does not make one."""
        return self._request_id

    @property
    def answer_headers(self) -> dict[str, str]:
        """Headers of the answer, for user code to fill; names in lower case."""
        if self._answer_headers is None:
            self._answer_headers = {}
        return self._answer_headers

    @property
    def given_answer_headers(self) -> Mapping[str, str]:
        """The headers of the answer as far as there are any; does not make the mapping."""
        return self._answer_headers or NO_HEADERS

    @property
    def cancelled(self) -> bool:
        """True once nobody waits any more. Long synchronous work may look at it and stop."""
        return self._cancelled

    def cancel(self) -> None:
        if self._cancelled:
            return
        self._cancelled = True
        callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the request is called off; at once where it already was."""
        if self._cancelled:
            callback()
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    def remaining(self) -> float | None:
        """Seconds until the deadline, never below zero; None where there is no deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - monotonic())

    def check(self) -> None:
        """Raise `DeadlineExceeded` if the deadline has passed."""
        if self.deadline is not None and monotonic() >= self.deadline:
            raise DeadlineExceeded("The deadline of the request has passed.", request_id=self._request_id)
