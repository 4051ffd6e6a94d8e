"""Batched endpoints of a running worker."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from tests.executor.batching.calling import Gate, call, until, working
from thalweg.docs import BaseDoc, DocList, DocVec
from thalweg.docs.typing import NdArray
from thalweg.errors import (
    DeadlineExceeded,
    ExecutorFailed,
    InvalidDocument,
    Overloaded,
    ThalwegError,
    WrongReturnType,
)
from thalweg.executor import Executor, dynamic_batching, requests
from thalweg.executor.batching.batcher import Reason
from thalweg.message import COLUMNS, JSON, Context, Request
from thalweg.service.worker.worker import Worker

LONG_MS = 60_000.0
"""Longer than any test: what waits for so long goes for another reason."""


class Text(BaseDoc):
    text: str = ""


class Vector(BaseDoc):
    values: NdArray | None = None


class Length(BaseDoc):
    length: int


class Settings(BaseModel):
    suffix: str


class Recorder(Executor):
    """Remembers each call: what was in it, and with which parameters."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.calls: list[list[str]] = []
        self.seen: list[Any] = []
        self.gate = Gate()

    @requests(on="/hold")
    def hold(self, docs: DocList[Text]) -> None:
        self.gate()

    @requests(on="/upper")
    @dynamic_batching(preferred_batch_size=4, timeout=LONG_MS)
    def upper(self, docs: DocList[Text], parameters: dict[str, Any]) -> DocList[Text]:
        self.calls.append([doc.text for doc in docs])
        self.seen.append(parameters)
        if any(doc.text.startswith("bad") for doc in docs):
            raise ValueError("a bad one among them")
        for doc in docs:
            doc.text = doc.text.upper()
        return docs


def texts(*values: str) -> DocList[Text]:
    return DocList[Text]([Text(text=value) for value in values])


def held(docs: list[Any]) -> list[str]:
    return [doc.text for doc in docs]


def recorder(worker: Worker, kind: type[Any] = Recorder) -> Any:
    assert isinstance(worker.executor, kind)
    return worker.executor


def reasons(worker: Worker, path: str) -> dict[Reason, int]:
    return {reason: count for reason, count in worker.batching_statistics[path].closed.items() if count}


async def test_requests_of_several_callers_share_one_call_and_each_gets_its_own() -> None:
    async with working(Recorder) as worker:
        answers = await asyncio.gather(*(call(worker, "/upper", texts(name)) for name in "abcd"))
        assert [held(answer) for answer in answers] == [["A"], ["B"], ["C"], ["D"]]
        assert recorder(worker).calls == [["a", "b", "c", "d"]]
        assert reasons(worker, "/upper") == {Reason.FULL: 1}


async def test_ids_go_out_with_the_documents_that_they_came_with() -> None:
    async with working(Recorder) as worker:
        sent = [texts(f"{index}") for index in range(8)]
        answers = await asyncio.gather(*(call(worker, "/upper", docs) for docs in sent))
        assert [answer[0].id for answer in answers] == [docs[0].id for docs in sent]


async def test_a_request_larger_than_a_batch_is_split_and_joined_again() -> None:
    async with working(Recorder) as worker:
        answer = await call(worker, "/upper", texts(*(f"t{index}" for index in range(9))))
        assert held(answer) == [f"T{index}" for index in range(9)]
        assert [len(docs) for docs in recorder(worker).calls] == [4, 4, 1]
        assert reasons(worker, "/upper") == {Reason.FULL: 2, Reason.REST: 1}


class Hasty(Executor):
    @requests
    @dynamic_batching(preferred_batch_size=100, timeout=20)
    def count(self, docs: DocList[Text], **kwargs: Any) -> None:
        for doc in docs:
            doc.text = str(len(docs))


