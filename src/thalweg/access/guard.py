"""The handler that lets callers in."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable

from thalweg.access.buckets import Buckets
from thalweg.access.caller import Caller, fits
from thalweg.access.keys import ApiKeys
from thalweg.access.tokens import Tokens
from thalweg.config.access import AccessOptions
from thalweg.errors import PermissionDenied, RateLimited, Unauthenticated
from thalweg.message import Context, Pending, Reply, Request, Response, UnaryHandler

NOBODY = Caller("")


class Guard:
    """Stands before a handler and lets through who may call, as often as it may.

    Who was recognised becomes the request's `share`, so that waiting requests share what there is by caller, whatever the
    caller says. Where keys or tokens are known, callers without a name share one, and they count as one against a rate
    everywhere. Both clocks are in seconds: `now` never jumps, `today` counts from 1970.
    """

    def __init__(
        self,
        handler: UnaryHandler,
        options: AccessOptions,
        *,
        now: Callable[[], float] = time.monotonic,
        today: Callable[[], float] = time.time,
    ) -> None:
        self._handler = handler
        self._options = options
        self._now = now
        self._keys = ApiKeys(options.api_keys)
        self._tokens = None if options.jwt is None else Tokens(options.jwt, today)
        self._buckets = Buckets()

    def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        """See `Handler`; raises at once what `submit` raises."""
        self._let_in(request, context)
        return self._handler.handle(request, context)

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """See `UnaryHandler`.

        Raises:
            Unauthenticated: nobody knows who asks.
            PermissionDenied: somebody who may not call this endpoint.
            RateLimited: too often; says when to come back.
        """
        counted = self._let_in(request, context)
        pending = self._handler.submit(request, context, reply)
        if pending is None and counted is not None:  # it comes again by the long way, and counts then
            self._buckets.put_back(counted)
        return pending

    def check_known(self, endpoint: str, context: Context) -> None:
        """Let through who may call `endpoint`. Where callers have names they need one, whatever is `public`. Raises as
        `submit` does."""
        self._let_in(Request(endpoint), context)
        if self._options.closed and not context.share:
            raise Unauthenticated(f"{endpoint} is not for everybody; it needs {' or '.join(self._ways())}.")

    def _let_in(self, request: Request, context: Context) -> str | None:
        """Returns for whom it counts against a rate; None where there is none."""
        options = self._options
        caller = self._caller(request.endpoint, context)
        if not caller.may(request.endpoint):
            raise PermissionDenied(f"{caller.name!r} may not call {request.endpoint}.")
        if options.closed:
            context.share = caller.name
        rate = caller.rate or options.rate
        if rate is None:
            return None
        wait = self._buckets.take(caller.name, rate, self._now())
        if wait:
            raise RateLimited(
                f"{caller.name or 'Callers without a name'} may make {rate.requests:g} requests in {rate.seconds:g} s.",
                retry_after=wait,
            )
        return caller.name

    def _caller(self, endpoint: str, context: Context) -> Caller:
        options, metadata = self._options, context.metadata
        if not options.closed:
            return NOBODY
        found = self._keys.recognise(metadata)
        if found is None and self._tokens is not None:
            found = self._tokens.recognise(metadata)
        if found is not None:
            return found
        if options.public and fits(endpoint, options.public):
            return NOBODY
        raise Unauthenticated(f"{endpoint} needs {' or '.join(self._ways())} that is known here.")

    def _ways(self) -> list[str]:
        ways = ["a key in the header 'x-api-key'"] if self._options.api_keys else []
        return ways if self._tokens is None else [*ways, "a token in the header 'authorization: Bearer ...'"]
