"""Where a client may be used: in threads, tasks, notebooks, forked children, and on which loop."""

import asyncio
import os
import select
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.client.conftest import Service
from thalweg import AsyncClient, Client
from thalweg.client.portal import Portal
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ConfigurationError
from thalweg.transport.contract import Server


class Number(BaseDoc):
    n: int


def test_threads_are_under_way_at_once(everywhere: str, service: Service):
    with Client(everywhere) as client, ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(client.post, "/hold", Number(n=n), return_type=Number) for n in range(4)]
        while service.under_way < 4:
            assert not any(call.done() for call in calls)
        Portal.shared().loop.call_soon_threadsafe(service.release.set)
        assert sorted(call.result().n for call in calls) == [0, 1, 2, 3]


def test_many_threads_get_their_own_answers(everywhere: str):
    with Client(everywhere) as client:

        def work(thread: int) -> bool:
            sent = [Number(n=thread * 100 + n) for n in range(20)]
            return client.post("/echo", iter(sent), return_type=DocList[Number], request_size=3).n == [
                d.n for d in sent
            ]

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(8)))


async def test_a_blocking_call_works_inside_of_a_running_loop(everywhere: str):
    with Client(everywhere) as client:
        assert client.post("/echo", Number(n=1), return_type=Number).n == 1
        assert client.post("/echo", (Number(n=n) for n in range(3)), return_type=Number).n == [0, 1, 2]
        assert [one.n for one in client.stream("/stream", Number(n=2), return_type=Number)] == [2, 2, 2]


LOOPS = """
import asyncio, sys
from thalweg import AsyncClient

client = AsyncClient(sys.argv[1])

async def call(n):
    return (await client.post("/echo", {"n": n}))[0].n

print([asyncio.run(call(n)) for n in range(3)])
"""


def test_an_asynchronous_client_serves_one_loop_after_the_other(server: Server):
    done = subprocess.run(
        [sys.executable, "-c", LOOPS, server.address], capture_output=True, text=True, timeout=250, check=False
    )
    assert done.stdout == "[0, 1, 2]\n", done.stderr


async def test_an_asynchronous_client_serves_one_loop_at_a_time(server: Server):
    async with AsyncClient(server.address) as client:
        await client.post("/echo")

        async def elsewhere() -> None:
            with pytest.raises(ConfigurationError, match="another event loop"):
                await client.post("/echo")

        await asyncio.to_thread(asyncio.run, elsewhere())


async def test_a_closed_client_says_so(server: Server):
    client = AsyncClient(server.address)
    await client.post("/echo")
    await client.close()
    await client.close()
    with pytest.raises(ConfigurationError, match="closed"):
        await client.post("/echo")
    assert not await client.is_ready()
    blocking = Client(server.address)
    blocking.close()
    blocking.close()
    with pytest.raises(ConfigurationError, match="closed"):
        blocking.post("/echo")


FORKS = """
import os, sys
from thalweg import Client
from thalweg.docs import BaseDoc

class Number(BaseDoc):
    n: int

with Client(sys.argv[1]) as client:
    assert client.post("/echo", Number(n=1), return_type=Number).n == 1
    child = os.fork()
    if not child:
        try:
            ok = client.post("/echo", Number(n=2), return_type=Number).n == 2 and client.is_ready()
        except Exception as error:
            print(error, file=sys.stderr, flush=True)
            ok = False
        client.close()
        os._exit(0 if ok else 1)
    _, status = os.waitpid(child, 0)
    assert client.post("/echo", Number(n=3), return_type=Number).n == 3
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.parametrize("everywhere", ["unix", "http"], indirect=True)
def test_a_client_works_in_a_child_that_was_forked(everywhere: str):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS, everywhere],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr


REFUSES = """
import os, sys
from thalweg import Client
from thalweg.errors import ConfigurationError

client = Client("grpc://127.0.0.1:1")
child = os.fork()
if not child:
    for call in (lambda: client.post("/echo"), lambda: Client("grpc://127.0.0.1:1")):
        try:
            call()
        except ConfigurationError as error:
            print(error, flush=True)
    client.close()
    os._exit(0)
os.waitpid(child, 0)
"""


def test_over_grpc_a_client_refuses_to_work_in_a_child_that_was_forked():
    # Before gRPC has threads: with them, a fork alone may crash the child, whatever it does.
    command = [sys.executable, "-W", "ignore", "-c", REFUSES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.stdout.count("gRPC does not work in a process that was forked") == 2, done.stderr


def test_a_progress_bar_is_drawn_on_a_terminal_only(server: Server, tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from thalweg import Client\n"
        "with Client(sys.argv[1]) as client:\n"
        "    client.post('/echo', [{'n': n} for n in range(25)], request_size=5, show_progress=True)\n"
        "    client.post('/echo', ({'n': n} for n in range(25)), request_size=5, show_progress=True)\n"
    )
    command = [sys.executable, str(script), server.address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert "25/25" in on_a_terminal(command)


def on_a_terminal(command: list[str]) -> str:
    """What `command` shows there."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(command, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"})
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            shown += os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
    os.close(ours)
    assert process.wait(60) == 0
    return shown.decode()


def test_calls_of_all_clients_share_one_thread(server: Server):
    clients = [Client(server.address) for _ in range(5)]
    for client in clients:
        client.post("/echo")
    assert sum(thread.name == "thalweg-portal" for thread in threading.enumerate()) == 1
    for client in clients:
        client.close()
