"""What only the gRPC server and channel do. The rest is conformance."""

import asyncio
import os
import socket
import subprocess
import sys

import pytest
from grpc import aio

from thalweg.config import Limits
from thalweg.errors import Unavailable
from thalweg.message import Context, Request
from thalweg.testing.conformance.pressure import Holding
from thalweg.testing.conformance.subject import ONE, Answering, Settings, content, echo, only
from thalweg.transport.grpc import channel, server

IPV6 = os.path.exists("/proc/net/if_inet6")
SERVING = Settings().serving(Answering(echo))


async def test_port_zero_becomes_the_real_port() -> None:
    served = server("grpc://127.0.0.1:0", SERVING)
    await served.start()
    port = int(served.address.rpartition(":")[2])
    assert port > 0
    socket.create_connection(("127.0.0.1", port)).close()
    await served.stop()


async def test_a_port_of_another_process_is_an_os_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        served = server(f"grpc://127.0.0.1:{taken.getsockname()[1]}", SERVING)
        with pytest.raises(OSError, match="cannot listen at grpc://127"):
            await served.start()
        await served.stop()


async def test_an_ipv6_address_is_served_and_found() -> None:
    if not IPV6:
        pytest.skip("this machine has no IPv6")
    served = server("grpc://[::1]:0", SERVING)
    await served.start()
    near = channel(served.address, Limits())
    await near.connect()
    assert content(await only(near, Request(ONE, (b"[]",)))) == [b"[]"]
    await near.close()
    await served.stop()


async def test_something_that_is_no_grpc_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thalweg.transport.grpc.client.CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        far = channel(f"grpc://127.0.0.1:{deaf.getsockname()[1]}", Limits())
        with pytest.raises(Unavailable, match="Nobody answers at grpc://127"):
            await far.connect()
        await far.close()


async def test_another_grpc_server_is_unavailable_and_says_why() -> None:
    other = aio.server()
    port = other.add_insecure_port("127.0.0.1:0")
    await other.start()
    far = channel(f"grpc://127.0.0.1:{port}", Limits())
    with pytest.raises(Unavailable, match="neither Thalweg nor Jina"):
        await far.connect()
    await other.stop(None)


async def test_a_proxy_in_the_environment_is_not_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    served = server("grpc://127.0.0.1:0", SERVING)
    await served.start()
    near = channel(served.address, Limits())
    await near.connect()
    await near.close()
    await served.stop()


async def test_connecting_twice_at_once_is_one_connection() -> None:
    served = server("grpc://127.0.0.1:0", SERVING)
    await served.start()
    near = channel(served.address, Limits())
    await asyncio.gather(*(near.connect() for _ in range(5)))
    answers = await asyncio.gather(*(only(near, Request(ONE, (b"[%d]" % n,)), Context()) for n in range(5)))
    assert [content(answer) for answer in answers] == [[b"[%d]" % n] for n in range(5)]
    await near.close()
    await served.stop()


async def test_a_server_that_drains_takes_no_connection() -> None:
    holding = Holding()
    served = server("grpc://127.0.0.1:0", Settings().serving(holding))
    await served.start()
    near, late = channel(served.address, Limits()), channel(served.address, Limits())
    await near.connect()
    held = asyncio.create_task(only(near, Request(ONE, (b"[]",))))
    await holding.started.acquire()
    stopping = asyncio.create_task(served.stop(10))
    await near.closed()
    with pytest.raises(Unavailable, match="shutting down"):
        await late.connect()
    holding.release.set()
    assert content(await held) == [b"[]"]
    await stopping
    await near.close()


PROGRAM = """
import asyncio
from thalweg.config import Limits
from thalweg.testing.conformance.subject import Answering, Settings, echo
from thalweg.transport.grpc import channel, server

async def main():
    served = server("grpc://127.0.0.1:0", Settings().serving(Answering(echo)))
    await served.start()
    near = channel(served.address, Limits())
    await near.connect()
    await served.stop()
    await near.closed()
    await near.close()

asyncio.run(main())
"""


def test_a_stop_prints_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=250, check=True)
    assert (done.stdout, done.stderr) == ("", "")