async def test_a_single_document_is_answered_after_the_timeout() -> None:
    async with working(Hasty) as worker:
        begin = asyncio.get_running_loop().time()
        assert held(await call(worker, "/any", texts("x"))) == ["1"]
        assert asyncio.get_running_loop().time() - begin >= 0.02
        assert reasons(worker, "/default") == {Reason.TIMEOUT: 1}


async def test_what_comes_while_the_thread_is_busy_goes_together() -> None:
    async with working(Hasty, uses_dynamic_batching={"/default": {"timeout": 0}}) as worker:
        begun = worker.batching_statistics["/default"]
        assert begun.batches == 0
        answers = await asyncio.gather(*(call(worker, "/any", texts("x")) for _ in range(50)))
        assert len(answers) == 50
        assert worker.batching_statistics["/default"].documents == 50


async def test_parameters_that_differ_never_mix() -> None:
    async with working(Recorder) as worker:
        values = [1, True, 1.0, "1", None, [1], {"a": 1}, {"a": True}]
        waiting = [
            asyncio.create_task(call(worker, "/upper", texts(f"{index}"), {"p": value}))
            for index, value in enumerate(values * 4)
        ]
        await asyncio.gather(*waiting)
        executor = recorder(worker)
        assert [len(docs) for docs in executor.calls] == [4] * len(values)
        for docs, seen in zip(executor.calls, executor.seen, strict=True):
            assert {repr(values[int(index) % len(values)]) for index in docs} == {repr(seen["p"])}


async def test_ten_thousand_different_parameters_leave_nothing_behind() -> None:
    options: dict[str, Any] = {"queue": {"max_inflight": 20_000}, "uses_dynamic_batching": {"/upper": {"timeout": 0}}}
    async with working(Recorder, **options) as worker:
        calls = (call(worker, "/upper", texts("x"), {"p": index}) for index in range(10_000))
        await asyncio.gather(*calls)
        (batches,) = worker._batches
        assert batches._batcher.keys == 0
        assert batches.statistics.documents == 10_000


class Rounded(Executor):
    @requests(on="/plain")
    @dynamic_batching(preferred_batch_size=2, timeout=LONG_MS)
    def plain(self, docs: DocList[Text]) -> None:
        for doc in docs:
            doc.text = str(len(docs))

    @dynamic_batching(preferred_batch_size=2, timeout=LONG_MS)
    @requests(on="/settings")
    def settings(self, docs: DocList[Text], parameters: Settings) -> None:
        for doc in docs:
            doc.text += parameters.suffix

    @requests(on="/headers")
    @dynamic_batching(preferred_batch_size=2, timeout=LONG_MS)
    def headers(self, docs: DocList[Text], headers: dict[str, str]) -> None:
        for doc in docs:
            doc.text = headers["tenant"]

    @requests(on="/context")
    @dynamic_batching(preferred_batch_size=2, timeout=LONG_MS)
    async def context(self, docs: DocList[Text], context: Context) -> None:
        context.answer_headers["size"] = str(len(docs))
        for doc in docs:
            doc.text = f"{context.deadline is None}"


async def test_a_method_that_sees_no_parameters_shares_a_call_whatever_they_are() -> None:
    async with working(Rounded) as worker:
        pair = (call(worker, "/plain", texts("x"), {"p": index}) for index in range(2))
        assert [held(answer) for answer in await asyncio.gather(*pair)] == [["2"], ["2"]]


async def test_parameters_may_be_a_model_and_wrong_ones_are_their_senders_error_alone() -> None:
    async with working(Rounded) as worker:
        wrong = call(worker, "/settings", texts("x"), {"suffix": 3})
        good = [call(worker, "/settings", texts(name), {"suffix": "!"}) for name in "ab"]
        results = await asyncio.gather(wrong, *good, return_exceptions=True)
        assert isinstance(results[0], InvalidDocument)
        assert [held(answer) for answer in results[1:] if isinstance(answer, list)] == [["a!"], ["b!"]]


