"""What a Flow does to the process that holds it, and with Executors that do not end."""

import gc
import os
import time

import psutil

from tests.endtoend.samples import Text, Upper
from thalweg import Executor, Flow, requests
from thalweg.docs import DocList
from thalweg.orchestration import member
from thalweg.testing.leaks import descriptors


def test_nothing_is_left_in_the_parent():
    children = psutil.Process().children()
    with Flow().add(uses=Upper) as flow:
        assert flow.is_ready()
    gc.collect()  # what tests before this one have left must not go away meanwhile
    before = descriptors()
    threads = psutil.Process().num_threads()
    for _ in range(2):
        with Flow(protocol=["http", "grpc"]).add(uses=Upper) as flow:
            assert flow.post("/do", Text(text="a"), return_type=Text).text == "A"
    assert descriptors() == before
    assert psutil.Process().num_threads() == threads
    assert psutil.Process().children() == children


class Endless(Executor):
    """Cannot be closed."""

    @requests(on="/do")
    def do(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        return docs

    def close(self):
        time.sleep(3600)


def test_an_executor_that_cannot_be_closed_is_killed(monkeypatch, caplog):
    monkeypatch.setattr(member, "CLOSE_SECONDS", 0.3)
    with Flow(drain_seconds=0.1).add(uses=Endless, name="endless") as flow:
        pid = flow.pids["endless/0"]
    assert not psutil.pid_exists(pid)
    assert "endless/0: it did not end within 0.4 seconds and is killed" in caplog.text


class Curious(Executor):
    @requests(on="/files")
    def files(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        return DocList[Text]([Text(text=target) for _, target in sorted(descriptors().items())])


def test_a_worker_has_no_descriptor_that_is_not_its_own(tmp_path):
    with open(tmp_path / "secret", "w") as file:
        os.set_inheritable(file.fileno(), True)
        with Flow().add(uses=Curious) as flow:
            found = flow.post("/files", Text(text=""), return_type=DocList[Text]).text
    assert not any("secret" in target for target in found)
    assert found[0] == "/dev/null"
    assert sum(target.startswith("pipe") or target.startswith("socket") for target in found) < 16
