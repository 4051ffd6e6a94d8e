"""What a client makes of servers that are not Thalweg's: proxies that fail, answers that end too early, and noise."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from thalweg import AsyncClient, Client
from thalweg.docs import BaseDoc
from thalweg.errors import (
    DeadlineExceeded,
    InternalError,
    Overloaded,
    PeerLost,
    PermissionDenied,
    ThalwegError,
    Unauthenticated,
    Unavailable,
)

HTML = b"<html><body><h1>Sorry</h1></body></html>"

Reply = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Number(BaseDoc):
    n: int


@asynccontextmanager
async def listening(reply: Reply) -> AsyncIterator[int]:
    """The port of a server that gives `reply` to whoever connects."""
    tasks: set[asyncio.Task[None]] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await reply(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def http(answer: bytes) -> Reply:
    """A server that answers every request with the same bytes, and hangs up."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return reply


def page(status: int, body: bytes = HTML, *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} x", "content-type: text/html", f"content-length: {length or len(body)}", *headers]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode() + body


async def failure(reply: Reply, protocol: str = "http", timeout: float = 20) -> ThalwegError:
    async with listening(reply) as port, AsyncClient(f"{protocol}://127.0.0.1:{port}") as client:
        with pytest.raises(ThalwegError) as caught:
            await client.post("/echo", Number(n=1), timeout=timeout)
        told = []
        await client.post("/echo", Number(n=1), on_error=told.append, timeout=timeout)
        assert isinstance(told[0].error, type(caught.value))
        return caught.value


@pytest.mark.parametrize(
    "status, kind",
    [
        (401, Unauthenticated),
        (403, PermissionDenied),
        (429, Overloaded),
        (502, Unavailable),
        (503, Unavailable),
        (504, DeadlineExceeded),
    ],
)
async def test_a_proxy_that_fails_is_an_error_of_its_kind(status: int, kind: type[ThalwegError]):
    error = await failure(http(page(status, HTML, "retry-after: 3")))
    assert type(error) is kind
    assert str(status) in str(error)
    assert "Sorry" in str(error)
    if status in (429, 503):
        assert error.retry_after == 3


@pytest.mark.parametrize(
    "answer", [page(200, HTML), page(302, b"", "location: http://127.0.0.1:1/")], ids=["page", "redirect"]
)
async def test_an_answer_of_another_kind_is_an_error(answer: bytes):
    error = await failure(http(answer))
    assert not error.retryable


@pytest.mark.parametrize(
    "answer",
    [
        page(200, b'{"data": [', length=500).replace(b"text/html", b"application/json"),
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{",
        b"HTTP/1.1 200 OK\r\ncontent-ty",
        b"",
    ],
    ids=["length", "chunk", "head", "nothing"],
)
async def test_an_answer_that_ends_too_early_is_a_lost_peer(answer: bytes):
    assert isinstance(await failure(http(answer)), PeerLost)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
async def test_noise_is_an_error_and_no_hang(protocol: str):
    async def noise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\xff" * 500)
        await writer.drain()
        await reader.read(100)

    assert isinstance(await failure(noise, protocol), (Unavailable, InternalError))


@pytest.mark.parametrize("protocol", ["http", "grpc"])
async def test_a_server_that_says_nothing_is_waited_for_until_the_deadline(protocol: str):
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            continue

    began = monotonic()
    assert isinstance(await failure(silence, protocol, timeout=0.3), DeadlineExceeded)
    assert monotonic() - began < 8


async def test_a_proxy_that_recovers_is_tried_again():
    answers = [page(502), page(503), b""]
    good = b'{"data": [{"n": 5}]}'
    answers.append(page(200, good).replace(b"text/html", b"application/json"))

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop(0))
        await writer.drain()

    async with listening(reply) as port, AsyncClient(f"http://127.0.0.1:{port}") as client:
        out = await client.post("/echo", Number(n=1), return_type=Number, max_attempts=5, initial_backoff=0.01)
    assert out.n == 5
    assert answers == []


async def test_a_proxy_of_the_environment_is_used_where_that_is_wanted(monkeypatch: pytest.MonkeyPatch):
    seen = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        good = b'{"data": [{"n": 5}]}'
        writer.write(page(200, good).replace(b"text/html", b"application/json"))
        await writer.drain()

    async with listening(proxy) as port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "")
        async with AsyncClient("http://encoder.invalid:81", proxy=True) as client:
            assert (await client.post("/echo", Number(n=1), return_type=Number)).n == 5
    assert seen[-1] == b"POST http://encoder.invalid:81/echo HTTP/1.1"


def test_errors_reach_threads_that_wait():
    """All calls of a process share one loop: a server that hangs up on one thread's request leaves the others alone."""
    found: list[type[BaseException]] = []

    def call() -> None:
        with Client("grpc://127.0.0.1:1") as client:
            try:
                client.post("/echo", Number(n=1))
            except Unavailable as error:
                found.append(type(error))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [Unavailable] * 8