async def test_headers_that_differ_never_mix_where_the_method_asks_for_them() -> None:
    async with working(Rounded) as worker:
        answers = await asyncio.gather(
            *(
                call(worker, "/headers", texts("x"), context=Context(metadata={"tenant": tenant}))
                for tenant in ("a", "b", "a", "b")
            )
        )
        assert [held(answer) for answer in answers] == [["a"], ["b"], ["a"], ["b"]]


async def test_the_context_is_that_of_the_batch() -> None:
    async with working(Rounded) as worker:
        request = Request("/context", (b'{"data": [{"text": "x"}]}',))

        async def headers(context: Context) -> dict[str, str]:
            (response,) = [one async for one in worker.handle(request, context)]
            return response.headers

        given = await asyncio.gather(headers(Context.with_timeout(30.0)), headers(Context()))
        assert given == [{"size": "2"}, {"size": "2"}]


@pytest.mark.parametrize("bad", range(4))
async def test_one_bad_document_fails_its_own_request_alone(bad: int, caplog: pytest.LogCaptureFixture) -> None:
    async with working(Recorder) as worker:
        names = [f"bad{index}" if index == bad else f"t{index}" for index in range(4)]
        results = await asyncio.gather(*(call(worker, "/upper", texts(name)) for name in names), return_exceptions=True)
        for index, result in enumerate(results):
            if index == bad:
                assert isinstance(result, ExecutorFailed)
                assert result.cause == "ValueError"
                assert result.executor == "Recorder"
            else:
                assert isinstance(result, list)
                assert held(result) == [f"T{index}"]
        assert caplog.text.count("ValueError: a bad one") == 1
        assert worker.batching_statistics["/upper"].retried == 4


async def test_every_bad_document_is_found() -> None:
    async with working(Recorder, uses_dynamic_batching={"upper": {"preferred_batch_size": 32}}) as worker:
        names = [f"bad{index}" if index in (0, 1, 7, 30) else f"t{index}" for index in range(32)]
        results = await asyncio.gather(*(call(worker, "/upper", texts(name)) for name in names), return_exceptions=True)
        assert [index for index, result in enumerate(results) if isinstance(result, ExecutorFailed)] == [0, 1, 7, 30]
        assert sum(isinstance(result, list) for result in results) == 28


class Careless(Executor):
    """Changes its documents before it fails."""

    @requests
    @dynamic_batching(preferred_batch_size=4, timeout=LONG_MS)
    def mark(self, docs: DocList[Text], **kwargs: Any) -> None:
        for doc in docs:
            doc.text += "!"
        if any(doc.text == "bad!" for doc in docs):
            raise ValueError("too late")


async def test_a_second_attempt_sees_documents_as_they_came() -> None:
    async with working(Careless) as worker:
        results = await asyncio.gather(
            *(call(worker, "/", texts(name)) for name in ("a", "bad", "b", "c")), return_exceptions=True
        )
        assert [held(result) for result in results if isinstance(result, list)] == [["a!"], ["b!"], ["c!"]]


async def test_without_isolation_nothing_is_called_twice() -> None:
    options = {"/upper": {"isolate_errors": False}}
    async with working(Recorder, uses_dynamic_batching=options) as worker:
        contexts = [Context(request_id=f"{index:032x}") for index in range(4)]
        results = await asyncio.gather(
            *(call(worker, "/upper", texts("bad"), context=context) for context in contexts), return_exceptions=True
        )
        assert [one.request_id for one in results if isinstance(one, ExecutorFailed)] == [
            context.request_id for context in contexts
        ]
        assert len(recorder(worker).calls) == 1


class Full(Executor):
    calls = 0

    @requests
    @dynamic_batching(preferred_batch_size=2, timeout=LONG_MS)
    def refuse(self, docs: DocList[Text], **kwargs: Any) -> None:
        self.calls += 1
        raise Overloaded("the accelerator is full", retry_after=2.0)


