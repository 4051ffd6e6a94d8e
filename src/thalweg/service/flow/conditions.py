"""`when`: chooses the documents that an Executor is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, NamedTuple

from msgspec.structs import replace

from thalweg.docs import AnyDoc, DocList
from thalweg.docs.codecs.content import encode_content
from thalweg.docs.query import matches
from thalweg.errors import ThalwegError
from thalweg.graph import Step
from thalweg.graph.merge import around, thinned
from thalweg.message import COLUMNS, JSON, Buffer, Context, Pending, Reply, Request, Response
from thalweg.message.branches import BRANCHES
from thalweg.message.handler import UnaryHandler
from thalweg.service.steps.flights import in_arrival_order
from thalweg.service.steps.joining import opened_documents
from thalweg.service.steps.passing import Passing

AHEAD = 16
"""Items that may wait for a reader while a stream is chosen from."""


class _Choice(NamedTuple):
    """The documents of one request, and which of them are for the Executor."""

    documents: DocList[Any]
    taken: list[bool]
    parameters: dict[str, Any]

    @property
    def all(self) -> bool:
        return all(self.taken)

    @property
    def nothing(self) -> bool:
        """Whether there were documents and none is taken. A request without any is for the Executor to answer."""
        return bool(self.taken) and not any(self.taken)

    def part(self, taken: bool) -> DocList[Any]:
        chosen = zip(self.documents, self.taken, strict=True)
        return DocList[AnyDoc].trusted([document for document, took in chosen if took is taken])


class Conditional:
    """Stands in front of what answers `step`, and gives it only documents that fulfil its condition.

    The others are dropped, or pass around it and take their old places beside its answers; where the answers are a stream,
    they are its first item. An Executor of whose request nothing is left is not asked.
    """

    def __init__(self, inner: UnaryHandler, step: Step) -> None:
        assert step.when is not None
        self._inner = inner
        self._fulfils = matches(step.when)
        self._skips = step.skips
        self._streams = step.streaming
        self._reduce = step.reduce
        self._passing = Passing()

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        if request.inflow is not None:
            answers = self._conversation(request, context)
        else:
            choice = self._choose(request)
            if choice.all:
                answers = self._inner.handle(self._given(request, choice), context)
            elif self._streams:
                answers = self._stream(request, context, choice)
            else:
                answers = self._once(request, context, choice)
        async with aclosing(answers):
            async for answer in answers:
                yield answer

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """See `UnaryHandler.submit`."""
        choice = self._choose(request)
        if choice.nothing:
            return None
        given = self._given(request, choice)
        if choice.all or not self._skips:
            return self._inner.submit(given, context, reply)
        return self._inner.submit(given, context, _Around(choice, _accept(request), reply))

    def _choose(self, request: Request) -> _Choice:
        documents, parameters = opened_documents(request)
        return _Choice(documents, [self._fulfils(document) for document in documents], parameters)

    def _given(self, request: Request, choice: _Choice) -> Request:
        """The request with the chosen documents alone; as it came where they are all."""
        kept, parameters = _kept(request.content_type), choice.parameters
        if choice.all and kept == request.content_type:
            return request
        if not self._reduce and BRANCHES in parameters:
            parameters = {**parameters, BRANCHES: thinned(parameters[BRANCHES], choice.taken)}
        body, beside = encode_content(kept, choice.part(True), parameters)
        return replace(request, body=body, content_type=kept, accept=_accept(request), parameters=beside)

    async def _once(self, request: Request, context: Context, choice: _Choice) -> AsyncGenerator[Response, None]:
        if choice.nothing:
            parameters = {name: value for name, value in choice.parameters.items() if name != BRANCHES}
            yield _encoded(choice.part(False) if self._skips else DocList[AnyDoc](), parameters, _accept(request))
            return
        async with aclosing(self._inner.handle(self._given(request, choice), context)) as answers:
            async for answer in answers:
                yield _among(choice, answer, _accept(request)) if self._skips else answer

    async def _stream(self, request: Request, context: Context, choice: _Choice) -> AsyncGenerator[Response, None]:
        if self._skips:
            yield _encoded(choice.part(False), choice.parameters, _accept(request))
        if not choice.nothing:
            async with aclosing(self._inner.handle(self._given(request, choice), context)) as answers:
                async for answer in answers:
                    yield answer

    async def _conversation(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        """Of each payload what is chosen goes on; what passes around comes back as an item of its own."""
        passing: asyncio.Queue[Response | None] = asyncio.Queue(AHEAD)
        inflow = self._chosen(request, passing)
        given = replace(
            request, body=(), inflow=inflow, content_type=_kept(request.content_type), accept=_accept(request)
        )
        streams = [_ending(self._inner.handle(given, context), passing)]
        if self._skips:
            streams.append(_until_none(passing))
        try:
            async with aclosing(in_arrival_order(streams, AHEAD)) as answers:
                async for answer in answers:
                    yield answer
        finally:
            await inflow.aclose()

    async def _chosen(
        self, request: Request, passing: asyncio.Queue[Response | None]
    ) -> AsyncGenerator[tuple[Buffer, ...], None]:
        async with aclosing(request.payloads()) as payloads:
            async for body in payloads:
                one = replace(request, body=body, inflow=None)
                choice = self._choose(one)
                if self._skips and not choice.all:
                    await passing.put(_encoded(choice.part(False), choice.parameters, _accept(request)))
                if not choice.nothing:
                    yield self._given(one, choice).body


class _Around:
    """The reply of the Executor, where other documents pass around it."""

    __slots__ = ("_accept", "_choice", "_reply")

    def __init__(self, choice: _Choice, accept: str, reply: Reply) -> None:
        self._choice = choice
        self._accept = accept
        self._reply = reply

    def answer(self, response: Response) -> None:
        try:
            response = _among(self._choice, response, self._accept)
        except ThalwegError as error:
            self._reply.fail(error)
        else:
            self._reply.answer(response)

    def fail(self, error: ThalwegError) -> None:
        self._reply.fail(error)


async def _ending(
    answers: AsyncGenerator[Response, None], passing: asyncio.Queue[Response | None]
) -> AsyncGenerator[Response, None]:
    """`answers`; behind them nothing passes any more."""
    async with aclosing(answers):
        async for answer in answers:
            yield answer
    await passing.put(None)


async def _until_none(passing: asyncio.Queue[Response | None]) -> AsyncGenerator[Response, None]:
    while (answer := await passing.get()) is not None:
        yield answer


def _accept(request: Request) -> str:
    return request.accept or request.content_type


def _kept(content_type: str) -> str:
    """In which form the chosen documents go on. JSON stays JSON, everything else becomes columns."""
    return content_type if content_type == JSON else COLUMNS


def _among(choice: _Choice, answer: Response, accept: str) -> Response:
    """The answers in the places of what was asked, beside the documents that passed around."""
    answered, parameters = opened_documents(answer)
    together = DocList[AnyDoc](around(choice.documents, choice.taken, list(answered)))
    made = _encoded(together, parameters, accept)
    made.headers = answer.headers
    return made


def _encoded(documents: DocList[Any], parameters: dict[str, Any], accept: str) -> Response:
    body, beside = encode_content(accept, documents, parameters)
    return Response(body, accept, beside)
