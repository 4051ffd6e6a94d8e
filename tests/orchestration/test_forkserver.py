"""The fork server without any Executor: children that wait for ever, or fail at once."""

import asyncio
import os
import pickle
import signal
from contextlib import asynccontextmanager

import psutil
import pytest

from thalweg.config import GatewayOptions
from thalweg.graph.topology import Topology
from thalweg.orchestration.directory import Directory
from thalweg.orchestration.launchers.forkserver import ForkServer
from thalweg.service.control import Described, Failed, GatewaySpec, Loading, Surroundings, WorkerSpec
from thalweg.service.role import GatewayContent
from thalweg.testing.leaks import eventually, no_leaks


@asynccontextmanager
async def serving():
    """A fork server that is not the shared one, and a child that has loaded and waits."""
    server = ForkServer()
    directory = Directory()
    server.keep(directory.path)
    try:
        yield server
    finally:
        directory.close()
        await server.forget(directory.path)


def idle(**variables):
    content = pickle.dumps(GatewayContent(Topology(()), GatewayOptions()))
    return GatewaySpec("idle", Surroundings.here(variables), [], content)


async def loaded(server, spec):
    process = await server.launch(spec)
    assert isinstance(await process.reports.get(), Loading)
    assert isinstance(await process.reports.get(), Described)
    return process


async def test_nothing_is_left_in_the_parent():
    children = psutil.Process().children()
    async with no_leaks(), serving() as server:
        for _ in range(3):
            process = await loaded(server, idle())
            process.kill()
            await process.exited
    assert psutil.Process().children() == children


async def test_the_server_has_one_thread_and_loads_no_server_library():
    async with serving() as server:
        await loaded(server, idle())
        process = psutil.Process(server.pid)
        assert process.num_threads() == 1
        mapped = " ".join(found.path for found in process.memory_maps())
    assert "numpy" in mapped
    assert "grpc" not in mapped
    assert "httptools" not in mapped


async def test_it_is_out_of_reach_of_ctrl_c_and_terminals():
    async with serving() as server:
        process = await loaded(server, idle())
        pids = [server.pid, await process.pid]
        assert [os.getsid(pid) for pid in pids] == pids
        os.kill(server.pid, signal.SIGINT)
        os.kill(server.pid, signal.SIGTERM)
        os.kill(await process.pid, signal.SIGINT)
        other = await loaded(server, idle())
        assert not process.exited.done()
        assert not other.exited.done()


async def test_a_child_that_fails_reports_once_and_ends():
    async with serving() as server:
        process = await server.launch(WorkerSpec("broken", 0, Surroundings.here(), [], b"no pickle"))
        reports = []
        while (report := await process.reports.get()) is not None:
            reports.append(report)
        assert await process.exited == 1
    assert [type(report) for report in reports] == [Loading, Failed]
    assert "Executor 'broken' could not be loaded" in reports[1].message


async def test_a_killed_child_is_told_with_its_signal():
    async with serving() as server:
        process = await loaded(server, idle())
        process.kill(signal.SIGKILL)
        assert await process.exited == -signal.SIGKILL
        process.kill(signal.SIGKILL)


async def test_a_child_whose_channel_is_closed_ends():
    async with serving() as server:
        process = await loaded(server, idle())
        process.close()
        assert await process.exited == 1


async def test_children_end_with_the_last_directory():
    async with serving() as server:
        process = await loaded(server, idle())
        pid = await process.pid
    await eventually(lambda: not psutil.pid_exists(pid))
    assert server.pid is None


async def test_one_server_serves_several_flows_and_ends_with_the_last():
    async with serving() as server:
        first = server.pid
        other = Directory()
        server.keep(other.path)
        other.close()
        await server.forget(other.path)
        assert server.pid == first
        await loaded(server, idle())


async def test_a_killed_server_is_replaced_by_the_next_launch():
    async with serving() as server:
        process = await loaded(server, idle())
        first = server.pid
        os.kill(first, signal.SIGKILL)
        assert await process.exited == -signal.SIGKILL
        await loaded(server, idle())
        assert server.pid != first


@pytest.mark.parametrize("name, afresh", [("FLAVOUR", False), ("OMP_NUM_THREADS", True), ("PYTHONHASHSEED", True)])
async def test_a_variable_that_is_read_early_gets_an_interpreter_of_its_own(name, afresh):
    async with serving() as server:
        process = await loaded(server, idle(**{name: "3"}))
        found = psutil.Process(await process.pid)
        assert (found.environ().get(name) == "3") == afresh  # a forked child still shows what the server began with
        assert (found.cmdline() != psutil.Process(server.pid).cmdline()) == afresh


async def test_a_hundred_children_at_once():
    async with serving() as server:
        spec = WorkerSpec("broken", 0, Surroundings.here(), [], b"no pickle")
        processes = await asyncio.gather(*(server.launch(spec) for _ in range(100)))
        statuses = await asyncio.gather(*(process.exited for process in processes))
    assert statuses == [1] * 100
