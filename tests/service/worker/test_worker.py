"""A worker that runs user code, seen through its handler."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from time import monotonic
from typing import Any

import pytest
from pydantic import BaseModel

from thalweg.config import Limits
from thalweg.config.workers import WorkerOptions
from thalweg.docs import BaseDoc, DocList, DocVec
from thalweg.docs.codecs import columns, json
from thalweg.docs.typing import NdArray
from thalweg.errors import (
    Cancelled,
    DeadlineExceeded,
    EndpointNotFound,
    ExecutorFailed,
    InvalidDocument,
    MalformedRequest,
    Overloaded,
    PeerLost,
    ThalwegError,
    Unavailable,
    UnsupportedContent,
    WrongReturnType,
)
from thalweg.executor import Executor, requests
from thalweg.executor import steps as steps_module
from thalweg.executor.loading import Passthrough
from thalweg.executor.source import ExecutorSource, executor_class
from thalweg.executor.steps import AHEAD
from thalweg.message import COLUMNS, JSON, Buffer, Context, Request, Response, UnaryHandler
from thalweg.service.worker import worker as worker_module
from thalweg.service.worker.worker import Worker


class Text(BaseDoc):
    text: str = ""


class Vector(BaseDoc):
    values: NdArray[2] | None = None


class Settings(BaseModel):
    limit: int


class Gate:
    """Holds user code up until the test lets it go on. Made anew for each test."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()
        self.ended = threading.Event()
        self.ran: list[str] = []

    def wait(self) -> None:
        self.begun.set()
        assert self.go.wait(30)


gate = Gate()


@pytest.fixture(autouse=True)
def _new_gate() -> Iterator[None]:
    gate.__init__()  # type: ignore[misc]
    yield
    gate.go.set()


def thread() -> str:
    return threading.current_thread().name