async def test_an_error_that_is_about_no_document_is_everybodys_at_once() -> None:
    async with working(Full) as worker:
        results = await asyncio.gather(*(call(worker, "/", texts("x")) for _ in range(2)), return_exceptions=True)
        assert [type(result) for result in results] == [Overloaded, Overloaded]
        assert recorder(worker, Full).calls == 1


async def test_a_document_that_fits_no_schema_never_gets_into_a_batch() -> None:
    async with working(Recorder) as worker:
        wrong = Request("/upper", (b'{"data": [{"text": 3}]}',))

        async def refused() -> ThalwegError:
            with pytest.raises(InvalidDocument) as caught:
                _ = [one async for one in worker.handle(wrong, Context())]
            return caught.value

        error, *answers = await asyncio.gather(refused(), *(call(worker, "/upper", texts(name)) for name in "abcd"))
        assert isinstance(error, InvalidDocument)
        assert [held(answer) for answer in answers if isinstance(answer, list)] == [["A"], ["B"], ["C"], ["D"]]


class Liar(Executor):
    @requests(on="/short")
    @dynamic_batching(preferred_batch_size=2, timeout=LONG_MS)
    def short(self, docs: DocList[Text]) -> DocList[Text]:
        return DocList[Text]([doc for doc in docs if doc.text != "drop"])

    @requests(on="/dict")
    @dynamic_batching(preferred_batch_size=2, timeout=LONG_MS)
    def results(self, docs: DocList[Text]) -> dict[str, int]:
        return {"count": len(docs)}


async def test_another_number_of_documents_is_a_clear_error_of_whom_it_concerns() -> None:
    async with working(Liar) as worker:
        results = await asyncio.gather(
            *(call(worker, "/short", texts(name)) for name in ("keep", "drop")), return_exceptions=True
        )
        assert isinstance(results[0], list)
        assert isinstance(results[1], WrongReturnType)
        assert "returned 0 documents for 1 at /short" in str(results[1])


async def test_results_are_refused_since_they_belong_to_no_request() -> None:
    async with working(Liar) as worker:
        results = await asyncio.gather(*(call(worker, "/dict", texts("x")) for _ in range(2)), return_exceptions=True)
        assert all(isinstance(result, WrongReturnType) and "a dict" in str(result) for result in results)


class Measured(Executor):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.calls: list[list[str]] = []

    @requests
    @dynamic_batching(
        preferred_batch_size=10, timeout=LONG_MS, custom_metric=lambda doc: len(doc.text), use_custom_metric=True
    )
    def encode(self, docs: DocList[Text], **kwargs: Any) -> DocList[Length]:
        self.calls.append([doc.text for doc in docs])
        return DocList[Length]([Length(length=len(doc.text)) for doc in docs])


async def test_documents_count_as_the_metric_says() -> None:
    async with working(Measured) as worker:
        answer = await call(worker, "/", texts("aaaa", "bbbb", "cccc", "d" * 25, "ee", "ffffffff"))
        assert [doc.length for doc in answer] == [4, 4, 4, 25, 2, 8]
        assert recorder(worker, Measured).calls == [["aaaa", "bbbb"], ["cccc"], ["d" * 25], ["ee", "ffffffff"]]


async def test_a_metric_that_fails_is_an_error_of_that_request() -> None:
    options = {"/default": {"custom_metric": lambda doc: -1}}
    async with working(Measured, uses_dynamic_batching=options) as worker:
        with pytest.raises(WrongReturnType, match="custom_metric gave -1"):
            await call(worker, "/", texts("x"))


class Everything(Executor):
    calls: list[int]

    @requests
    @dynamic_batching(preferred_batch_size=2, timeout=LONG_MS, flush_all=True)
    def count(self, docs: DocList[Text], **kwargs: Any) -> None:
        for doc in docs:
            doc.text = str(len(docs))


