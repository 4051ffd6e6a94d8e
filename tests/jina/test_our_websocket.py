"""Our client calls a Flow of Jina's over WebSocket."""

import pytest
from pydantic import Field

from tests.jina.conftest import Start, free_ports
from thalweg import Client
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.typing import NdArray
from thalweg.errors import ExecutorFailed


class Text(BaseDoc):
    """As Jina's Executor has it."""

    text: str = ""
    vector: NdArray | None = None
    tags: list[str] = Field(default_factory=list)


def test_a_flow_answers_over_websocket(start: Start) -> None:
    (port,) = free_ports(1)
    start("sockets", port)
    with Client(host=f"ws://127.0.0.1:{port}") as client:
        assert client.is_ready()
        sent = DocList[Text]([Text(text="a" * size) for size in range(25)])
        got = client.post("/encode", sent, parameters={"n": 5}, request_size=10, return_type=DocList[Text])
        assert [doc.id for doc in got] == [doc.id for doc in sent]
        assert [doc.vector.tolist() for doc in got[:3]] == [[0.0] * 3, [1.0] * 3, [2.0] * 3]
        with pytest.raises(ExecutorFailed, match="boom") as caught:
            client.post("/fail", Text())
        assert caught.value.cause == "ValueError"
