"""kill -9 of anything: nothing is lost that was acknowledged, nothing is left behind, and what can recover does."""

import os
import signal
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.endtoend.samples import Once, Slow, Text, Upper
from tests.endtoend.scripts import eventually
from thalweg import Flow
from thalweg.docs import DocList
from thalweg.orchestration.launchers.forkserver import ForkServer

ROOT = str(Path(__file__).parents[2])
SERVING = """
import os, sys, threading
from thalweg import Flow
from thalweg.orchestration.launchers.forkserver import ForkServer
flow = Flow(protocol=["grpc", "http"])
flow.add(uses="tests.endtoend.samples:Slow", replicas=2).add(uses="tests.endtoend.samples:Upper").start()
print("forkserver", ForkServer.shared().pid)
for name, pid in flow.pids.items():
    print("process", name, pid)
print("serving")
threading.Event().wait()
"""


@pytest.fixture
def serving(run):
    script = run(f"import sys; sys.path.insert(0, {ROOT!r})\n{SERVING}")
    script.forkserver = int(script.line("forkserver"))
    script.pids = {}
    while (line := script.line()) != "serving":
        _, name, pid = line.split()
        script.pids[name] = int(pid)
    return script


def test_nothing_is_left_of_a_killed_parent(serving):
    assert len(serving.pids) == 4
    assert os.listdir(serving.temporary)
    serving.signal(signal.SIGKILL)
    serving.process.wait()
    serving.nothing_is_left()


def test_nothing_is_left_when_parent_and_fork_server_are_killed_but_a_stale_directory(serving):
    os.kill(serving.forkserver, signal.SIGSTOP)  # so that it cannot clean up before it is killed
    serving.signal(signal.SIGKILL)
    os.kill(serving.forkserver, signal.SIGKILL)
    serving.process.wait()
    eventually(lambda: not serving.processes())
    assert len(os.listdir(serving.temporary)) == 1


def test_a_killed_fork_server_takes_its_children_with_it_and_all_are_started_again(serving):
    os.kill(serving.forkserver, signal.SIGKILL)
    eventually(lambda: not any(map(psutil.pid_exists, serving.pids.values())))
    eventually(lambda: len(serving.processes()) == 6)
    serving.signal(signal.SIGTERM)
    serving.process.wait()
    serving.nothing_is_left()


PARENTS = """
import threading
from thalweg import Flow
from thalweg.orchestration.launchers.forkserver import ForkServer
flow = Flow().add(uses="tests.endtoend.toilers:Parent", name="parent").start()
print("pids", ForkServer.shared().pid, flow.pids["gateway"], flow.pids["parent/0"])
threading.Event().wait()
"""


def started_programs(script):
    return [found for found in script.processes() if found.name() == "sleep"]


@pytest.mark.parametrize("victim", ["script", "forkserver", "gateway", "worker", "everybody"])
def test_programs_that_user_code_has_started_end_with_their_worker_daemons_too(run, victim):
    script = run(f"import sys; sys.path.insert(0, {ROOT!r})\n{PARENTS}")
    forkserver, gateway, worker = map(int, script.line("pids").split())
    eventually(lambda: len(started_programs(script)) == 3)
    before = started_programs(script)
    pids = {"script": script.process.pid, "forkserver": forkserver, "gateway": gateway, "worker": worker}
    if victim == "everybody":
        for found in script.processes():
            found.send_signal(signal.SIGKILL)
    else:
        os.kill(pids[victim], signal.SIGKILL)
    if victim in ("script", "everybody"):
        script.process.wait()
        eventually(lambda: not script.processes())
        return
    if victim == "gateway":
        assert all(found.is_running() for found in before)
    else:
        eventually(lambda: not any(found.is_running() for found in before))
        eventually(lambda: len(started_programs(script)) == 3)
    script.signal(signal.SIGTERM)
    script.process.wait()
    script.nothing_is_left()