async def test_flush_all_takes_all_that_there_is() -> None:
    async with working(Everything) as worker:
        assert held(await call(worker, "/", texts(*"123456789"))) == ["9"] * 9
        assert reasons(worker, "/default") == {Reason.FLUSH: 1}


class Columnar(Executor):
    @requests
    @dynamic_batching(preferred_batch_size=2, timeout=LONG_MS)
    def double(self, docs: DocVec[Vector], **kwargs: Any) -> DocVec[Vector]:
        docs.values = docs.values * 2
        return docs


async def test_json_and_columns_share_a_call_and_each_is_answered_as_it_asked() -> None:
    async with working(Columnar) as worker:
        docs = [DocList[Vector]([Vector(values=np.array([float(index), 1.0]))]) for index in range(2)]
        first, second = await asyncio.gather(
            call(worker, "/", docs[0], content_type=JSON), call(worker, "/", docs[1], content_type=COLUMNS)
        )
        assert list(first[0].values) == [0.0, 2.0]
        assert second[0].values.tolist() == [2.0, 2.0]
        assert worker.batching_statistics["/default"].batches == 1


async def test_tensors_that_cannot_stand_in_one_column_go_in_two_calls() -> None:
    async with working(Columnar) as worker:
        docs = [DocList[Vector]([Vector(values=np.ones(length))]) for length in (2, 3)]
        answers = await asyncio.gather(*(call(worker, "/", one, content_type=COLUMNS) for one in docs))
        assert [answer[0].values.tolist() for answer in answers] == [[2.0, 2.0], [2.0, 2.0, 2.0]]


async def test_no_documents_are_answered_without_a_call() -> None:
    async with working(Measured) as worker:
        assert await call(worker, "/", DocList[Text]()) == []
        assert recorder(worker, Measured).calls == []


# --- called off, too late, shut down


async def test_who_is_called_off_leaves_the_batch() -> None:
    async with working(Recorder) as worker:
        leaving = asyncio.create_task(call(worker, "/upper", texts("gone")))
        await until(lambda: worker.batching_statistics["/upper"].waiting == 1)
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving
        await until(lambda: worker.inflight == 0)
        await asyncio.gather(*(call(worker, "/upper", texts(name)) for name in "abcd"))
        assert recorder(worker).calls == [["a", "b", "c", "d"]]


async def test_what_is_too_late_when_its_turn_comes_is_left_out() -> None:
    async with working(Recorder) as worker:
        executor = recorder(worker)
        holding = asyncio.create_task(call(worker, "/hold", texts("x")))
        await until(executor.gate.begun.is_set)
        late = Context.with_timeout(0.05)
        waiting = [asyncio.create_task(call(worker, "/upper", texts("late"), context=late))]
        waiting += [asyncio.create_task(call(worker, "/upper", texts(name))) for name in "abc"]
        await until(lambda: worker.batching_statistics["/upper"].batches == 1)
        await until(lambda: late.remaining() == 0.0)
        executor.gate.go.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        await holding
        assert isinstance(results[0], DeadlineExceeded)
        assert executor.calls == [["a", "b", "c"]]


async def test_a_batch_that_nobody_waits_for_is_not_run() -> None:
    async with working(Recorder) as worker:
        executor = recorder(worker)
        holding = asyncio.create_task(call(worker, "/hold", texts("x")))
        await until(executor.gate.begun.is_set)
        waiting = [asyncio.create_task(call(worker, "/upper", texts(name))) for name in "abcd"]
        await until(lambda: worker.batching_statistics["/upper"].batches == 1)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        executor.gate.go.set()
        await holding
        await until(lambda: worker.batching_statistics["/upper"].running == 0)
        assert executor.calls == []


class Slow(Executor):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.events: list[str] = []

    @requests
    @dynamic_batching(preferred_batch_size=2, timeout=LONG_MS)
    async def wait(self, docs: DocList[Text], context: Context) -> None:
        self.events.append("begun")
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            self.events.append(f"cancelled {context.cancelled}")
            raise


