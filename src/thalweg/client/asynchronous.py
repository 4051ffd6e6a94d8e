"""`AsyncClient`: one object for any number of calls at once, over any transport."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from inspect import isawaitable
from typing import Any, Self, Unpack

from thalweg.client.answer import Answer, Sent
from thalweg.client.arguments import ClientArguments
from thalweg.client.call import ClientSettings, Posted, at_least_one
from thalweg.client.connections import Connections
from thalweg.client.conversing import payloads
from thalweg.client.direct import DirectTrip
from thalweg.client.exchange import (
    Batch,
    Inputs,
    batches,
    batches_at_hand,
    decode,
    encode,
    hand_over,
    item_type,
    made,
    single_batch,
)
from thalweg.client.pipeline import TaskTrip, Trip, at_hand, in_order, unordered
from thalweg.client.postable import AsyncPostable
from thalweg.client.posting import Posting
from thalweg.client.profile import Profile, profile
from thalweg.client.progress import ProgressBar, progress_bar
from thalweg.docs import BaseDocWithoutId, DocList
from thalweg.errors import ThalwegError, Unavailable
from thalweg.message import COLUMNS, Context, Pending, Reply, Request, Response

log = logging.getLogger("thalweg.client")


class AsyncClient(AsyncPostable):
    """Calls a Flow or a Deployment. Made anywhere, used on one event loop; safe for any number of tasks.

    Args:
        host: where it listens: `grpc://host:port`, `http://host:port`, `unix:///path`; or its name alone, beside `port`,
            `protocol` and `tls`.
        arguments: see `ClientArguments`.

    The connection is made at the first call and again whenever it was lost.

    Raises:
        ConfigurationError: an unknown argument, with the nearest that is known; a value that does not fit; a part of the
            address that is given twice.
    """

    def __init__(self, host: str | None = None, **arguments: Unpack[ClientArguments]) -> None:
        self._use(ClientSettings.of(host, arguments, type(self).__name__))

    @classmethod
    def of(cls, settings: ClientSettings) -> AsyncClient:
        """A client from finished settings."""
        client = cls.__new__(cls)
        client._use(settings)
        return client

    def _use(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._connections = Connections(settings)

    async def is_ready(self, timeout: float = 5.0) -> bool:
        """Whether the service answers and says that it is ready."""
        try:
            async with asyncio.timeout(timeout):
                return await self._connections.ready()
        except (Unavailable, TimeoutError):
            return False

    async def profiling(self, show_table: bool = True, rounds: int = 20, timeout: float = 30.0) -> Profile:
        """Where the time of a request goes: see `thalweg.client.profile`. `timeout` is for each round."""
        channel = await self._connections.channel(self._settings.channel, Context.with_timeout(timeout))
        found = await profile(channel, at_least_one("rounds", rounds), timeout)
        if show_table:
            found.show()
        return found

    async def close(self) -> None:
        """Close the connections. Calls under way fail with `PeerLost`. Idempotent."""
        await self._connections.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    # How calls are carried out.

    def _posting(self, call: Posted, inputs: Inputs) -> Posting[Any, Any]:
        return self.carry_out(call, inputs)

    def carry_out(self, call: Posted, inputs: Inputs) -> Posting[Any, Any]:
        """`call`, to be awaited or iterated."""
        return Posting(self.gather(call, inputs), lambda: self.parts(call, inputs))

    def _streaming(self, call: Posted, inputs: Inputs) -> AsyncGenerator[Any, None]:
        return self.items(call, inputs)

    def _conversing(self, call: Posted, inputs: Inputs) -> AsyncGenerator[Any, None]:
        return self.conversation(call, inputs)

    @property
    def settings(self) -> ClientSettings:
        """What it was made with."""
        return self._settings

    def _settled(self) -> ClientSettings:
        return self._settings

    async def gather(self, call: Posted, inputs: Inputs) -> Any:
        """All that came of `call`, in the form that it asks for."""
        inputs = made(inputs)
        if call.plain:
            batch = single_batch(inputs, call.size)
            if batch is not None:
                return result(call, inputs, await self.documents(call, sending(call, batch)))
            return await self._concatenated(call, inputs)
        answers: list[Answer[Any]] = []
        documents: DocList[Any] = DocList[call.doc_type]()  # type: ignore[name-defined]
        async with aclosing(self._answers(call, inputs)) as coming:
            async for answer in coming:
                if call.as_answers:
                    answers.append(answer)
                elif answer.ok and not call.silent:
                    documents += answer.docs
        if call.as_answers:
            return answers
        return None if call.silent else result(call, inputs, documents)

    async def parts(self, call: Posted, inputs: Inputs) -> AsyncGenerator[Any, None]:
        """What came of each request of `call`."""
        async with aclosing(self._answers(call, made(inputs))) as coming:
            async for answer in coming:
                if call.as_answers:
                    yield answer
                elif answer.ok:
                    yield answer.docs

    async def items(self, call: Posted, inputs: Inputs) -> AsyncGenerator[Any, None]:
        """The documents that came of `call`, one by one."""
        inputs = made(inputs)
        batch = None if call.goes_on or call.progress else single_batch(inputs, call.size)
        if batch is not None:
            request, context = sending(call, batch)
            request.accept = request.accept or item_type(call.doc_type)
            async with aclosing(self._connections.handle(request, context, call)) as responses:
                async for response in responses:
                    for document in decode(response, call.doc_type):
                        yield document
            return
        async with aclosing(self._answers(call, inputs)) as coming:
            async for answer in coming:
                for document in answer.docs:
                    yield document

    async def conversation(self, call: Posted, inputs: Inputs) -> AsyncGenerator[Any, None]:
        """The documents that come while `inputs` go."""
        context = _context(call)
        channel = await self._connections.channel(call.channel, context)
        async with aclosing(payloads(made(inputs), call.size)) as inflow:
            request = Request(call.endpoint, (), COLUMNS, "", call.parameters, call.target, inflow)
            async with aclosing(channel.handle(request, context)) as responses:
                async for response in responses:
                    for document in decode(response, call.doc_type):
                        yield document

    async def _concatenated(self, call: Posted, inputs: Any) -> DocList[Any]:
        """The documents of all requests of a call that wants no more than them."""
        documents: DocList[Any] = DocList[call.doc_type]()  # type: ignore[name-defined]
        async with aclosing(self._coming(call, inputs)) as responses:
            async for response in responses:
                documents += decode(response, call.doc_type)
        return documents

    def _coming(self, call: Posted, inputs: Any) -> AsyncGenerator[Response, None]:
        ready = batches_at_hand(inputs, call.size) if call.in_order else None
        if ready is not None:
            return at_hand(ready, partial(self._trip, call), call.prefetch)
        flow = in_order if call.in_order else unordered
        return flow(batches(inputs, call.size), partial(self._responses, call), call.prefetch)

    def _responses(self, call: Posted, batch: Batch) -> AsyncGenerator[Response, None]:
        return self._connections.handle(*sending(call, batch), call)

    def _trip(self, call: Posted, batch: Batch) -> Trip[Response]:
        request, context = sending(call, batch)
        direct = DirectTrip()
        if direct.begin(lambda reply: self.submit(call, request, context, reply)):
            return direct
        return TaskTrip(self._connections.handle(request, context, call))

    async def _answers(self, call: Posted, inputs: Any) -> AsyncGenerator[Answer[Any], None]:
        """Every answer, those that failed too where the call goes on after them; the callbacks have been told."""
        with progress_bar(call.endpoint, inputs, call.progress) as shown:
            flow = in_order if call.in_order else unordered
            start = partial(self._outcomes, call, shown)
            async with aclosing(flow(batches(inputs, call.size), start, call.prefetch)) as coming:
                async for answer in coming:
                    if call.callbacks is not None:
                        await _tell(call, answer)
                    elif answer.error is not None and not call.as_answers:
                        log.warning("request %s to %s failed: %s", answer.request_id, call.endpoint, answer.error)
                    yield answer

    async def _outcomes(self, call: Posted, shown: ProgressBar, batch: Batch) -> AsyncGenerator[Answer[Any], None]:
        """What comes of one request."""
        context = _context(call)
        if call.as_answers or call.callbacks is not None or call.goes_on:
            context.visits = []
            sent = Sent(context.request_id, call.endpoint, call.target, call.doc_type, context.visits)
        else:  # nobody looks at more than the documents
            sent = Sent("", call.endpoint, call.target, call.doc_type)
        try:
            request = _request(call, batch)
            async with aclosing(self._connections.handle(request, context, call)) as responses:
                async for response in responses:
                    answer = Answer[Any](sent, response)
                    if not call.silent:
                        answer.docs  # noqa: B018  # what does not fit is a failure of this request
                    yield answer
        except ThalwegError as error:
            if not call.goes_on:
                raise
            yield Answer(sent, None, error, batch)
        finally:
            shown.advance(len(batch))

    def submit(self, call: Posted, request: Request, context: Context, reply: Reply) -> Pending | None:
        """See `Connections.submit`."""
        return self._connections.submit(request, context, call, reply)

    async def documents(self, call: Posted, sent: tuple[Request, Context]) -> DocList[Any]:
        """The documents that come of one request that is sent once."""
        request, context = sent
        gathered: DocList[Any] | None = None
        channel = await self._connections.channel(call.channel, context)
        answers = channel.handle(request, context)
        try:
            async for response in answers:
                documents = decode(response, call.doc_type)
                gathered = documents if gathered is None else gathered + documents
        finally:
            await answers.aclose()
        return DocList[call.doc_type]() if gathered is None else gathered  # type: ignore[name-defined]


def sending(call: Posted, batch: Batch) -> tuple[Request, Context]:
    """One request of `call`, and what goes beside it."""
    return _request(call, batch), _context(call)


def _request(call: Posted, batch: Batch) -> Request:
    form = hand_over if call.by_reference else encode
    return form(batch, Request(call.endpoint, (), COLUMNS, "", call.parameters, call.target))


def _context(call: Posted) -> Context:
    return Context.with_timeout(call.timeout, metadata=call.headers, priority=call.priority, share=call.share)


def result(call: Posted, inputs: object, documents: DocList[Any]) -> Any:
    """All that came of `call`, in the form that it asks for."""
    single = call.wants_document and len(documents) == 1 and isinstance(inputs, BaseDocWithoutId)
    return documents[0] if single else documents


async def _tell(call: Posted, answer: Answer[Any]) -> None:
    callbacks = call.callbacks
    assert callbacks is not None
    for callback in (callbacks.on_done if answer.ok else callbacks.on_error, callbacks.on_always):
        if callback is None:
            continue
        try:
            told = callback(answer)
            if isawaitable(told):
                await told
        except Exception as error:
            if not call.forgives:
                error.add_note(f"A callback raised this, about request {answer.request_id} to {call.endpoint}.")
                raise
            log.exception("a callback failed that was told of request %s to %s", answer.request_id, call.endpoint)
