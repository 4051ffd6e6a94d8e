"""Probes, dry runs and warm-up of a worker, and what it tells of what user code raises."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from thalweg import Executor, probe, requests, warmup
from thalweg.config import ProbeOptions
from thalweg.config.workers import WorkerOptions
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.codecs import json
from thalweg.errors import (
    ClientError,
    ConfigurationError,
    DeadlineExceeded,
    ExecutorFailed,
    InvalidDocument,
    Overloaded,
    ServerError,
    Status,
    ThalwegError,
    Unavailable,
)
from thalweg.executor.description import describe
from thalweg.executor.source import ExecutorSource, executor_class
from thalweg.message import Context, Request, Response, UnaryHandler
from thalweg.message.description import DRY_RUN_ENDPOINT
from thalweg.service.worker.worker import Worker
from thalweg.testing.leaks import eventually
from thalweg.transport import registry
from thalweg.transport.contract import Serving


class Text(BaseDoc):
    text: str = ""


class Broken(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Bare(ClientError):
    """Its constructor calls nobody's."""

    code = "line\nbreak"

    def __init__(self, credit: int) -> None:
        self.credit = credit


class Teapot(ServerError):
    code = "teapot"
    http = 418


ONCE = ClientError("the same object each time")


class Patient(Executor):
    def __init__(self, ill: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ill = ill
        self.probes = 0
        self.warm: list[str] = []
        self.threads = {threading.current_thread().name}
        self.go = threading.Event()

    @probe(interval=0.01, timeout=30, failures=2)
    def feel(self) -> bool:
        self.probes += 1
        self.threads.add(threading.current_thread().name)
        return not self.ill

    @warmup
    def stretch(self) -> None:
        self.warm.append("stretch")

    @warmup
    async def run(self) -> None:
        self.warm.append("run")

    @requests(on="/do")
    def do(self, docs: DocList[Text]) -> DocList[Text]:
        self.warm.extend(doc.text for doc in docs)
        return docs

    @requests(on="/steps")
    def steps(self, docs: DocList[Text]) -> Iterator[Text]:
        for number in range(1000):
            self.warm.append(f"step {number}")
            yield Text()

    @requests(on="/hold")
    def hold(self, docs: DocList[Text]) -> DocList[Text]:
        self.go.wait(60)
        return docs

    @requests(on="/freeze")
    async def freeze(self, docs: DocList[Text]) -> DocList[Text]:
        self.go.wait(60)
        return docs

    @requests(on="/raise")
    def raise_(self, docs: DocList[Text]) -> DocList[Text]:
        raise {
            "value": ValueError("no"),
            "broken": Broken(),
            "bare": Bare(3),
            "teapot": Teapot("short and stout"),
            "gone": Unavailable("the database is gone", retry_after=7),
            "settings": ConfigurationError("wrong settings"),
            "document": InvalidDocument("no such colour"),
            "full": Overloaded("come back"),
            "once": ONCE,
            "long": ValueError("x" * 100_000),
        }[docs[0].text]


class Later(Executor):
    def __init__(self, seconds: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seconds = seconds

    @probe(interval=0.01, timeout=0.2, failures=1, replace=False)
    async def feel(self) -> None:
        await asyncio.sleep(self.seconds)

    @requests
    def do(self, docs: DocList[Text]) -> DocList[Text]:
        raise AssertionError("A dry run is no request to the default endpoint.")


class Plain(Executor):
    @requests
    def do(self, docs: DocList[Text]) -> DocList[Text]:
        raise AssertionError("A dry run is no request to the default endpoint.")


@asynccontextmanager
async def running(
    uses: type[Executor] = Patient, **options: Any
) -> AsyncIterator[tuple[Worker, list[tuple[str, bool]]]]:
    resigned: list[tuple[str, bool]] = []
    worker = Worker(
        ExecutorSource(executor_class(uses, "uses")),
        WorkerOptions(**{"name": "enc", **options}),
        replica=2,
        resign=lambda reason, stuck: resigned.append((reason, stuck)),
    )
    await worker.start()
    try:
        yield worker, resigned
    finally:
        if isinstance(worker.executor, Patient):
            worker.executor.go.set()
        await worker.close()


async def ask(worker: Worker, endpoint: str, text: str = "a", timeout: float | None = None) -> Response:
    request = Request(endpoint, (json.encode(DocList[Text]([Text(text=text)]), {}),))
    answers = worker.handle(request, Context.with_timeout(timeout, request_id="f" * 32))
    async for response in answers:
        await answers.aclose()
        return response
    raise AssertionError("no answer")


async def error_of(worker: Worker, text: str) -> ThalwegError:
    with pytest.raises(ThalwegError) as caught:
        await ask(worker, "/raise", text)
    return caught.value


def of(worker: Worker) -> Any:
    return worker.executor


# probes


async def test_a_probe_runs_on_the_thread_of_the_constructor_again_and_again() -> None:
    async with running() as (worker, _):
        await eventually(lambda: of(worker).probes > 2)
        assert len(of(worker).threads) == 1
        assert worker.ready


async def test_a_probe_that_returns_false_too_often_has_the_worker_replaced(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as (worker, resigned):
        of(worker).ill = True
        await eventually(lambda: bool(resigned))
        assert resigned == [("its probe has failed 2 times in a row, at last with: it returned False", False)]
        assert (worker.ready, worker.alive) == (False, False)
        with pytest.raises(Unavailable, match="its probe has failed 2 times in a row"):
            await ask(worker, DRY_RUN_ENDPOINT)
    assert "enc: its probe failed: it returned False" in caplog.text


async def test_options_say_more_than_the_decorator() -> None:
    async with running(probe=ProbeOptions(failures=1, replace=False)) as (worker, resigned):
        of(worker).ill = True
        await eventually(lambda: not worker.ready)
        assert worker.alive
        of(worker).ill = False
        await eventually(lambda: worker.ready)
        assert not resigned


async def test_an_asynchronous_probe_is_cancelled_when_its_time_is_up() -> None:
    async with running(Later, uses_with={"seconds": 3600}) as (worker, _):
        await eventually(lambda: not worker.ready)
        assert worker.alive
        of(worker).seconds = 0
        await eventually(lambda: worker.ready)


async def test_an_example_can_be_the_probe() -> None:
    asked = {"on": "/do", "document": {"text": "probe"}, "interval": 0.01}
    async with running(probe=asked) as (worker, _):
        await eventually(lambda: "probe" in of(worker).warm)
        assert of(worker).probes == 0
    failing = {"on": "/raise", "document": {"text": "value"}, "interval": 0.01, "failures": 1}
    async with running(probe=failing) as (_, resigned):
        await eventually(lambda: bool(resigned))
        assert "ValueError: no" in resigned[0][0]


async def test_a_call_that_keeps_its_thread_has_the_worker_replaced_and_its_caller_told() -> None:
    async with running(stuck_after=1.0) as (worker, resigned):
        with pytest.raises(ExecutorFailed, match="enc is being replaced: one call has kept its thread") as caught:
            await ask(worker, "/hold")
        assert not caught.value.retryable
        assert (len(resigned), resigned[0][1]) == (1, True)
        assert (worker.ready, worker.alive) == (False, False)


async def test_a_coroutine_that_never_awaits_has_the_worker_replaced() -> None:
    async with running(stuck_after=1.0) as (worker, resigned):
        frozen = asyncio.create_task(ask(worker, "/freeze"))
        await eventually(lambda: bool(resigned), 30)
        assert resigned[0][1]
        of(worker).go.set()
        await frozen


@pytest.mark.parametrize("lost", [False, True])
async def test_health_is_told_over_http_and_grpc(lost: bool) -> None:
    async with running(stuck_after=1.0 if lost else None) as (worker, resigned):
        serving = Serving(worker, ready=lambda: worker.ready, alive=lambda: worker.alive)
        servers = [registry.server(f"{scheme}://127.0.0.1:0", serving) for scheme in ("http", "grpc")]
        for server in servers:
            await server.start()
        if lost:
            with pytest.raises(ExecutorFailed):
                await ask(worker, "/hold")
        try:
            async with aiohttp.ClientSession(servers[0].address) as session:
                for path in ("/healthz", "/readyz"):
                    async with session.get(path) as response:
                        assert response.status == (503 if lost else 200)
            async with aio.insecure_channel(servers[1].address.removeprefix("grpc://")) as channel:
                for service in ("", "liveness"):
                    told = await health_pb2_grpc.HealthStub(channel).Check(
                        health_pb2.HealthCheckRequest(service=service)
                    )
                    serves = health_pb2.HealthCheckResponse.ServingStatus
                    assert told.status == (serves.NOT_SERVING if lost else serves.SERVING)
        finally:
            for server in servers:
                await server.stop()
        assert bool(resigned) is lost


# dry runs


async def test_a_dry_run_runs_the_probe_and_gives_back_what_came() -> None:
    async with running(probe=ProbeOptions(interval=3600)) as (worker, _):
        answer = await ask(worker, DRY_RUN_ENDPOINT, "kept")
        assert b"kept" in b"".join(answer.body)
        assert of(worker).probes == 1
        of(worker).ill = True
        with pytest.raises(ExecutorFailed, match="The probe of enc failed: it returned False"):
            await ask(worker, DRY_RUN_ENDPOINT)


async def test_a_dry_run_without_a_probe_asks_the_thread_and_not_the_default_endpoint() -> None:
    async with running(Plain) as (worker, _):
        await ask(worker, DRY_RUN_ENDPOINT)
        assert isinstance(worker, UnaryHandler)
        assert worker.submit(Request(DRY_RUN_ENDPOINT), Context(), None) is None  # type: ignore[arg-type]


async def test_a_dry_run_ends_at_its_deadline_where_the_thread_does_not_answer() -> None:
    async with running(stuck_after=None, probe=ProbeOptions(interval=3600)) as (worker, _):
        held = ask(worker, "/hold")
        task = asyncio.create_task(held)
        await eventually(lambda: worker.silent_for > 0)
        with pytest.raises(DeadlineExceeded, match="enc did not answer its probe within"):
            await ask(worker, DRY_RUN_ENDPOINT, timeout=0.05)
        of(worker).go.set()
        await task


# warm-up


async def test_warm_up_is_over_before_the_worker_is_ready() -> None:
    async with running(warmup={"/do": [{"text": "one"}, Text(text="two")], "/steps": {}}) as (worker, _):
        warm = of(worker).warm
        assert warm[:4] == ["stretch", "run", "one", "two"]
        assert warm[4:] == ["step 0"]
        assert worker.ready


async def test_a_warm_up_that_fails_leaves_nothing_running(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker(
        ExecutorSource(Patient), WorkerOptions(name="enc", warmup={"/raise": {"text": "value"}}, stuck_after=None)
    )
    with pytest.raises(ExecutorFailed, match="ValueError: no") as caught:
        await worker.start()
    assert isinstance(caught.value.__cause__, ValueError)
    assert not [alive for alive in threading.enumerate() if alive.name.startswith("enc-")]
    assert "ValueError" not in caplog.text  # who starts it tells it, once


@pytest.mark.parametrize("options", [{"warmup": {"/nowhere": {}}}, {"probe": {"on": "/nowhere"}}])
def test_endpoints_that_are_not_there_are_told_before_anything_starts(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="names /nowhere, but Patient answers: /do"):
        describe(ExecutorSource(Patient), WorkerOptions(name="enc", **options))


# errors


async def test_an_exception_is_told_with_all_that_is_known_of_it(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as (worker, _):
        error = await error_of(worker, "value")
    assert type(error) is ExecutorFailed
    assert error.message == "enc failed at /raise: ValueError: no"
    assert (error.executor, error.replica, error.request_id) == ("enc", 2, "f" * 32)
    assert (error.cause, error.traceback) == ("ValueError", "")
    assert "raise {" in caplog.text


async def test_in_development_mode_the_caller_sees_the_frames_of_user_code(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(development=True) as (worker, _):
        told = (await error_of(worker, "value")).traceback
        assert "in raise_" in told
        assert "procedure.py" not in told
        assert (await error_of(worker, "document")).traceback == ""
        assert len((await error_of(worker, "long")).traceback) <= 8000
    monkeypatch.setenv("THALWEG_DEVELOPMENT", "1")
    async with running() as (worker, _):
        assert "in raise_" in (await error_of(worker, "value")).traceback


async def test_a_quiet_worker_logs_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async with running(quiet_error=True) as (worker, _):
        await error_of(worker, "value")
    assert f"enc failed at /raise, request {'f' * 32}: ValueError: no" in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "text, code, status, http, cause",
    [
        ("teapot", "teapot", Status.INTERNAL, 418, "Teapot"),
        ("gone", "unavailable", Status.UNAVAILABLE, None, "Unavailable"),
        ("settings", "executor_failed", Status.INTERNAL, None, "ConfigurationError"),
        ("document", "invalid_document", Status.INVALID, None, ""),
        ("full", "overloaded", Status.OVERLOADED, None, ""),
        ("bare", "line\nbreak", Status.INVALID, None, "Bare"),
        ("broken", "executor_failed", Status.INTERNAL, None, "Broken"),
    ],
)
async def test_user_code_chooses_status_and_code(
    text: str, code: str, status: Status, http: int | None, cause: str
) -> None:
    async with running() as (worker, _):
        error = await error_of(worker, text)
    assert (error.code, error.status, error.http, error.cause) == (code, status, http, cause)
    assert (error.executor, error.replica) == ("enc", 2)


async def test_an_exception_whose_text_raises_is_still_told() -> None:
    async with running() as (worker, _):
        error = await error_of(worker, "broken")
    assert error.message == "enc failed at /raise: Broken: (its text cannot be had: RuntimeError)"


async def test_one_exception_object_names_each_request_anew() -> None:
    async with running() as (worker, _):
        await error_of(worker, "once")
        ONCE.request_id = "0" * 32
        assert (await error_of(worker, "once")).request_id == "f" * 32


async def test_a_named_exception_ends_the_worker_after_its_answer() -> None:
    async with running(exit_on_exceptions="ValueError") as (worker, resigned):
        await error_of(worker, "document")
        assert not resigned
        error = await error_of(worker, "value")
        assert error.message == "enc failed at /raise: ValueError: no"
        await eventually(lambda: bool(resigned))
        assert resigned == [("ValueError was raised at /raise: no", False)]
        await error_of(worker, "value")
        assert len(resigned) == 1
