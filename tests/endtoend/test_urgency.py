"""Who goes first, until when, and whether anybody still waits: from the client to the last Executor of a Flow."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import grpc
import pytest
import pytest_asyncio
from grpc import aio

from tests.endtoend.diarists import Before, Diarist
from tests.endtoend.samples import Text
from thalweg import AsyncClient, Executor, Flow
from thalweg.docs import DocList
from thalweg.errors import DeadlineExceeded, ThalwegError
from thalweg.message.proto.gateway import CALL, SERVICE, CallRequest, CallResponse
from thalweg.orchestration.blueprint import FRONT

TRANSPORTS = ["http", "grpc", "unix"]
PATIENCE = 60.0


class Diary:
    """What the Executor has written down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def lines(self) -> list[str]:
        with suppress(FileNotFoundError):
            return (self.folder / "diary").read_text().splitlines()
        return []

    @property
    def begun(self) -> list[str]:
        return [line.removeprefix("begin ") for line in self.lines if line.startswith("begin ")]

    async def has(self, line: str) -> None:
        await until(lambda: line in self.lines)

    async def near(self, task: "asyncio.Future[Any]", text: str) -> None:
        """Give a request the time to reach the queue: it has come past `Before`, and its last hop takes next to nothing."""
        passed = self.folder / "passed"
        await until(lambda: passed.exists() and text in passed.read_text().splitlines())
        await asyncio.wait([task], timeout=0.3)

    def hold(self) -> None:
        for name in ("go", "diary", "passed"):
            (self.folder / name).unlink(missing_ok=True)

    def let_go(self) -> None:
        (self.folder / "go").touch()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  it happens in another process
            await asyncio.sleep(0.005)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("diary")


def written(kind: type[Executor], folder: Path) -> dict[str, Any]:
    return {"uses": kind, "uses_with": {"folder": str(folder)}}


@pytest.fixture(scope="module")
def flow(folder: Path) -> Iterator[Flow]:
    with Flow(protocol=["http", "grpc"]).add(**written(Before, folder)).add(**written(Diarist, folder)) as flow:
        yield flow


@pytest_asyncio.fixture
async def diary(folder: Path) -> AsyncIterator[Diary]:
    diary = Diary(folder)
    diary.hold()
    yield diary
    diary.let_go()
    await until(lambda: len(diary.lines) == 2 * len(diary.begun))  # also what nobody waits for any more has ended


def address(flow: Flow, transport: str) -> str:
    if transport == "unix":
        assert flow._session is not None
        return flow._session.address(FRONT)
    return flow.addresses[TRANSPORTS.index(transport)]


@pytest_asyncio.fixture(params=TRANSPORTS)
async def client(flow: Flow, request: pytest.FixtureRequest) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(address(flow, request.param)) as client:
        yield client


def ask(
    client: AsyncClient, text: str, on: str = "/do", *, priority: int = 0, share: str = "", timeout: float | None = None
) -> "asyncio.Task[DocList[Text]]":
    return asyncio.create_task(_ask(client, text, on, priority, share, timeout))


async def _ask(
    client: AsyncClient, text: str, on: str, priority: int, share: str, timeout: float | None
) -> DocList[Text]:
    return await client.post(
        on, Text(text=text), return_type=DocList[Text], priority=priority, share=share, timeout=timeout
    )


# who goes first ------------------------------------------------------------------------------------------------------------


async def test_priorities_reach_the_last_executor(client: AsyncClient, diary: Diary) -> None:
    tasks = [ask(client, "first")]
    await diary.has("begin first")
    for text, priority in (("low", -5), ("usual", 0), ("high", 5)):
        tasks.append(ask(client, text, priority=priority))
        await diary.near(tasks[-1], text)
    diary.let_go()
    await asyncio.gather(*tasks)
    assert diary.begun == ["first", "high", "usual", "low"]


async def test_shares_take_turns(client: AsyncClient, diary: Diary) -> None:
    tasks = [ask(client, "first")]
    await diary.has("begin first")
    for text, share in (("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b")):
        tasks.append(ask(client, text, share=share))
        await diary.near(tasks[-1], text)
    diary.let_go()
    await asyncio.gather(*tasks)
    assert diary.begun == ["first", "a1", "b1", "a2", "a3"]


async def test_what_callers_claim_need_not_count(tmp_path: Path) -> None:
    diary = Diary(tmp_path)
    flow = Flow(protocol="http", caller_priority=None, caller_share=False)
    with flow.add(**written(Before, tmp_path)).add(**written(Diarist, tmp_path)):
        async with AsyncClient(flow.addresses[0]) as client:
            tasks = [ask(client, "first")]
            await diary.has("begin first")
            for text, share, priority in (("a", "x", 0), ("b", "x", 0), ("c", "y", 0), ("d", "", 9)):
                tasks.append(ask(client, text, share=share, priority=priority))
                await diary.near(tasks[-1], text)
            diary.let_go()
            await asyncio.gather(*tasks)
    assert diary.begun == ["first", "a", "b", "c", "d"]


@pytest.mark.parametrize("headers", [{"x-priority": "soon"}, {"x-priority": "11"}, {"x-share": "x" * 200}])
async def test_garbage_is_refused_over_http(flow: Flow, headers: dict[str, str]) -> None:
    async with aiohttp.ClientSession() as session:
        answer = await session.post(f"{address(flow, 'http')}/do", json={"data": [{"text": "x"}]}, headers=headers)
        assert answer.status == 400
        assert (await answer.json())["code"] == "malformed_request"


