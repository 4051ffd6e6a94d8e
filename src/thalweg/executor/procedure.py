"""One endpoint of one Executor, from payload to payload. Runs wherever it is called; knows no thread and no loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Coroutine, Generator
from typing import Any, NamedTuple

from thalweg.errors import (
    Cancelled,
    ClientError,
    DeadlineExceeded,
    ExecutorFailed,
    Overloaded,
    ThalwegError,
    WrongReturnType,
)
from thalweg.executor import parameters, payload
from thalweg.executor.endpoint import ARGUMENTS, Endpoint
from thalweg.executor.executor import BoundEndpoint
from thalweg.executor.outcome import Documents, Outcomes
from thalweg.message import Context, Request, Response
from thalweg.message.headers import checked_headers

log = logging.getLogger("thalweg.executor")

PASSED_ON = (ClientError, Overloaded, DeadlineExceeded, Cancelled, WrongReturnType)
"""Errors that leave as they are, also when user code raises them: that is how it tells the caller what to change."""

LONGEST_TEXT = 2000
"""Characters of a user's exception that travel. Some put a whole array into theirs."""


class Prepared(NamedTuple):
    """A request as the user's method wants it."""

    docs: Documents
    parameters: dict[str, Any]
    """As the client sent them."""
    arguments: dict[str, Any]


class Procedure:
    """Answers requests to one endpoint. Whatever answers raises `ThalwegError` and nothing else, except that cancelling a
    coroutine raises `CancelledError` through. What user code raises becomes `ExecutorFailed`, and is logged here, once,
    with its traceback.
    """

    __slots__ = ("_method", "_outcomes", "_read", "_wanted", "endpoint", "executor", "path")

    def __init__(self, executor: str, path: str, bound: BoundEndpoint) -> None:
        self.executor = executor
        self.path = path
        self.endpoint = bound.endpoint
        self._method = bound.method
        self._outcomes = Outcomes(executor, path, bound.endpoint)
        self._read = payload.reader(bound.endpoint)
        self._wanted = _wanted(bound.endpoint)

    def answer(self, request: Request, context: Context) -> Response:
        """Decode, call, encode."""
        try:
            prepared = self._prepare(request, context)
            if not self.endpoint.single:
                return self._conclude(request, context, prepared, self._method(**prepared.arguments))
            returned = []
            for arguments in self._each(prepared):
                if context.cancelled:
                    raise Cancelled("The request was called off.")
                returned.append(self._method(**arguments))
            return self._conclude(request, context, prepared, returned)
        except BaseException as error:
            raise self._failure(error, context) from None

    async def answer_async(self, request: Request, context: Context) -> Response:
        """The same for a coroutine. A method that takes single documents works on all of a request at once."""
        try:
            prepared = self._prepare(request, context)
            if not self.endpoint.single:
                return self._conclude(request, context, prepared, await self._method(**prepared.arguments))
            calls = [self._method(**arguments) for arguments in self._each(prepared)]
            returned = [await calls[0]] if len(calls) == 1 else await _together(calls)
            return self._conclude(request, context, prepared, returned)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            raise self._failure(error, context) from None

    def items(self, request: Request, context: Context) -> Generator[Response, None, None]:
        """Answer step by step. Nothing runs before the first `next`; closing it closes the user's iterator."""
        try:
            prepared = self._prepare(request, context)
            for arguments in self._each(prepared):
                iterator = self._method(**arguments)
                try:
                    for item in iterator:
                        yield self._item(request, context, prepared, item)
                finally:
                    close = getattr(iterator, "close", None)  # a generator has one, other iterators need not
                    if close is not None:
                        close()
        except GeneratorExit:
            raise
        except BaseException as error:
            raise self._failure(error, context) from None

    async def items_async(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        """The same for an asynchronous iterator."""
        try:
            prepared = self._prepare(request, context)
            for arguments in self._each(prepared):
                iterator = self._method(**arguments)
                try:
                    async for item in iterator:
                        yield self._item(request, context, prepared, item)
                finally:
                    aclose = getattr(iterator, "aclose", None)
                    if aclose is not None:
                        await aclose()
        except (GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException as error:
            raise self._failure(error, context) from None

    def _prepare(self, request: Request, context: Context) -> Prepared:
        docs, sent = self._read(request)
        wanted = self._wanted
        arguments: dict[str, Any] = {}
        if "docs" in wanted:
            arguments["docs"] = docs
        if "parameters" in wanted:
            arguments["parameters"] = parameters.checked(self.endpoint, parameters.seen_by(self.executor, sent))
        if "headers" in wanted:
            arguments["headers"] = context.metadata
        if "context" in wanted:
            arguments["context"] = context
        return Prepared(docs, sent, arguments)

    def _each(self, prepared: Prepared) -> list[dict[str, Any]]:
        """The arguments of each call that the request needs."""
        if not self.endpoint.single:
            return [prepared.arguments]
        return [{"doc": doc, **prepared.arguments} for doc in prepared.docs]

    def _conclude(self, request: Request, context: Context, prepared: Prepared, returned: Any) -> Response:
        if self.endpoint.single:
            docs, results = self._outcomes.of_each(returned, prepared.docs)
        else:
            docs, results = self._outcomes.of_batch(returned, prepared.docs)
        sent = prepared.parameters
        if results is not None:
            sent = parameters.with_results(sent, self.executor, results)
        return _with_headers(payload.write(docs, sent, request), context)

    def _item(self, request: Request, context: Context, prepared: Prepared, item: Any) -> Response:
        return _with_headers(payload.write(self._outcomes.of_item(item), prepared.parameters, request), context)

    def _failure(self, error: BaseException, context: Context) -> ThalwegError:
        """`error` in the form in which it leaves the worker."""
        if isinstance(error, PASSED_ON):
            failure: ThalwegError = error
        else:
            failure = ExecutorFailed(
                f"{self.executor} failed at {self.path}: {type(error).__name__}: {_text(error)}",
                cause=type(error).__name__,
            )
            log.error("%s failed at %s, request %s", self.executor, self.path, context.request_id, exc_info=error)
        failure.executor = failure.executor or self.executor
        failure.request_id = failure.request_id or context.request_id
        return failure


def _with_headers(response: Response, context: Context) -> Response:
    """`response` with what user code has put into the context's `answer_headers`, as text that may stand in a header."""
    given = context.given_answer_headers
    if given:
        response.headers = checked_headers(given)
    return response


def _wanted(endpoint: Endpoint) -> frozenset[str]:
    """The arguments besides `doc` that the method is given."""
    wanted = frozenset(ARGUMENTS) if endpoint.takes_rest else endpoint.takes
    return wanted - ({"doc", "docs"} if endpoint.single else {"doc"})


def _text(error: BaseException) -> str:
    text = str(error)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."


async def _together(calls: list[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run all; the first that fails cancels the others, and its exception is raised as it is."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