class Sample(Executor):
    """One endpoint of each kind."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.database = sqlite3.connect(":memory:")  # may be used in the thread only that made it
        gate.ran.append(f"init {thread()}")

    @requests(on="/upper")
    def upper(self, docs: DocList[Text]) -> DocList[Text]:
        for doc in docs:
            doc.text = doc.text.upper()
        return docs

    @requests(on="/single")
    def single(self, doc: Text, **kwargs: Any) -> Text:
        return Text(id=doc.id, text=doc.text + "!")

    @requests(on="/thread")
    def thread(self, docs: DocList[Text]) -> DocList[Text]:
        self.database.execute("select 1")
        return DocList[Text]([Text(text=thread())])

    @requests(on="/later")
    async def later(self, docs: DocList[Text]) -> DocList[Text]:
        await asyncio.sleep(0)
        return DocList[Text]([Text(text=thread())])

    @requests(on="/later_single")
    async def later_single(self, doc: Text) -> Text:
        await asyncio.sleep(0)
        return Text(id=doc.id, text=doc.text + "?")

    @requests(on="/everything")
    def everything(self, docs: Any, parameters: dict[str, Any], headers: Mapping[str, str], context: Context) -> dict:  # type: ignore[type-arg]
        return {"count": len(docs), "parameters": parameters, "tenant": headers["tenant"], "id": context.request_id}

    @requests(on="/keywords")
    def keywords(self, **kwargs: Any) -> dict:  # type: ignore[type-arg]
        return {"names": sorted(kwargs)}

    @requests(on="/nothing")
    def nothing(self) -> None:
        gate.ran.append("nothing")

    @requests(on="/model")
    def model(self, parameters: Settings) -> dict[str, Any]:
        return {"limit": parameters.limit}

    @requests(on="/vec")
    def vec(self, docs: DocVec[Vector]) -> DocVec[Vector]:
        docs.values = docs.values * 2
        return docs

    @requests(on="/fail")
    def fail(self, docs: DocList[Text]) -> None:
        raise ValueError("no such model")

    @requests(on="/fail_later")
    async def fail_later(self, doc: Text) -> None:
        if doc.text == "bad":
            raise ValueError("no such model")
        try:
            await asyncio.Event().wait()
        finally:
            gate.ran.append(f"{doc.text} cancelled")

    @requests(on="/exit")
    def exit(self) -> None:
        raise SystemExit(3)

    @requests(on="/refuse")
    def refuse(self, parameters: dict[str, Any]) -> None:
        raise {"client": InvalidDocument, "lost": PeerLost, "full": Overloaded}[parameters["how"]]("said so")

    @requests(on="/wrong")
    def wrong(self, docs: DocList[Text]) -> DocList[Text]:
        return 3  # type: ignore[return-value]

    @requests(on="/wait")
    def wait(self, docs: DocList[Text]) -> None:
        gate.wait()
        gate.ran.append(f"wait {docs[0].text}")

    @requests(on="/wait_later")
    async def wait_later(self, docs: DocList[Text]) -> None:
        gate.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            gate.ran.append("cancelled")
            gate.ended.set()
            raise

    @requests(on="/count")
    def count(self, doc: Text) -> Iterator[Text]:
        gate.ran.append(f"open {thread()}")
        try:
            for number in range(3):
                gate.ran.append(f"{doc.text}{number}")
                yield Text(text=f"{doc.text}{number}")
        finally:
            gate.ran.append(f"close {thread()}")
            gate.ended.set()

    @requests(on="/chat")
    def chat(self, docs: Iterator[Text]) -> Iterator[Text]:
        try:
            for doc in docs:
                yield Text(text=f"{doc.text}!")
            yield Text(text="bye")
        finally:
            gate.ended.set()

    @requests(on="/chat_later")
    async def chat_later(self, docs: AsyncIterator[Text]) -> AsyncIterator[Text]:
        try:
            async for doc in docs:
                yield Text(text=f"{doc.text}!")
            yield Text(text="bye")
        finally:
            gate.ended.set()

    @requests(on="/count_far")
    def count_far(self, doc: Text) -> Iterator[Text]:
        try:
            for number in range(10**9 if doc.id == "endless" else 200):
                gate.ran.append(f"{doc.text}{number}")
                yield Text(text=f"{doc.text}{number}")
        finally:
            gate.ran.append(f"close {thread()}")
            gate.ended.set()

    @requests(on="/lists")
    def lists(self, docs: DocList[Text]) -> Iterator[DocList[Text]]:
        return iter([docs, DocList[Text]([*docs, *docs])])

    @requests(on="/count_later")
    async def count_later(self, doc: Text) -> AsyncIterator[Text]:
        try:
            for number in range(200):
                gate.ran.append(f"{doc.text}{number}")
                yield Text(text=f"{doc.text}{number}")
        finally:
            gate.ended.set()

    @requests(on="/break")
    def break_(self, doc: Text) -> Iterator[Text]:
        yield doc
        raise ValueError("half way")

    @requests(on="/break_later")
    async def break_later(self, doc: Text) -> AsyncIterator[Text]:
        yield doc
        raise ValueError("half way")

    @requests(on="/timeout_later")
    async def timeout_later(self, doc: Text) -> AsyncIterator[Text]:
        async with asyncio.timeout(30):
            yield doc
            await asyncio.sleep(0)
            yield doc

    @requests(on="/wrong_item")
    def wrong_item(self, doc: Text) -> Iterator[Text]:
        yield 3  # type: ignore[misc]

    def close(self) -> None:
        self.database.close()
        gate.ran.append(f"shut {thread()}")


class Fallback(Executor):
    @requests
    def answer(self, docs: Any) -> dict:  # type: ignore[type-arg]
        return {"types": [type(doc).__name__ for doc in docs]}


def source(uses: Any) -> ExecutorSource:
    return ExecutorSource(Passthrough if uses is None else executor_class(uses, "uses"))


@asynccontextmanager
async def running(uses: Any = Sample, **options: Any) -> AsyncIterator[Worker]:
    given = WorkerOptions(**{"name": "enc", **options})
    worker = Worker(source(uses), given)
    await worker.start()
    try:
        yield worker
    finally:
        gate.go.set()
        await worker.close()
        assert worker.inflight == 0
        assert not [alive for alive in threading.enumerate() if alive.name.startswith("enc-")]


def request(endpoint: str, *texts: str, parameters: dict[str, Any] | None = None, **rest: Any) -> Request:
    body = json.encode(DocList[Text]([Text(text=text) for text in texts]), parameters or {})
    return Request(endpoint, (body,), **rest)


async def ask(worker: Worker, request: Request, context: Context | None = None) -> list[Response]:
    return [response async for response in worker.handle(request, context or Context())]


def read(response: Response) -> tuple[list[str], dict[str, Any]]:
    docs, parameters = json.decode(response.body[0], Text)
    return [doc.text for doc in docs], parameters


async def texts(worker: Worker, endpoint: str, *given: str) -> list[list[str]]:
    return [read(response)[0] for response in await ask(worker, request(endpoint, *given))]


async def results(worker: Worker, request: Request, context: Context | None = None) -> Any:
    (response,) = await ask(worker, request, context)
    return read(response)[1]["__results__"]["enc"]


async def until(condition: Callable[[], object]) -> None:
    """Return when `condition` holds; the test's own timeout is the limit."""
    while not condition():  # noqa: ASYNC110  other threads make it hold
        await asyncio.sleep(0.001)


