"""One endpoint of one Executor, from payload to payload. Runs wherever it is called; knows no thread and no loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Coroutine, Generator, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from thalweg.docs import BaseDocWithoutId, DocList
from thalweg.errors import Cancelled, ThalwegError
from thalweg.executor import parameters, payload
from thalweg.executor.branches import matrix_and_map, without_branches
from thalweg.executor.endpoint import ARGUMENTS, OF_BRANCHES, Endpoint
from thalweg.executor.executor import BoundEndpoint
from thalweg.executor.failures import Failures
from thalweg.executor.outcome import Documents, Outcomes
from thalweg.message import Buffer, Context, Request, Response
from thalweg.message.branches import BRANCHES
from thalweg.message.headers import checked_headers

if TYPE_CHECKING:
    from thalweg.executor.batching.batches import Batches

Body: TypeAlias = tuple[Buffer, ...]


class Prepared(NamedTuple):
    """A request as the user's method wants it."""

    docs: Documents
    parameters: dict[str, Any]
    """As the client sent them."""
    arguments: dict[str, Any]


class Procedure:
    """Answers requests to one endpoint. Whatever answers raises `ThalwegError` and nothing else, except that cancelling a
    coroutine raises `CancelledError` through. `Failures` says what becomes of what user code raises.
    """

    __slots__ = (
        "_failures",
        "_joins",
        "_method",
        "_outcomes",
        "_read",
        "_wanted",
        "batches",
        "conversations",
        "endpoint",
        "executor",
        "path",
    )

    def __init__(self, executor: str, path: str, bound: BoundEndpoint, failures: Failures | None = None) -> None:
        self._failures = failures or Failures(executor)
        self.executor = executor
        self.path = path
        self.conversations = 0
        """Threads that run its method now, where that reads streams and is synchronous."""
        self.batches: Batches | None = None
        """What answers in its place, where the endpoint has dynamic batching."""
        self.endpoint = bound.endpoint
        self._method = bound.method
        self._outcomes = Outcomes(executor, path, bound.endpoint)
        self._read = payload.reader(bound.endpoint)
        self._wanted = _wanted(bound.endpoint)
        self._joins = bound.endpoint.joins

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

    def items(
        self, request: Request, context: Context, intake: Iterable[Body] | None = None
    ) -> Generator[Response, None, None]:
        """Answer step by step. Nothing runs before the first `next`; closing it closes the user's iterator. `intake` are
        the payloads after the first, where they come while it answers."""
        try:
            prepared = self._prepare(request, context)
            if self.endpoint.reads_stream and "docs" in prepared.arguments:
                prepared.arguments["docs"] = self._stream(prepared.docs, request, intake or ())
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

    async def items_async(
        self, request: Request, context: Context, intake: AsyncIterable[Body] | None = None
    ) -> AsyncGenerator[Response, None]:
        """The same for an asynchronous iterator."""
        try:
            prepared = self._prepare(request, context)
            if self.endpoint.reads_stream and "docs" in prepared.arguments:
                prepared.arguments["docs"] = self._stream_async(prepared.docs, request, intake)
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

    def _stream(
        self, first: Documents, request: Request, intake: Iterable[Body]
    ) -> Generator[BaseDocWithoutId, None, None]:
        yield from first
        for body in intake:
            yield from self._read(Request(request.endpoint, body, request.content_type))[0]

    async def _stream_async(
        self, first: Documents, request: Request, intake: AsyncIterable[Body] | None
    ) -> AsyncGenerator[BaseDocWithoutId, None]:
        for document in first:
            yield document
        if intake is not None:
            async for body in intake:
                for document in self._read(Request(request.endpoint, body, request.content_type))[0]:
                    yield document

    def _prepare(self, request: Request, context: Context) -> Prepared:
        if request.body or request.inflow is None:
            docs, sent = self._read(request)
        else:  # all documents are still to come
            docs, sent = DocList(), request.parameters
        wanted = self._wanted
        arguments: dict[str, Any] = {}
        if self._joins or BRANCHES in sent:
            arguments = self._of_branches(docs, sent)
            sent = without_branches(sent)
        if "docs" in wanted:
            arguments["docs"] = docs
        if "parameters" in wanted:
            arguments["parameters"] = parameters.checked(self.endpoint, parameters.seen_by(self.executor, sent))
        if "headers" in wanted:
            arguments["headers"] = context.metadata
        if "context" in wanted:
            arguments["context"] = context
        return Prepared(docs, sent, arguments)

    def _of_branches(self, docs: Documents, sent: dict[str, Any]) -> dict[str, Any]:
        """Those of `docs_matrix` and `docs_map` that the method asks for; both where it takes what there is."""
        if self.endpoint.single:
            return {}
        found = matrix_and_map(docs, sent)
        wanted = OF_BRANCHES if self.endpoint.takes_rest else self.endpoint.takes
        return {name: value for name, value in found.items() if name in wanted}

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
        return _with_headers(payload.encoded(docs, sent, request), context)

    def _item(self, request: Request, context: Context, prepared: Prepared, item: Any) -> Response:
        return _with_headers(payload.encoded(self._outcomes.of_item(item), prepared.parameters, request), context)

    def _failure(self, error: BaseException, context: Context) -> ThalwegError:
        """`error` in the form in which it leaves the worker."""
        return self._failures.of(error, self.path, context)


def _with_headers(response: Response, context: Context) -> Response:
    """`response` with what user code has put into the context's `answer_headers`, as text that may stand in a header."""
    given = context.given_answer_headers
    if given:
        response.headers = checked_headers(given)
    return response


def _wanted(endpoint: Endpoint) -> frozenset[str]:
    """The arguments besides `doc` that the method is given."""
    wanted = frozenset(ARGUMENTS) if endpoint.takes_rest else endpoint.takes
    return wanted - OF_BRANCHES - ({"doc", "docs"} if endpoint.single else {"doc"})


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