async def test_a_coroutine_that_nobody_waits_for_any_more_is_cancelled() -> None:
    async with working(Slow) as worker:
        waiting = [asyncio.create_task(call(worker, "/", texts(name))) for name in "ab"]
        events = recorder(worker, Slow).events
        await until(lambda: events == ["begun"])
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
        assert events == ["begun"]
        waiting[1].cancel()
        await asyncio.gather(waiting[1], return_exceptions=True)
        await until(lambda: events == ["begun", "cancelled True"])
        await until(lambda: worker.inflight == 0)


class Closed(Recorder):
    def close(self) -> None:
        self.calls.append(["close"])


async def test_what_waits_is_answered_before_the_executor_is_closed() -> None:
    async with working(Closed) as worker:
        executor = recorder(worker, Closed)
        waiting = asyncio.create_task(call(worker, "/upper", texts("last")))
        await until(lambda: worker.batching_statistics["/upper"].waiting == 1)
        await worker.close()
        assert held(await waiting) == ["LAST"]
        assert executor.calls == [["last"], ["close"]]
        assert reasons(worker, "/upper") == {Reason.SHUTDOWN: 1}


async def test_when_no_more_is_expected_nothing_waits_for_company() -> None:
    async with working(Recorder) as worker:
        waiting = asyncio.create_task(call(worker, "/upper", texts("a")))
        worker.drain()
        assert held(await waiting) == ["A"]
        assert held(await call(worker, "/upper", texts("b"))) == ["B"]


class Stuck(Recorder):
    @requests(on="/stuck")
    @dynamic_batching(preferred_batch_size=2, timeout=LONG_MS)
    def stuck(self, docs: DocList[Text]) -> None:
        self.gate()


async def test_all_of_a_batch_get_an_error_when_its_thread_is_given_up() -> None:
    async with working(Stuck) as worker:
        executor = recorder(worker, Stuck)
        waiting = [asyncio.create_task(call(worker, "/stuck", texts(name))) for name in "ab"]
        await until(executor.gate.begun.is_set)
        worker._running().abandon("it does not answer")
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, ExecutorFailed) and "does not answer" in str(result) for result in results)
        executor.gate.go.set()


async def test_past_the_queue_the_answer_is_overloaded() -> None:
    async with working(Recorder, queue={"max_inflight": 2}) as worker:
        waiting = [asyncio.create_task(call(worker, "/upper", texts(name))) for name in "ab"]
        await until(lambda: worker.inflight == 2)
        with pytest.raises(Overloaded):
            await call(worker, "/upper", texts("c"))
        worker.drain()
        await asyncio.gather(*waiting)


async def test_the_histogram_counts_batches_by_size() -> None:
    async with working(Recorder) as worker:
        await call(worker, "/upper", texts(*"abcdefghi"))
        found = worker.batching_statistics["/upper"]
        assert found.sizes == {1: 1, 4: 2}
        assert (found.batches, found.documents, found.mean_size) == (3, 9, 3.0)
        assert Counter(found.closed)[Reason.FULL] == 2


class Adaptive(Executor):
    @requests
    @dynamic_batching(objective_ms=200)
    def encode(self, docs: DocList[Text], **kwargs: Any) -> None:
        for doc in docs:
            doc.text = str(len(docs))


async def test_with_an_objective_a_lonely_request_does_not_wait() -> None:
    async with working(Adaptive) as worker:
        assert held(await call(worker, "/", texts("x"))) == ["1"]
        assert reasons(worker, "/default") == {Reason.IDLE: 1} or reasons(worker, "/default") == {Reason.FULL: 1}


async def test_unbatched_endpoints_of_the_same_executor_stay_as_they_were() -> None:
    async with working(Recorder, uses_dynamic_batching={"/upper": {"use_dynamic_batching": False}}) as worker:
        assert held(await call(worker, "/upper", texts("a"))) == ["A"]
        assert worker.batching_statistics == {}