async def exhaust(responses: AsyncIterator[Response]) -> None:
    async for _ in responses:
        pass


class Note:
    """A reply that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[Response | ThalwegError] = []
        self.event = asyncio.Event()

    def answer(self, response: Response) -> None:
        self.told.append(response)
        self.event.set()

    def fail(self, error: ThalwegError) -> None:
        self.told.append(error)
        self.event.set()


# --- methods and what they get


async def test_a_batch_method_answers() -> None:
    async with running() as worker:
        assert await texts(worker, "/upper", "a", "b") == [["A", "B"]]
        assert await texts(worker, "/upper") == [[]]


async def test_a_method_for_single_documents_is_called_for_each() -> None:
    async with running() as worker:
        assert await texts(worker, "/single", "a", "b") == [["a!", "b!"]]
        assert await texts(worker, "/later_single", "a", "b") == [["a?", "b?"]]
        assert await texts(worker, "/later_single") == [[]]


async def test_user_code_never_runs_on_the_io_loop() -> None:
    async with running() as worker:
        assert await texts(worker, "/thread") == [["enc-compute"]]
        assert await texts(worker, "/later") == [["enc-coroutines"]]
        await ask(worker, request("/count", "a"))
    places = {entry.rpartition(" ")[2] for entry in gate.ran if entry.startswith(("init", "open", "close", "shut"))}
    assert places == {"enc-compute"}


async def test_a_method_gets_what_it_names() -> None:
    async with running() as worker:
        context = Context(metadata={"tenant": "t"}, request_id="r1")
        found = await results(worker, request("/everything", "a", parameters={"n": 3}), context)
        assert found == {"count": 1, "parameters": {"n": 3}, "tenant": "t", "id": "r1"}
        assert (await results(worker, request("/keywords")))["names"] == ["context", "docs", "headers", "parameters"]


async def test_a_method_that_names_nothing_keeps_the_documents() -> None:
    async with running() as worker:
        assert await texts(worker, "/nothing", "a") == [["a"]]
        assert "nothing" in gate.ran


async def test_a_function_is_an_executor() -> None:
    @requests(on="/shout")
    def shout(docs: DocList[Text]) -> DocList[Text]:
        return DocList[Text]([Text(text=doc.text.upper()) for doc in docs])

    async with running(shout) as worker:
        assert await texts(worker, "/shout", "a") == [["A"]]


# --- parameters


async def test_parameters_of_the_body_win_over_those_of_the_header() -> None:
    async with running() as worker:
        context = Context(metadata={"tenant": "t"})
        asked = request("/everything", parameters={"n": 3}, **{})
        asked.parameters = {"n": 1, "m": 2}
        assert (await results(worker, asked, context))["parameters"] == {"n": 3, "m": 2}


async def test_an_executor_sees_its_own_parameters_and_the_answer_has_all() -> None:
    sent = {"enc__k": 1, "other__k": 2, "n": 3}
    async with running() as worker:
        (response,) = await ask(worker, request("/everything", parameters=sent), Context(metadata={"tenant": "t"}))
    answered = read(response)[1]
    assert answered.pop("__results__")["enc"]["parameters"] == {"k": 1, "n": 3}
    assert answered == sent
    assert response.parameters == {}


async def test_parameters_become_the_annotated_model() -> None:
    async with running() as worker:
        assert await results(worker, request("/model", parameters={"limit": 4})) == {"limit": 4}
        with pytest.raises(InvalidDocument, match=r"parameters\.limit") as caught:
            await ask(worker, request("/model"))
        assert caught.value.executor == "enc"


# --- content types


async def test_columns_are_answered_with_columns() -> None:
    async with running() as worker:
        body = columns.encode(DocList[Text]([Text(text="a")]))
        (response,) = await ask(worker, Request("/upper", body, COLUMNS, parameters={"n": 1}))
        assert response.content_type == COLUMNS
        assert response.parameters == {"n": 1}
        assert columns.decode(response.body, Text)[0].text == "A"


@pytest.mark.parametrize("content_type, accept", [(JSON, COLUMNS), (COLUMNS, JSON)])
async def test_the_answer_has_the_content_type_that_is_accepted(content_type: str, accept: str) -> None:
    docs = DocList[Text]([Text(text="a")])
    body = (json.encode(docs, {}),) if content_type == JSON else columns.encode(docs)
    async with running() as worker:
        (response,) = await ask(worker, Request("/upper", body, content_type, accept))
    assert response.content_type == accept
    read = json.decode(response.body[0], Text)[0] if accept == JSON else columns.decode(response.body, Text)
    assert read[0].text == "A"


@pytest.mark.parametrize("content_type, accept", [("text/csv", ""), (JSON, "text/csv")])
async def test_other_content_types_are_refused_by_name(content_type: str, accept: str) -> None:
    async with running() as worker:
        with pytest.raises(UnsupportedContent, match=r"'text/csv'.*application/json"):
            await ask(worker, Request("/upper", (b"{}",), content_type, accept))


async def test_a_method_may_take_columns() -> None:
    docs = DocList[Vector]([Vector(values=[1.0, 2.0]), Vector(values=[3.0, 4.0])])
    async with running() as worker:
        (response,) = await ask(worker, Request("/vec", columns.encode(docs), COLUMNS))
        assert [list(doc.values) for doc in columns.decode(response.body, Vector)] == [[2.0, 4.0], [6.0, 8.0]]
        (response,) = await ask(worker, Request("/vec", (json.encode(docs, {}),)))
        assert [list(doc.values) for doc in json.decode(response.body[0], Vector)[0]] == [[2.0, 4.0], [6.0, 8.0]]


async def test_documents_that_cannot_be_columns_are_the_callers_fault() -> None:
    async with running() as worker:
        with pytest.raises(InvalidDocument, match="data"):
            await ask(worker, Request("/vec", (b'{"data": [{"values": [1, 2]}, {}]}',)))


async def test_a_body_in_several_buffers_and_an_empty_one_are_read() -> None:
    async with running() as worker:
        (response,) = await ask(worker, Request("/upper", (b'{"data": [{"te', b'xt": "a"}]}')))
        assert read(response)[0] == ["A"]
        (response,) = await ask(worker, Request("/nothing", ()))
        assert read(response)[0] == []


async def test_bad_bodies_are_the_callers_fault() -> None:
    async with running() as worker:
        with pytest.raises(MalformedRequest):
            await ask(worker, Request("/upper", (b"{",)))
        with pytest.raises(InvalidDocument) as caught:
            await ask(worker, Request("/upper", (b'{"data": [{"text": 3}]}',)))
        assert caught.value.details[0]["loc"] == ["data", 0, "text"]


# --- which endpoint


async def test_an_unknown_endpoint_lists_the_known_ones() -> None:
    async with running() as worker:
        with pytest.raises(EndpointNotFound, match=r"enc has no endpoint /upppr.*/upper") as caught:
            await ask(worker, request("/upppr"))
        assert "/upper" in caught.value.details[0]["known"]


async def test_the_default_endpoint_answers_the_rest_with_any_document() -> None:
    async with running(Fallback) as worker:
        assert (await results(worker, request("/whatever", "a")))["types"] == ["AnyDoc"]


@pytest.mark.parametrize(
    "target, meant", [("enc", True), ("en.*", True), ("", True), ("en", False), ("other|enc2", False)]
)
async def test_a_target_must_match_the_whole_name(target: str, meant: bool) -> None:
    async with running() as worker:
        asked = request("/upper", "a", target=target)
        (response,) = await ask(worker, asked)
        assert read(response)[0] == (["A"] if meant else ["a"])
        assert (response.body == asked.body) is not meant


async def test_what_passes_still_comes_in_the_accepted_content_type() -> None:
    async with running() as worker:
        (response,) = await ask(worker, request("/upper", "a", target="other", accept=COLUMNS))
        assert columns.decode(response.body, Text)[0].text == "a"


@pytest.mark.parametrize("target, reason", [("(", "no regular expression"), ("a" * 300, "300 characters")])
async def test_a_target_that_cannot_be_matched_is_refused(target: str, reason: str) -> None:
    async with running() as worker:
        with pytest.raises(MalformedRequest, match=reason):
            await ask(worker, request("/upper", target=target))


async def test_without_an_executor_everything_passes() -> None:
    async with running(None) as worker:
        asked = request("/whatever", "a", parameters={"n": 1})
        (response,) = await ask(worker, asked)
        assert response.body == asked.body


async def test_endpoints_are_remapped_by_the_options() -> None:
    async with running(uses_requests={"/loud": "upper"}) as worker:
        assert await texts(worker, "/loud", "a") == [["A"]]
        with pytest.raises(EndpointNotFound):
            await ask(worker, request("/upper", "a"))


# --- failures


async def test_what_user_code_raises_is_told_without_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as worker:
        with pytest.raises(ExecutorFailed) as caught:
            await ask(worker, request("/fail", "a"), Context(request_id="r7"))
    error = caught.value
    assert error.message == "enc failed at /fail: ValueError: no such model"
    assert (error.executor, error.request_id) == ("enc", "r7")
    assert error.__cause__ is None
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "r7" in record.getMessage()
    assert record.exc_info is not None


async def test_a_long_text_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    class Talker(Executor):
        @requests
        def answer(self) -> None:
            raise ValueError("x" * 100_000)

    async with running(Talker) as worker:
        with pytest.raises(ExecutorFailed) as caught:
            await ask(worker, request("/"))
        assert len(caught.value.message) < 3000


async def test_one_document_that_fails_cancels_the_others() -> None:
    async with running() as worker:
        with pytest.raises(ExecutorFailed, match="no such model"):
            await ask(worker, request("/fail_later", "good", "bad"))
    assert "good cancelled" in gate.ran


async def test_an_exit_in_user_code_fails_its_request_only() -> None:
    async with running() as worker:
        with pytest.raises(ExecutorFailed, match="SystemExit: 3"):
            await ask(worker, request("/exit"))
        assert await texts(worker, "/upper", "a") == [["A"]]


@pytest.mark.parametrize("how, expected", [("client", InvalidDocument), ("full", Overloaded), ("lost", ExecutorFailed)])
async def test_user_code_may_tell_the_caller_what_to_change(how: str, expected: type[ThalwegError]) -> None:
    async with running() as worker:
        with pytest.raises(expected, match="said so") as caught:
            await ask(worker, request("/refuse", parameters={"how": how}))
        assert caught.value.executor == "enc"


async def test_a_wrong_return_type_is_named() -> None:
    async with running() as worker:
        with pytest.raises(WrongReturnType, match=r"enc returned int at /wrong; DocList\[Text\] is expected") as caught:
            await ask(worker, request("/wrong"), Context(request_id="r8"))
        assert caught.value.request_id == "r8"


# --- streams


@pytest.mark.parametrize("endpoint, length", [("/count", 3), ("/count_later", 200), ("/count_far", 200)])
async def test_an_iterator_answers_item_by_item(endpoint: str, length: int) -> None:
    async with running() as worker:
        assert await texts(worker, endpoint, "a") == [[f"a{number}"] for number in range(length)]


async def test_several_documents_are_streamed_one_after_the_other() -> None:
    async with running() as worker:
        assert await texts(worker, "/count", "a", "b") == [[f"{name}{number}"] for name in "ab" for number in range(3)]


async def test_an_item_may_be_several_documents() -> None:
    async with running() as worker:
        assert await texts(worker, "/lists", "a") == [["a"], ["a", "a"]]


@pytest.mark.parametrize("endpoint", ["/count_far", "/count_later"])
async def test_an_iterator_runs_a_few_items_ahead_of_its_reader(endpoint: str) -> None:
    async with running() as worker, aclosing(worker.handle(request(endpoint, "a"), Context())) as responses:
        await anext(responses)
        await until(lambda: f"a{AHEAD - 1}" in gate.ran)
        for _ in range(3):  # whatever was put before has run
            await texts(worker, "/upper", "x")
            await texts(worker, "/later", "x")
        assert f"a{AHEAD + 1}" not in gate.ran
        for _ in range(AHEAD):
            await anext(responses)
        await until(lambda: f"a{2 * AHEAD - 1}" in gate.ran)


async def test_iterators_take_turns_with_other_requests() -> None:
    async with running() as worker:
        first, second = (worker.handle(request("/count_far", name), Context()) for name in "ab")
        async with aclosing(first), aclosing(second):
            for _ in range(2):
                await anext(first)
                await anext(second)
            assert await texts(worker, "/upper", "x") == [["X"]]
        assert "a199" not in gate.ran
        assert "b199" not in gate.ran


async def drained(responses: AsyncGenerator[Response, None]) -> None:
    async for _ in responses:
        pass


async def test_an_iterator_that_always_has_an_item_leaves_others_their_turn() -> None:
    async with running() as worker:
        endless = worker.handle(_endless(), Context())
        reading = asyncio.ensure_future(drained(endless))
        for _ in range(20):
            assert await texts(worker, "/upper", "x") == [["X"]]
        assert not reading.done()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await endless.aclose()


def _endless() -> Request:
    return Request("/count_far", (b'{"data": [{"id": "endless", "text": "a"}]}',))


# --- streams that are read


@pytest.mark.parametrize("endpoint", ["/chat", "/chat_later"])
async def test_a_method_may_read_documents_while_it_answers(endpoint: str) -> None:
    heard = asyncio.Semaphore(1)

    async def in_turns() -> AsyncGenerator[tuple[Buffer, ...], None]:
        for name in "abc":
            await heard.acquire()
            yield (f'{{"data": [{{"text": "{name}"}}]}}'.encode(),)

    async with running() as worker, asyncio.timeout(60):
        got = []
        async for response in worker.handle(Request(endpoint, inflow=in_turns()), Context()):
            got += read(response)[0]
            heard.release()
        assert got == ["a!", "b!", "c!", "bye"]
        await until(lambda: worker.inflight == 0)


@pytest.mark.parametrize("endpoint", ["/chat", "/chat_later"])
async def test_a_method_that_reads_a_stream_may_get_all_at_once(endpoint: str) -> None:
    async with running() as worker:
        assert await texts(worker, endpoint, "a", "b") == [["a!"], ["b!"], ["bye"]]


@pytest.mark.parametrize("endpoint", ["/chat", "/chat_later"])
async def test_a_method_that_waits_for_documents_is_closed_when_nobody_listens(endpoint: str) -> None:
    async with running() as worker, asyncio.timeout(60):
        responses = worker.handle(Request(endpoint, inflow=_silent_after("a")), Context())
        assert read(await anext(responses))[0] == ["a!"]
        assert await texts(worker, "/upper", "x") == [["X"]]  # it holds nobody up
        await responses.aclose()
        await until(gate.ended.is_set)
        await until(lambda: worker.inflight == 0)


@pytest.mark.parametrize("endpoint", ["/chat", "/chat_later"])
async def test_closing_the_worker_ends_methods_that_wait_for_documents(endpoint: str) -> None:
    async with running() as worker, asyncio.timeout(60):
        responses = worker.handle(Request(endpoint, inflow=_silent_after("a")), Context())
        await anext(responses)
        closing = asyncio.ensure_future(worker.close())
        with pytest.raises((Unavailable, Cancelled)):
            await anext(responses)
        await closing
        assert gate.ended.is_set()


@pytest.mark.parametrize("endpoint", ["/chat", "/chat_later"])
async def test_a_document_of_a_stream_that_is_wrong_is_the_callers_fault(endpoint: str) -> None:
    async def wrong() -> AsyncGenerator[tuple[Buffer, ...], None]:
        yield (b'{"data": [{"text": 7}]}',)

    async with running() as worker, asyncio.timeout(60):
        with pytest.raises(InvalidDocument):
            await drained(worker.handle(Request(endpoint, inflow=wrong()), Context()))


async def test_payloads_for_a_method_that_reads_no_stream_are_requests_of_their_own() -> None:
    async with running() as worker:
        responses = worker.handle(Request("/upper", inflow=_payloads("a", "b")), Context())
        assert [read(response)[0] async for response in responses] == [["A"], ["B"]]


async def test_synchronous_methods_that_read_streams_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps_module, "MOST_CONVERSATIONS", 1)
    async with running() as worker, asyncio.timeout(60):
        first = worker.handle(Request("/chat", inflow=_silent_after("a")), Context())
        await anext(first)
        with pytest.raises(Overloaded, match="streams to read"):
            await drained(worker.handle(Request("/chat", inflow=_payloads("b")), Context()))
        await first.aclose()
        await until(lambda: worker.inflight == 0)
        assert await texts(worker, "/chat", "c") == [["c!"], ["bye"]]


async def _payloads(*names: str) -> AsyncGenerator[tuple[Buffer, ...], None]:
    for name in names:
        yield (f'{{"data": [{{"text": "{name}"}}]}}'.encode(),)


async def _silent_after(name: str) -> AsyncGenerator[tuple[Buffer, ...], None]:
    async for body in _payloads(name):
        yield body
    await asyncio.Event().wait()


@pytest.mark.parametrize("endpoint", ["/break", "/break_later"])
async def test_an_error_half_way_follows_the_items_before_it(endpoint: str) -> None:
    async with running() as worker:
        responses = worker.handle(request(endpoint, "a"), Context())
        assert read(await anext(responses))[0] == ["a"]
        with pytest.raises(ExecutorFailed, match="half way"):
            await anext(responses)


async def test_a_timeout_may_be_open_across_items() -> None:
    async with running() as worker:
        assert await texts(worker, "/timeout_later", "a") == [["a"], ["a"]]


async def test_a_wrong_item_is_named() -> None:
    async with running() as worker:
        with pytest.raises(WrongReturnType, match="an item of type int at /wrong_item; Text is expected"):
            await ask(worker, request("/wrong_item", "a"))


@pytest.mark.parametrize("endpoint", ["/count", "/count_later"])
async def test_closing_the_answers_closes_the_iterator(endpoint: str) -> None:
    async with running() as worker:
        responses = worker.handle(request(endpoint, "a"), Context())
        await anext(responses)
        await responses.aclose()
        await until(gate.ended.is_set)
        await until(lambda: worker.inflight == 0)
    assert "a199" not in gate.ran


async def test_nothing_happens_before_the_first_item_is_asked_for() -> None:
    async with running() as worker:
        for endpoint in ("/upper", "/count", "/later", "/count_later", "/absent"):
            responses = worker.handle(request(endpoint, "a"), Context())
            assert worker.inflight == 0
            await responses.aclose()
        await texts(worker, "/upper", "x")
    assert [entry for entry in gate.ran if entry.startswith("a")] == []


# --- calling off, deadlines, limits


async def test_work_that_was_called_off_while_it_waited_is_dropped() -> None:
    async with running() as worker:
        running_task = asyncio.ensure_future(ask(worker, request("/wait", "first")))
        await until(gate.begun.is_set)
        waiting = asyncio.ensure_future(ask(worker, request("/wait", "second")))
        await until(lambda: worker.inflight == 2)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.go.set()
        await running_task
        await until(lambda: worker.inflight == 0)
    assert [entry for entry in gate.ran if entry.startswith("wait")] == ["wait first"]


async def test_work_whose_context_was_cancelled_is_dropped() -> None:
    async with running() as worker:
        context = Context()
        context.cancel()
        for endpoint in ("/upper", "/later", "/count", "/count_later"):
            with pytest.raises(Cancelled):
                await ask(worker, request(endpoint, "a"), context)
    assert [entry for entry in gate.ran if entry.startswith("a")] == []


async def test_between_documents_it_is_seen_that_nobody_waits() -> None:
    class Stopping(Executor):
        @requests
        def answer(self, doc: Text, context: Context) -> None:
            gate.ran.append(doc.text)
            context.cancel()

    async with running(Stopping) as worker:
        with pytest.raises(Cancelled):
            await ask(worker, request("/", "a", "b"))
    assert gate.ran == ["a"]


async def test_work_whose_deadline_has_passed_is_dropped() -> None:
    async with running() as worker:
        for endpoint in ("/upper", "/later", "/count", "/count_later"):
            with pytest.raises(DeadlineExceeded):
                await ask(worker, request(endpoint, "a"), Context(deadline=monotonic() - 1))
    assert [entry for entry in gate.ran if entry.startswith("a")] == []


async def test_a_running_coroutine_is_cancelled() -> None:
    async with running() as worker:
        task = asyncio.ensure_future(ask(worker, request("/wait_later", "a")))
        await until(gate.begun.is_set)
        task.cancel()
        await until(gate.ended.is_set)
        await until(lambda: worker.inflight == 0)
        with pytest.raises(asyncio.CancelledError):
            await task
    assert "cancelled" in gate.ran


async def test_coroutines_run_side_by_side() -> None:
    people = 50

    class Meeting(Executor):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.complete = asyncio.Barrier(people)

        @requests
        async def answer(self) -> None:
            await self.complete.wait()

    async with running(Meeting) as worker:
        await asyncio.gather(*(ask(worker, request("/")) for _ in range(people)))


async def test_past_the_limit_requests_are_refused_at_once() -> None:
    async with running(queue=Limits(max_inflight=2)) as worker:
        tasks = [asyncio.ensure_future(ask(worker, request("/wait", "a"))) for _ in range(2)]
        await until(gate.begun.is_set)
        for endpoint in ("/wait", "/later", "/count", "/count_later"):
            with pytest.raises(Overloaded) as caught:
                await ask(worker, request(endpoint, "a"))
            assert caught.value.retry_after
            assert caught.value.executor == "enc"
        gate.go.set()
        await asyncio.gather(*tasks)
        assert await texts(worker, "/upper", "a") == [["A"]]


# --- the short way


async def test_one_answer_needs_no_task() -> None:
    async with running() as worker:
        assert isinstance(worker, UnaryHandler)
        for endpoint, expected in (("/upper", "A"), ("/later", "enc-coroutines")):
            note = Note()
            assert worker.submit(request(endpoint, "a"), Context(), note) is not None
            assert note.told == []
            await note.event.wait()
            (response,) = note.told
            assert isinstance(response, Response)
            assert read(response)[0] == [expected]


async def test_the_short_way_tells_errors() -> None:
    async with running() as worker:
        for endpoint in ("/fail", "/fail_later"):
            note = Note()
            worker.submit(request(endpoint, "bad"), Context(), note)
            await note.event.wait()
            assert [type(told) for told in note.told] == [ExecutorFailed]
        with pytest.raises(EndpointNotFound):
            worker.submit(request("/absent"), Context(), Note())


async def test_streams_and_what_passes_need_the_long_way() -> None:
    async with running() as worker:
        assert worker.submit(request("/count", "a"), Context(), Note()) is None
        assert worker.submit(request("/count_later", "a"), Context(), Note()) is None
        assert worker.submit(request("/upper", "a", target="other"), Context(), Note()) is None
        assert worker.inflight == 0


@pytest.mark.parametrize("endpoint", ["/upper", "/wait_later"])
async def test_nobody_is_told_of_what_was_called_off(endpoint: str) -> None:
    async with running() as worker:
        note = Note()
        pending = worker.submit(request(endpoint, "a"), Context(), note)
        assert pending is not None
        pending.cancel()
        pending.cancel()
        await until(lambda: worker.inflight == 0)
        assert note.told == []
        pending.cancel()


# --- start, health, end


async def test_what_the_constructor_raises_comes_out_unchanged() -> None:
    error = RuntimeError("no weights")

    class Broken(Executor):
        def __init__(self, **kwargs: Any) -> None:
            raise error

    worker = Worker(source(Broken), WorkerOptions(name="enc"))
    with pytest.raises(RuntimeError) as caught:
        await worker.start()
    assert caught.value.args == error.args
    assert not worker.ready
    assert not [alive for alive in threading.enumerate() if alive.name.startswith("enc-")]
    await worker.close()


async def test_a_worker_that_was_not_started_is_unavailable() -> None:
    worker = Worker(source(Sample), WorkerOptions(name="enc"))
    assert not worker.ready
    with pytest.raises(Unavailable):
        await ask(worker, request("/upper", "a"))


async def test_the_description_is_there_before_the_start() -> None:
    worker = Worker(source(Sample), WorkerOptions(name="enc"))
    assert worker.description.name == "enc"
    found = worker.description.find("/count")
    assert found is not None
    assert found.streaming


@pytest.mark.parametrize("endpoint", ["/wait", "/block_loop"])
async def test_a_worker_whose_code_is_stuck_is_not_ready(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(Sample):
        @requests(on="/block_loop")
        async def block_loop(self, docs: DocList[Text]) -> None:
            gate.wait()

    async with running(Stuck) as worker:
        assert worker.ready
        task = asyncio.ensure_future(ask(worker, request(endpoint, "a")))
        await until(gate.begun.is_set)
        assert worker.ready
        await until(lambda: worker.silent_for > 0)
        monkeypatch.setattr(worker_module, "SILENCE_SECONDS", 0.0)
        await until(lambda: not worker.ready)
        monkeypatch.undo()
        gate.go.set()
        await task
        assert worker.ready


async def test_closing_lets_the_running_call_end_and_drops_what_waits() -> None:
    async with running() as worker:
        first = asyncio.ensure_future(ask(worker, request("/wait", "first")))
        await until(gate.begun.is_set)
        second = asyncio.ensure_future(ask(worker, request("/wait", "second")))
        third = asyncio.ensure_future(ask(worker, request("/wait_later", "third")))
        await until(lambda: worker.inflight == 3)
        closing = asyncio.ensure_future(worker.close())
        await until(lambda: not worker.ready)
        with pytest.raises(Unavailable, match="shutting down"):
            await ask(worker, request("/upper", "a"))
        gate.go.set()
        assert read((await first)[0])[0] == ["first"]
        for task in (second, third):
            with pytest.raises(Unavailable):
                await task
        await closing
        await worker.close()
    assert gate.ran[-1] == "shut enc-compute"
    assert gate.ran.count("shut enc-compute") == 1


async def test_closing_closes_iterators_that_nobody_reads() -> None:
    async with running() as worker:
        one = worker.handle(_endless(), Context())
        other = worker.handle(request("/count_later", "b"), Context())
        await anext(one)
        await anext(other)
        await worker.close()
        assert gate.ended.is_set()
        assert gate.ran.index("close enc-compute") < gate.ran.index("shut enc-compute")
        with pytest.raises(Unavailable):
            await exhaust(one)
        with pytest.raises(Unavailable):
            await exhaust(other)


async def test_an_asynchronous_close_is_awaited() -> None:
    class Later(Executor):
        async def close(self) -> None:
            await asyncio.sleep(0)
            gate.ran.append(f"closed {thread()}")

    async with running(Later):
        pass
    assert gate.ran == ["closed enc-coroutines"]


async def test_a_close_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Bad(Executor):
        def close(self) -> None:
            raise ValueError("cannot")

    async with running(Bad):
        pass
    assert "enc could not be closed cleanly" in caplog.text


async def test_thousands_of_requests_come_back_in_order() -> None:
    async with running(queue=Limits(max_inflight=3000)) as worker:
        answers = await asyncio.gather(*(ask(worker, request("/upper", f"a{number}")) for number in range(3000)))
    assert [read(answer[0])[0] for answer in answers] == [[f"A{number}"] for number in range(3000)]
