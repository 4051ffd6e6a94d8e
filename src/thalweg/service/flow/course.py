"""The way of one request through a plan: streams may begin anywhere on it, and their items overtake nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from msgspec.structs import replace

from thalweg.docs import AnyDoc, DocList
from thalweg.docs.codecs import columns
from thalweg.errors import InternalError, ThalwegError
from thalweg.graph import Plan, Step
from thalweg.graph.progress import Progress
from thalweg.message import COLUMNS, Buffer, Context, Pending, Request, Response, UnaryHandler
from thalweg.service.steps.flights import Flight, StreamFlight, UnaryFlight, by_position, in_arrival_order, in_turn
from thalweg.service.steps.joining import joined_answer, joined_branches, listed_branches, with_ids
from thalweg.service.steps.relay import Relay, onwards, under
from thalweg.transport.dispatch import defect


class Course:
    """Answers `request` by asking what stands behind the steps of `plan`: the `handlers`, by name.

    An item of a stream goes through the Executors after it while the next one is made, at most `window` items at once and
    in order. An Executor that reads streams gets all items as one stream; one that does not gets each as a request.
    """

    def __init__(
        self, pools: Mapping[str, UnaryHandler], plan: Plan, request: Request, context: Context, window: int
    ) -> None:
        self._handlers = pools
        self._plan = plan
        self._request = request
        self._accept = request.accept or request.content_type
        self._context = context
        self._window = window

    # a chain: nothing is merged ------------------------------------------------------------------------------------------

    def chain(self) -> AsyncGenerator[Response]:
        """The answers where each step reads just the one before it."""
        return self._onto(self._plan.steps, self._request)

    def _onto(self, steps: Sequence[Step], request: Request) -> AsyncGenerator[Response]:
        """What becomes of `request` on the rest of its way."""
        readers = [index for index, step in enumerate(steps) if step.reads_stream and index]
        several = request.inflow is not None or any(step.streaming for step in steps)
        if readers and several:
            return self._into_reader(steps, readers[-1], request)
        if request.inflow is not None and not steps[0].reads_stream:
            return in_turn(_singly(request), lambda one: self._flight(steps, one), self._window)
        request = replace(request, accept=self._accept_of(steps[0]))
        if len(steps) == 1:
            return self._handlers[steps[0].name].handle(request, self._context)
        return self._through(steps, request)

    async def _through(self, steps: Sequence[Step], request: Request) -> AsyncGenerator[Response]:
        rest = steps[1:]
        first = self._handlers[steps[0].name].handle(request, self._context)
        if steps[0].streaming:
            answers = in_turn(
                first, lambda item: self._flight(rest, onwards(item, request, self._accept), item), self._window
            )
        else:
            answers = self._after_one(first, rest, request)
        async with aclosing(answers):
            async for answer in answers:
                yield answer

    async def _after_one(
        self, first: AsyncGenerator[Response], rest: Sequence[Step], request: Request
    ) -> AsyncGenerator[Response]:
        async with aclosing(first):
            async for response in first:
                async with aclosing(self._onto(rest, onwards(response, request, self._accept))) as answers:
                    async for answer in answers:
                        yield under(response.headers, answer)

    async def _into_reader(self, steps: Sequence[Step], index: int, request: Request) -> AsyncGenerator[Response]:
        """The steps before number `index` give a stream, and it reads that as one."""
        async with aclosing(self._onto(steps[:index], request)) as items:
            first = await anext(items, None)
            if first is None:
                given = replace(request, body=(), inflow=_bodies(items, request.content_type), accept="")
            else:
                given = onwards(first, request, "")
                given.inflow = _bodies(items, first.content_type)
            inflow = given.inflow
            assert inflow is not None
            headers = {} if first is None else first.headers
            try:
                async with aclosing(self._onto(steps[index:], replace(given, accept=self._accept))) as answers:
                    async for answer in answers:
                        yield under(headers, answer)
            finally:
                await inflow.aclose()  # type: ignore[attr-defined]

    def _accept_of(self, step: Step) -> str:
        """The content type that `step` is asked for."""
        return self._accept if step is self._plan.steps[-1] else step.accept

    def _flight(self, steps: Sequence[Step], request: Request, item: Response | None = None) -> Flight[Response]:
        """`request`, on the rest of the way; `item` is what it was made of."""
        headers = {} if item is None else item.headers
        if not any(step.streaming for step in steps):
            return UnaryFlight(lambda reply: self._submitted(steps, request, reply), headers)
        return StreamFlight(_headed(self._onto(steps, request), headers))

    def _submitted(self, steps: Sequence[Step], request: Request, reply: UnaryFlight) -> Pending:
        """Begin `request` by the short way, or by the long one where that is needed."""
        request.accept = self._accept_of(steps[0])
        pending: Pending | None = None
        if len(steps) == 1:
            pending = self._handlers[steps[0].name].submit(request, self._context, reply)
        else:
            relay = Relay(
                self._handlers, steps, replace(request, accept=self._accept_of(steps[-1])), self._context, reply
            )
            pending = relay if relay.begin() else None
        return pending or _Handling(self._onto(steps, request), reply, self._context)

    # any other graph -----------------------------------------------------------------------------------------------------

    async def graph(self) -> AsyncGenerator[Response]:
        """The answers of a plan with branches."""
        if self._request.inflow is not None:
            answers = in_turn(
                _singly(self._request), lambda request: StreamFlight(self._branches(request)), self._window
            )
        else:
            answers = self._branches(self._request)
        async with aclosing(answers):
            async for answer in answers:
                yield answer

    async def _branches(self, request: Request) -> AsyncGenerator[Response]:
        entry = Response(request.body, request.content_type, request.parameters)
        if self._plan.joins_entry and request.content_type != COLUMNS:
            entry = with_ids(entry)
        async with aclosing(self._advance(Progress.begun(self._plan, entry), request)) as advances:
            async for progress in advances:
                ordered = progress.outputs[self._plan.order] if self._plan.order else None
                yield joined_answer(progress.answers(), self._accept, ordered)

    async def _advance(self, progress: Progress[Response], request: Request) -> AsyncGenerator[Progress[Response]]:
        """Run all that can run, each step as soon as what it needs is there; then what streams, and the rest once for each
        of its items."""
        progress = await self._unary(progress, request)
        if not progress.ready():
            yield progress
            return
        async with aclosing(self._streams(progress, request)) as advances:
            async for later in advances:
                yield later

    async def _unary(self, progress: Progress[Response], request: Request) -> Progress[Response]:
        """As far as it goes without a stream."""
        under_way: dict[asyncio.Task[Response], str] = {}
        try:
            while True:
                going = under_way.values()
                ready = [step for step in progress.ready() if not step.streaming and step.name not in going]
                if len(ready) == 1 and not under_way:  # nothing beside it
                    output = await only_answer(self._call(ready[0], progress, request), ready[0].name)
                    progress = progress.finished(ready[0].name, output)
                    continue
                for step in ready:
                    call = only_answer(self._call(step, progress, request), step.name)
                    under_way[asyncio.ensure_future(call)] = step.name
                if not under_way:
                    return progress
                ended, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    progress = progress.finished(under_way[task], task.result())
                    del under_way[task]
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    def _streams(self, progress: Progress[Response], request: Request) -> AsyncGenerator[Progress[Response]]:
        """Streams that meet further down go on together, item by item; others are read as they come."""
        parts = progress.parted()
        if len(parts) == 1:
            return self._together(parts[0], request)
        return in_arrival_order([self._together(part, request) for part in parts], self._window)

    def _together(self, progress: Progress[Response], request: Request) -> AsyncGenerator[Progress[Response]]:
        steps = progress.ready()
        calls = [self._call(step, progress, request) for step in steps]
        empty = Response(columns.encode(DocList[AnyDoc]([])), COLUMNS)

        def begin(items: list[Response]) -> Flight[Progress[Response]]:
            later = progress
            for step, item in zip(steps, items, strict=True):
                later = later.finished(step.name, item)
            return StreamFlight(self._advance(later, request))

        return in_turn(by_position(calls, empty), begin, self._window)

    def _call(self, step: Step, progress: Progress[Response], request: Request) -> AsyncGenerator[Response]:
        given = _given(step, progress)
        return self._handlers[step.name].handle(onwards(given, request, step.accept or self._accept), self._context)


def _given(step: Step, progress: Progress[Response]) -> Response:
    """What `step` reads, of all that it needs."""
    inputs = progress.inputs(step)
    if not step.reduce:
        return listed_branches(inputs, step.needs)
    if len(inputs) == 1:
        return inputs[0]
    return joined_branches(inputs, progress.outputs[step.order] if step.order else None)


class _Handling:
    """A request that needs the long way, for a reply. Is the `Pending` of it."""

    def __init__(self, answers: AsyncGenerator[Response], reply: UnaryFlight, context: Context) -> None:
        self._answers = answers
        self._context = context
        self._reply = reply
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        try:
            self._reply.answer(await only_answer(self._answers, "the Flow"))
        except ThalwegError as error:
            self._reply.fail(error)
        except Exception as error:
            self._reply.fail(defect(error, self._context))

    def cancel(self) -> None:
        self._task.cancel()


async def only_answer(answers: AsyncGenerator[Response], name: str) -> Response:
    """The one answer. Raises `InternalError` where there is none."""
    async with aclosing(answers) as items:
        async for item in items:
            return item
    raise InternalError(f"{name!r} ended without an answer.", executor=name)


async def _singly(request: Request) -> AsyncGenerator[Request]:
    """Each payload as a request of its own."""
    async with aclosing(request.payloads()) as payloads:
        async for body in payloads:
            yield replace(request, body=body, inflow=None)


async def _bodies(items: AsyncGenerator[Response], content_type: str) -> AsyncGenerator[tuple[Buffer, ...]]:
    async for item in items:
        if item.content_type != content_type:
            raise InternalError(f"A stream of {content_type} went on in {item.content_type}.")
        yield item.body


async def _headed(answers: AsyncGenerator[Response], headers: Mapping[str, str]) -> AsyncGenerator[Response]:
    async with aclosing(answers):
        async for answer in answers:
            yield under(headers, answer)
