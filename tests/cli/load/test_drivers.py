"""Against servers that misbehave on purpose."""

import asyncio

import pytest

from thalweg.cli.load.drivers import HttpDriver
from thalweg.cli.load.loops import ClosedLoop
from thalweg.errors import Unavailable


async def measured(answer: bytes, requests: int = 20, close_after: int = 0) -> dict[str, int]:
    """What became of requests that were all answered with these bytes; with `close_after` the server hangs up after so many
    on each connection."""

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport
            self.number = 0

        def data_received(self, data: bytes) -> None:
            self.number += 1
            if close_after and self.number > close_after:
                self.transport.close()
            else:
                self.transport.write(answer)
                if b"connection: close" in answer:
                    self.transport.close()

    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    driver = HttpDriver(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "/x", [b"{}"], {}, 2)
    await driver.open()
    async with asyncio.timeout(30):
        found = await ClosedLoop(driver, 2).run(60, requests)
    await driver.close()
    server.close()
    return {**found.failures, "answered": found.latency.count}


async def test_answers_in_one_piece_and_in_chunks_are_understood() -> None:
    assert await measured(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") == {"answered": 20}
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
    assert await measured(chunked) == {"answered": 20}


async def test_a_status_is_a_failure_by_its_number() -> None:
    found = await measured(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")
    assert found == {"status 503": 20, "answered": 0}


async def test_a_connection_that_is_lost_is_a_failure_and_another_takes_its_place() -> None:
    found = await measured(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", close_after=4)
    assert found["connection lost"] >= 2
    assert sum(found.values()) == 20


async def test_a_server_that_closes_each_connection_is_gone_on_with() -> None:
    found = await measured(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}", 10)
    assert found["answered"] == 10


async def test_what_is_no_http_is_a_failure() -> None:
    assert await measured(b"SSH-2.0-OpenSSH\r\n", 6) == {"connection lost": 6, "answered": 0}


async def test_requests_fail_where_the_server_has_gone() -> None:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    driver = HttpDriver(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "/x", [b"{}"], {}, 2)
    await driver.open()
    server.close()
    loading = asyncio.create_task(ClosedLoop(driver, 4).run(60, 8))
    await asyncio.sleep(0)
    for connection in list(driver._all):
        connection._transport.abort()
    async with asyncio.timeout(30):
        found = await loading
    await driver.close()
    assert found.failures["connection lost"] == 2
    assert found.failures["no connection"] == 6


async def test_nobody_there_is_told_at_once() -> None:
    with pytest.raises(Unavailable, match="Nobody answers"):
        await HttpDriver("http://127.0.0.1:1", "/x", [b"{}"], {}, 2).open()