def test_a_program_that_is_killed_is_none_of_ours(run):
    script = run(f"import sys; sys.path.insert(0, {ROOT!r})\n{PARENTS}")
    worker = int(script.line("pids").split()[2])
    eventually(lambda: len(started_programs(script)) == 3)
    started_programs(script)[0].kill()
    eventually(lambda: len(started_programs(script)) == 2)
    assert psutil.pid_exists(worker)
    script.signal(signal.SIGTERM)
    script.process.wait()
    script.nothing_is_left()


class Load:
    """Calls without end from several threads."""

    def __init__(self, flow, threads=4):
        self._flow = flow
        self._end = threading.Event()
        self._pool = ThreadPoolExecutor(threads)
        self.answered = 0
        self._calls = [self._pool.submit(self._call) for _ in range(threads)]

    def _call(self):
        while not self._end.is_set():
            sent = DocList[Text]([Text(text="a")])
            assert self._flow.post("/do", sent, return_type=DocList[Text])[0].id == sent[0].id
            self.answered += 1

    def more(self, count=50):
        enough = self.answered + count
        eventually(lambda: self.answered >= enough or any(call.done() for call in self._calls))

    def end(self):
        self._end.set()
        for call in self._calls:
            call.result()
        self._pool.shutdown()


@pytest.fixture(scope="module")
def flow():
    with Flow(protocol="http").add(uses=Slow, name="slow", replicas=2) as flow:
        yield flow


def killed(flow, name):
    pid = flow.pids[name]
    os.kill(pid, signal.SIGKILL)
    return pid


def test_a_killed_worker_loses_no_request_and_comes_back(flow):
    load = Load(flow)
    load.more()
    old = killed(flow, "slow/0")
    load.more()
    eventually(lambda: flow.pids.get("slow/0") not in (None, old))
    load.more()
    load.end()


def test_all_workers_killed_at_once_come_back_while_requests_wait(flow):
    load = Load(flow)
    load.more()
    for name in ("slow/0", "slow/1"):
        killed(flow, name)
    load.more()
    load.end()


def test_a_killed_gateway_comes_back_on_its_port(flow):
    addresses = flow.addresses
    old = killed(flow, "gateway")
    eventually(lambda: flow.pids.get("gateway") not in (None, old))
    eventually(flow.is_ready)
    assert flow.addresses == addresses
    assert flow.post("/do", Text(text="a"), return_type=Text).text == "a"


def test_a_killed_fork_server_is_replaced(flow):
    old = flow.pids
    os.kill(ForkServer.shared().pid, signal.SIGKILL)
    eventually(lambda: len(flow.pids) == 3 and not set(flow.pids.values()) & set(old.values()))
    eventually(flow.is_ready)
    assert flow.post("/do", Text(text="a"), return_type=Text).text == "a"


def test_a_worker_that_fails_to_start_again_is_tried_until_it_can(tmp_path, caplog):
    marker = tmp_path / "marker"
    with Flow().add(uses=Once, name="once", uses_with={"marker": str(marker)}) as flow:
        marker.touch()
        killed(flow, "once/0")
        eventually(lambda: "not again" in caplog.text)
        marker.unlink()
        eventually(flow.is_ready)
        assert flow.post("/do", Text(text="a"), return_type=Text).text == "a"
    assert "killed by SIGKILL" in caplog.text


def test_closing_while_a_worker_waits_to_be_started_again_takes_no_time(tmp_path):
    marker = tmp_path / "marker"
    with Flow().add(uses=Once, name="once", uses_with={"marker": str(marker)}) as flow:
        marker.touch()
        killed(flow, "once/0")
        eventually(lambda: "once/0" not in flow.pids)


def test_a_stale_directory_is_swept_at_the_next_start(tmp_path):
    path = tempfile.mkdtemp(prefix="thalweg-")
    open(os.path.join(path, "lock"), "w").close()
    os.utime(path, (0, 0))
    with Flow().add(uses=Upper):
        assert not os.path.exists(path)