async def call_grpc(
    flow: Flow, text: str, timeout: float | None = None, metadata: Mapping[str, str] | None = None
) -> grpc.StatusCode:
    async with aio.insecure_channel(urlsplit(address(flow, "grpc")).netloc) as channel:
        method = channel.unary_stream(
            f"/{SERVICE}/{CALL}",
            request_serializer=CallRequest.SerializeToString,
            response_deserializer=CallResponse.FromString,
        )
        message = CallRequest(endpoint="/do")
        message.data.add().update({"text": text})
        call = method(message, timeout=timeout, metadata=tuple((metadata or {}).items()))
        with suppress(aio.AioRpcError):
            async for _ in call:
                pass
        return await call.code()


@pytest.mark.parametrize("metadata", [{"x-priority": "soon"}, {"x-priority": "-11"}, {"x-share": "x" * 200}])
async def test_garbage_is_refused_over_grpc(flow: Flow, metadata: dict[str, str]) -> None:
    assert await call_grpc(flow, "x", metadata=metadata) is grpc.StatusCode.INVALID_ARGUMENT


async def test_any_grpc_client_can_say_its_priority(flow: Flow, diary: Diary) -> None:
    calls = [asyncio.ensure_future(call_grpc(flow, "first"))]
    await diary.has("begin first")
    for text, priority in (("low", "-1"), ("high", "1")):
        calls.append(asyncio.ensure_future(call_grpc(flow, text, metadata={"x-priority": priority})))
        await diary.near(calls[-1], text)
    diary.let_go()
    assert await asyncio.gather(*calls) == [grpc.StatusCode.OK] * 3
    assert diary.begun == ["first", "high", "low"]


# until when ----------------------------------------------------------------------------------------------------------------


async def test_the_last_executor_knows_the_deadline(client: AsyncClient, diary: Diary) -> None:
    diary.let_go()
    (answer,) = await ask(client, "x", timeout=PATIENCE)
    assert 0 < float(answer.text) < PATIENCE
    (answer,) = await ask(client, "x")
    assert answer.text == "for ever"


@pytest.mark.parametrize("header", ["x-request-timeout", "thalweg-timeout"])
async def test_any_http_client_can_say_how_long_it_waits(flow: Flow, diary: Diary, header: str) -> None:
    async with aiohttp.ClientSession() as session:
        url, body = f"{address(flow, 'http')}/do", {"data": [{"text": "x"}]}
        answer = await session.post(url, json=body, headers={header: "0.05"})
        assert answer.status == 504
        answer = await session.post(url, json=body, headers={header: "soon"})
        assert answer.status == 400
        diary.let_go()
        answer = await session.post(url, json=body, headers={header: str(PATIENCE)})
        assert 0 < float((await answer.json())["data"][0]["text"]) < PATIENCE


async def test_any_grpc_client_can_say_how_long_it_waits(flow: Flow, diary: Diary) -> None:
    assert await call_grpc(flow, "x", timeout=0.1) is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_work_whose_time_is_up_never_begins(client: AsyncClient, diary: Diary) -> None:
    first = ask(client, "first")
    await diary.has("begin first")
    with pytest.raises(DeadlineExceeded):
        await ask(client, "late", timeout=0.1)
    last = ask(client, "last")
    await diary.near(last, "last")
    diary.let_go()
    await asyncio.gather(first, last)
    assert diary.begun == ["first", "last"]


async def test_asynchronous_work_is_cancelled_when_its_time_is_up(client: AsyncClient, diary: Diary) -> None:
    with pytest.raises(DeadlineExceeded):
        await ask(client, "late", on="/later", timeout=0.3)
    await until(lambda: not diary.begun or "cancelled late" in diary.lines)
    assert "end late" not in diary.lines


# whether anybody still waits -----------------------------------------------------------------------------------------------


async def test_what_a_caller_calls_off_is_cancelled(client: AsyncClient, diary: Diary) -> None:
    task = ask(client, "gone", on="/later")
    await diary.has("begin gone")
    task.cancel()
    await diary.has("cancelled gone")


async def test_what_a_caller_calls_off_while_it_waits_never_begins(client: AsyncClient, diary: Diary) -> None:
    first = ask(client, "first")
    await diary.has("begin first")
    gone = ask(client, "gone")
    await diary.near(gone, "gone")
    gone.cancel()
    await asyncio.wait([gone])
    last = ask(client, "last")
    await diary.near(last, "last")
    diary.let_go()
    await asyncio.gather(first, last)
    assert diary.begun == ["first", "last"]


@pytest.mark.parametrize(
    "head", [b"", b"Accept-Language: en\r\nX-Priority: 1\r\n", b"Expect-CT: x\r\nConnection: close\r\n"]
)
async def test_a_connection_that_breaks_cancels_its_request(flow: Flow, diary: Diary, head: bytes) -> None:
    place = urlsplit(address(flow, "http"))
    body = b'{"data":[{"text":"gone"}]}'
    _, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(
        b"POST /later HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n%b"
        % (len(body), head, body)
    )
    await diary.has("begin gone")
    writer.close()
    await diary.has("cancelled gone")


async def test_a_client_that_closes_cancels_its_requests(flow: Flow, diary: Diary) -> None:
    for transport in TRANSPORTS:
        async with AsyncClient(address(flow, transport)) as client:
            task = ask(client, transport, on="/later")
            await diary.has(f"begin {transport}")
        await diary.has(f"cancelled {transport}")
        with pytest.raises(ThalwegError):
            await task
