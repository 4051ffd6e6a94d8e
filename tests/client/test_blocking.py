import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tests.client.conftest import Service
from thalweg import Client
from thalweg.client.portal import Portal
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ExecutorFailed
from thalweg.testing.leaks import eventually
from thalweg.transport.contract import Server


class Number(BaseDoc):
    n: int


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.address) as made:
        yield made


def test_a_call_waits_for_its_answer(client: Client):
    out = client.post("/echo", DocList[Number]([Number(n=n) for n in range(5)]), request_size=2, return_type=Number)
    assert out.n == [0, 1, 2, 3, 4]
    assert client.is_ready()


def test_a_generator_runs_in_the_thread_that_called(client: Client):
    threads = set()

    def numbers() -> Iterator[Number]:
        for n in range(200):
            threads.add(threading.get_ident())
            yield Number(n=n)

    assert client.post("/echo", numbers(), request_size=7, return_type=Number).n == list(range(200))
    assert threads == {threading.get_ident()}


def test_a_generator_may_call_the_same_client(client: Client):
    def numbers() -> Iterator[Number]:
        for n in range(3):
            yield client.post("/echo", Number(n=n), return_type=Number)

    assert client.post("/echo", numbers(), return_type=Number).n == [0, 1, 2]


def test_a_generator_is_read_no_further_than_is_needed(server: Server):
    read = []

    def numbers() -> Iterator[Number]:
        for n in range(100_000):
            read.append(n)
            yield Number(n=n)

    with Client(server.address, prefetch=2) as client:
        stream = client.stream("/echo", numbers(), request_size=10, return_type=Number)
        assert [next(stream).n for _ in range(50)] == list(range(50))
        stream.close()  # type: ignore[attr-defined]
    assert len(read) < 1000


def test_an_error_in_a_generator_comes_out_unchanged(client: Client, service: Service):
    def numbers() -> Iterator[Number]:
        yield Number(n=0)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        client.post("/echo", numbers())
    with pytest.raises(KeyError, match="mine"):
        list(client.stream("/echo", numbers()))


def test_an_interrupt_in_a_generator_ends_the_call(client: Client):
    def numbers() -> Iterator[Number]:
        yield Number(n=0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.post("/echo", numbers())
    assert client.post("/echo", Number(n=1), return_type=Number).n == 1


def test_items_of_a_stream_come_one_by_one(client: Client):
    assert [d.n for d in client.stream("/stream", Number(n=7), return_type=Number)] == [7, 7, 7]


def test_errors_are_those_of_the_server(client: Client):
    with pytest.raises(ExecutorFailed, match="it broke"):
        client.post("/fail", Number(n=5))
    with pytest.raises(ExecutorFailed, match="it broke"):
        list(client.stream("/fail", iter([Number(n=5)])))


def test_one_client_serves_many_threads(client: Client):
    def work(thread: int) -> bool:
        return all(
            client.post("/echo", Number(n=thread * 1000 + n), return_type=Number).n == thread * 1000 + n
            for n in range(20)
        )

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(work, range(20)))


def test_waiting_on_the_loops_own_thread_is_refused(client: Client):
    async def blocks() -> None:
        client.post("/echo")

    with pytest.raises(RuntimeError, match="asynchronous client"):
        Portal.shared().run(blocks())


def test_a_client_that_is_dropped_closes_its_connection(server: Server, service: Service):
    client = Client(server.address)
    client.post("/echo", Number(n=1))
    before = open_sockets()
    del client
    gc.collect()
    wait_until(lambda: open_sockets() < before)


def test_a_client_left_open_says_nothing_at_the_end():
    script = """
import asyncio, http.server, threading
from thalweg import Client
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = Client(f"http://127.0.0.1:{server.server_port}")
try:
    client.post("/echo")
except Exception as error:
    print(type(error).__name__)
"""
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script], capture_output=True, text=True, timeout=250, check=False
    )
    assert "Unclosed" not in ended.stderr
    assert ended.returncode == 0, ended.stderr


def open_sockets() -> int:
    return len(psutil.Process().net_connections("unix"))


def wait_until(condition: Callable[[], bool]) -> None:
    Portal.shared().run(eventually(condition))
