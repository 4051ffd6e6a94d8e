"""Streams on their way through a Flow, with workers' stand-ins that make an item when the test says so."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.service.flow.test_handler import Stage, adds, appends, asked, gateway, opened
from thalweg.config import Limits
from thalweg.errors import ExecutorFailed
from thalweg.message import Buffer, Context, EndpointDescription, Request, Response
from thalweg.testing.leaks import eventually
from thalweg.transport.multiplex.client import WIDER


class Source(Stage):
    """Makes an item whenever the test lets it."""

    def __init__(self, name: str, reads_stream: bool = False) -> None:
        super().__init__(adds(), items=2)
        self.name = name
        self.reads_stream = reads_stream
        self.turns = asyncio.Semaphore(0)
        self.finish = asyncio.Event()
        self.made = 0
        self.ended = asyncio.Event()

    def let(self, items: int) -> None:
        for _ in range(items):
            self.turns.release()

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.seen.append(request)
        try:
            while True:
                await self.turns.acquire()
                if self.finish.is_set():
                    return
                yield response(self.name, f"{self.name}{self.made}")
                self.made += 1
        finally:
            self.ended.set()

    def end(self) -> None:
        self.finish.set()
        self.turns.release()


class Reader(Stage):
    """Reads a stream, and answers each payload with its text and a mark."""

    def __init__(self, mark: str) -> None:
        super().__init__(adds(), items=2)
        self.mark = mark
        self.reads_stream = True

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.seen.append(request)
        async for body in request.payloads():
            for document in msgspec.json.decode(bytes(body[0]))["data"]:
                yield response(document.get("id", "-"), document["text"] + self.mark)
        yield response("end", f"end{self.mark}")


class Gated(Stage):
    """Answers each document when the test lets it, and counts how many it works on."""

    def __init__(self) -> None:
        super().__init__(appends("!"))
        self.go: dict[str, asyncio.Event] = {}

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        document = opened(Response(request.body, request.content_type, request.parameters))[0][-1]
        gate = self.go.setdefault(document["text"], asyncio.Event())
        self.seen.append(request)
        try:
            await gate.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        yield self.answer(request, 0)


def response(identity: str, text: str) -> Response:
    return Response((msgspec.json.encode({"data": [{"id": identity, "text": text}], "parameters": {}}),))


def texts(answer: Response) -> list[str]:
    return [document["text"] for document in opened(answer)[0]]


async def following(answers: AsyncGenerator[Response, None]) -> list[str]:
    async with asyncio.timeout(60):
        return texts(await anext(answers))


async def test_an_item_leaves_before_the_next_one_exists(tmp_path: Path):
    source, stages = Source("s"), {}
    stages = {"a": Stage(appends("A")), "s": source, "b": Stage(appends("B")), "c": Stage(appends("C"))}
    async with gateway(tmp_path, stages) as made, aclosing(made.handle(asked("x"), Context())) as answers:
        for number in range(5):
            source.let(1)
            assert await following(answers) == [f"s{number}BC"]
            assert source.made <= number + 1
        source.end()
        with pytest.raises(StopAsyncIteration):
            await following(answers)


async def test_items_are_under_way_at_once_and_overtake_nothing(tmp_path: Path):
    source, gated = Source("s"), Gated()
    async with (
        gateway(tmp_path, {"s": source, "g": gated, "z": Stage(appends("Z"))}) as made,
        aclosing(made.handle(asked("x"), Context())) as answers,
    ):
        first = asyncio.ensure_future(following(answers))
        source.let(3)
        await eventually(lambda: len(gated.seen) == 3)
        gated.go["s2"].set()
        gated.go["s1"].set()
        await eventually(lambda: source.made == 3)
        assert not first.done()
        gated.go["s0"].set()
        assert await first == ["s0!Z"]
        assert await following(answers) == ["s1!Z"]
        assert await following(answers) == ["s2!Z"]


async def test_no_more_items_are_under_way_than_the_window_says(tmp_path: Path):
    source, gated = Source("s"), Gated()
    async with (
        gateway(tmp_path, {"s": source, "g": gated}) as made,
        aclosing(made.handle(asked("x"), Context())) as answers,
    ):
        first = asyncio.ensure_future(following(answers))
        source.let(1000)
        window = Limits().stream_window
        await eventually(lambda: len(gated.seen) == window)
        made_by_then = -1
        while made_by_then != source.made:
            made_by_then = source.made
            for _ in range(100):
                await asyncio.sleep(0)
        assert source.made <= (2 + WIDER) * window + 2
        assert len(gated.seen) == window
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_an_error_on_the_way_follows_the_items_before_it(tmp_path: Path):
    def breaks(document: dict[str, Any]) -> dict[str, Any]:
        if document["text"] == "s2":
            raise ExecutorFailed("it broke", executor="b")
        return document

    source = Source("s")
    async with gateway(tmp_path, {"s": source, "b": Stage(breaks)}) as made:
        source.let(5)
        answers = made.handle(asked("x"), Context())
        assert [await following(answers), await following(answers)] == [["s0"], ["s1"]]
        with pytest.raises(ExecutorFailed, match="it broke"):
            await following(answers)
        async with asyncio.timeout(60):
            await source.ended.wait()


@pytest.mark.parametrize("shape", ["chain", "graph"])
async def test_closing_the_answers_ends_all_that_is_under_way(tmp_path: Path, shape: str):
    source, gated = Source("s"), Gated()
    stages: dict[str, Stage] = {"s": source, "g": gated}
    needs: dict[str, Any] = {}
    if shape == "graph":
        stages["u"] = Stage(adds(u=1))
        needs = {"u": "gateway", "g": ("s", "u")}
        stages = {"s": source, "u": stages["u"], "g": gated}
    async with gateway(tmp_path, stages, **needs) as made:
        answers = made.handle(asked("x"), Context())
        waiting = asyncio.ensure_future(following(answers))
        source.let(2)
        await eventually(lambda: len(gated.seen) >= 1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await answers.aclose()
        async with asyncio.timeout(60):
            await source.ended.wait()
            await gated.cancelled.wait()


async def test_several_streams_one_after_the_other(tmp_path: Path):
    stages = {"a": Stage(appends("A"), items=2), "b": Stage(appends("B")), "c": Stage(appends("C"), items=2)}
    async with gateway(tmp_path, stages) as made:
        assert [texts(answer) async for answer in made.handle(asked("x"), Context())] == [["xABC"]] * 4


async def test_streams_that_meet_go_on_by_position(tmp_path: Path):
    one, other = Source("one"), Source("other")
    stages = {"a": one, "b": other, "c": Stage(appends("C"))}
    async with (
        gateway(tmp_path, stages, a="gateway", b="gateway", c=("a", "b")) as made,
        aclosing(made.handle(asked("x"), Context())) as answers,
    ):
        one.let(2)
        other.let(1)
        assert await following(answers) == ["one0C", "other0C"]
        other.end()  # and its last item stands for those that it has not
        assert await following(answers) == ["one1C", "other0C"]
        one.end()
        with pytest.raises(StopAsyncIteration):
            await following(answers)


async def test_a_stream_without_items_leaves_the_other_one_alone(tmp_path: Path):
    one, other = Source("one"), Source("other")
    stages = {"a": one, "b": other, "c": Stage(appends("C"))}
    async with gateway(tmp_path, stages, a="gateway", b="gateway", c=("a", "b")) as made:
        one.let(1)
        one_answer = made.handle(asked("x"), Context())
        other.end()
        async with aclosing(one_answer):
            assert await following(one_answer) == ["one0C"]


async def test_streams_that_never_meet_are_answered_as_they_come(tmp_path: Path):
    one, other = Source("one"), Source("other")
    stages = {"a": one, "b": other, "c": Stage(appends("C"))}
    async with (
        gateway(tmp_path, stages, a="gateway", b="gateway", c="b") as made,
        aclosing(made.handle(asked("x"), Context())) as answers,
    ):
        one.let(1)
        assert await following(answers) == ["one0"]
        other.let(2)
        assert await following(answers) == ["other0C"]
        assert await following(answers) == ["other1C"]
        one.let(1)
        assert await following(answers) == ["one1"]
        other.end()
        one.let(1)
        assert await following(answers) == ["one2"]


async def test_an_error_of_one_stream_ends_the_one_beside_it(tmp_path: Path):
    class Broken(Source):
        async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
            await self.turns.acquire()
            raise ExecutorFailed("it broke")
            yield

    one, other = Source("one"), Broken("other")
    async with gateway(tmp_path, {"a": one, "b": other}, a="gateway", b="gateway") as made:
        answers = made.handle(asked("x"), Context())
        one.let(1)
        assert await following(answers) == ["one0"]
        other.let(1)
        with pytest.raises(ExecutorFailed, match="it broke"):
            await following(answers)
        async with asyncio.timeout(60):
            await one.ended.wait()


# --- documents that come while answers go out


async def inflow(*words: str) -> AsyncGenerator[tuple[Buffer, ...], None]:
    for word in words:
        yield (msgspec.json.encode({"data": [{"id": word, "text": word}], "parameters": {}}),)


async def test_the_first_executor_reads_what_comes(tmp_path: Path):
    stages = {"r": Reader("R"), "b": Stage(appends("B"))}
    async with gateway(tmp_path, stages) as made:
        answers = made.handle(Request("/e", inflow=inflow("x", "y")), Context())
        assert [texts(answer) async for answer in answers] == [["xRB"], ["yRB"], ["endRB"]]


async def test_a_later_executor_reads_the_items_before_it_as_one_stream(tmp_path: Path):
    reader = Reader("R")
    stages = {"a": Stage(appends("A")), "r": reader, "b": Stage(appends("B"))}
    async with gateway(tmp_path, stages) as made:
        answers = made.handle(Request("/e", inflow=inflow("x", "y")), Context())
        assert [texts(answer) async for answer in answers] == [["xARB"], ["yARB"], ["endRB"]]
        assert len(reader.seen) == 1


async def test_a_reader_may_follow_a_stream(tmp_path: Path):
    source, reader = Source("s"), Reader("R")
    async with (
        gateway(tmp_path, {"s": source, "r": reader, "q": Reader("Q")}) as made,
        aclosing(made.handle(asked("x"), Context())) as answers,
    ):
        source.let(1)
        assert await following(answers) == ["s0RQ"]
        source.let(1)
        assert await following(answers) == ["s1RQ"]
        source.end()
        assert await following(answers) == ["endRQ"]
        assert await following(answers) == ["endQ"]
        assert len(reader.seen) == 1


async def test_a_reader_that_gets_one_request_gets_all_of_it(tmp_path: Path):
    async with gateway(tmp_path, {"a": Stage(appends("A")), "r": Reader("R")}) as made:
        answers = made.handle(asked("x"), Context())
        assert [texts(answer) async for answer in answers] == [["xAR"], ["endR"]]


@pytest.mark.parametrize("shape", ["chain", "graph"])
async def test_executors_that_read_no_stream_get_each_payload_as_a_request(tmp_path: Path, shape: str):
    needs = {"a": "gateway", "b": "gateway"} if shape == "graph" else {}
    stages = {"a": Stage(appends("A")), "b": Stage(appends("B"))}
    async with gateway(tmp_path, stages, **needs) as made:
        answers = made.handle(Request("/e", inflow=inflow("x", "y")), Context())
        wanted = [["xAB"], ["yAB"]] if shape == "chain" else [["xB"], ["yB"]]
        assert [texts(answer) async for answer in answers] == wanted
        assert len(stages["a"].seen) == 2


async def test_a_flow_says_whether_it_reads_streams(tmp_path: Path):
    async with gateway(tmp_path, {"a": Stage(appends("A")), "r": Reader("R")}) as made:
        found: EndpointDescription | None = made.description.find("/e")
        assert found is not None
        assert found.reads_stream
        assert found.streaming
