"""Our client, and a Flow of ours, call what Jina serves."""

import numpy as np
import pytest
from pydantic import Field

from tests.jina.conftest import Start, free_ports
from tests.jina.service import Encoder
from thalweg import Client, Executor, Flow, requests
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.typing import NdArray
from thalweg.errors import ExecutorFailed, SchemaMismatch, StartupFailed


class Text(BaseDoc):
    """As Jina's Executor has it."""

    text: str = ""
    vector: NdArray | None = None
    tags: list[str] = Field(default_factory=list)


@pytest.fixture(scope="module")
def executor(start: Start) -> int:
    (port,) = free_ports(1)
    start("serve", "executor", port)
    return port


@pytest.fixture(scope="module")
def flow(start: Start) -> dict[str, str]:
    ports = free_ports(2)
    start("serve", "flow", *ports)
    return {"grpc": f"grpc://127.0.0.1:{ports[0]}", "http": f"http://127.0.0.1:{ports[1]}"}


def check(client: Client) -> None:
    sent = DocList[Text]([Text(text="a" * size) for size in range(25)])
    got = client.post("/encode", sent, parameters={"n": 5}, request_size=10, return_type=DocList[Text])
    assert [doc.id for doc in got] == [doc.id for doc in sent]
    assert [np.asarray(doc.vector).tolist() for doc in got[:3]] == [[0.0] * 3, [1.0] * 3, [2.0] * 3]
    assert got[0].tags == ["n=5.0"]  # Jina's Executors see every number as a float


def check_over_grpc(client: Client) -> None:
    assert client.is_ready()
    check(client)
    got = client.post("/encode", Text(text="x"), return_type=Text)
    assert np.asarray(got.vector).dtype == np.float32
    with pytest.raises(ExecutorFailed, match="boom") as caught:
        client.post("/fail", Text())
    assert caught.value.cause == "ValueError"
    assert caught.value.executor == "Encoder"
    assert caught.value.request_id
    letters = client.stream("/letters", Text(text="abc"), return_type=Text)
    assert [doc.text for doc in letters] == ["a", "b", "c"]


def test_an_executor_answers_over_grpc(executor: int) -> None:
    with Client(host=f"grpc://127.0.0.1:{executor}") as client:
        check_over_grpc(client)


def test_a_flow_answers_over_grpc(flow: dict[str, str]) -> None:
    with Client(host=flow["grpc"]) as client:
        check_over_grpc(client)


def test_an_executor_stands_in_a_flow_of_ours(executor: int) -> None:
    with Flow().add(external=True, host="127.0.0.1", port=executor, name="theirs") as served:
        check_over_grpc(served.client)
        with pytest.raises(ExecutorFailed, match="boom"):
            served.post("/fail", Text())


def test_executors_of_both_stand_one_after_the_other(executor: int) -> None:
    there = f"grpc://127.0.0.1:{executor}"
    with Flow().add(uses=Encoder, name="ours").add(external=True, host=there, name="theirs") as served:
        got = served.post("/encode", Text(text="abc"), parameters={"ours__k": 1, "theirs__k": 2}, return_type=Text)
        assert np.asarray(got.vector).tolist() == [3.0] * 3
        assert got.tags == ["k=2.0"]


def test_an_executor_that_cannot_feed_the_next_one_is_found_at_the_start(executor: int) -> None:
    class Other(BaseDoc):
        text: list[int]

    class Next(Executor):
        @requests(on="/encode")
        def encode(self, docs: DocList[Other]) -> DocList[Other]:
            return docs

    flow = Flow().add(external=True, port=executor, name="theirs").add(uses=Next, name="next")
    with pytest.raises(SchemaMismatch, match=r"'theirs' cannot feed 'next'"):
        flow.start()


def test_an_external_executor_that_is_not_there_is_named() -> None:
    (port,) = free_ports(1)
    with pytest.raises(StartupFailed, match=rf"'gone' at grpc://127\.0\.0\.1:{port} was not there within 0\.5 seconds"):
        Flow().add(external=True, host=f"127.0.0.1:{port}", name="gone", timeout_ready=0.5).start()


def test_a_flow_answers_over_http(flow: dict[str, str]) -> None:
    with Client(host=flow["http"]) as client:
        check(client)
