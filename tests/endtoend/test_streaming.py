"""Streams through two Executors, over everything that a Gateway speaks, seen from the caller."""

import json
import time
import urllib.request
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.endtoend.streaming_samples import Loud, Word, Words
from thalweg import AsyncClient, Client, Deployment, Flow
from thalweg.docs import DocList
from thalweg.errors import DeadlineExceeded, ExecutorFailed, MalformedRequest, UnsupportedContent

PATIENCE_SECONDS = 60.0
PROTOCOLS = ["http", "grpc", "websocket"]


@pytest.fixture(scope="module")
def flow():
    with Flow(protocol=PROTOCOLS).add(uses=Words, name="words").add(uses=Loud, name="loud") as flow:
        yield flow


@pytest.fixture(params=[*PROTOCOLS, "unix"])
def client(request, flow):
    if request.param == "unix":
        yield flow.client
        return
    with Client(flow.addresses[PROTOCOLS.index(request.param)]) as client:
        yield client


@pytest.fixture(params=[protocol for protocol in [*PROTOCOLS, "unix"] if protocol != "http"])
def duplex(request, flow):
    if request.param == "unix":
        yield flow.client
        return
    with Client(flow.addresses[PROTOCOLS.index(request.param)]) as client:
        yield client


def let(gate: Path, *names: object) -> None:
    for name in names:
        (gate / str(name)).touch()


def appears(path: Path) -> str:
    until = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        assert time.monotonic() < until, f"{path.name} never came"
        time.sleep(0.005)
    return path.read_text()


@pytest.mark.parametrize("endpoint", ["/stream", "/stream_async"])
def test_an_item_arrives_before_the_next_one_exists(client, endpoint, tmp_path):
    items = client.stream(endpoint, Word(text="w", gate=str(tmp_path)), return_type=Word)
    for number in range(5):
        let(tmp_path, number)  # and no other: the generator waits for what the caller does with this one
        assert next(items).text == f"W{number}"
    items.close()
    let(tmp_path, "end")
    assert appears(tmp_path / "closed")


@pytest.mark.parametrize("endpoint, thread", [("/stream", "words-compute"), ("/stream_async", "words-coroutines")])
def test_a_caller_that_goes_away_stops_the_generator_on_its_own_thread(client, endpoint, thread, tmp_path):
    let(tmp_path, 0)
    items = client.stream(endpoint, Word(text="w", gate=str(tmp_path)), return_type=Word)
    next(items)
    items.close()
    for number in range(1, 900):  # a synchronous generator can be closed between two items only
        let(tmp_path, number)
        if (tmp_path / "closed").exists():
            break
        time.sleep(0.01)
    assert appears(tmp_path / "closed").startswith(thread)
    assert not (tmp_path / "end").exists()


def test_an_error_half_way_follows_the_items_before_it(client):
    items = client.stream("/broken", Word(), return_type=Word)
    assert next(items).text == "FIRST"
    with pytest.raises(ExecutorFailed, match="half way") as caught:
        next(items)
    assert caught.value.executor == "words"
    assert caught.value.cause == "ValueError"


def test_the_deadline_holds_in_the_middle_of_a_stream(client, tmp_path):
    let(tmp_path, 0)
    items = client.stream("/stream", Word(text="w", gate=str(tmp_path)), return_type=Word, timeout=1.0)
    assert next(items).text == "W0"
    with pytest.raises(DeadlineExceeded):
        next(items)
    let(tmp_path, "end")
    appears(tmp_path / "closed")


def test_stream_doc_takes_one_document_and_parameters(client, tmp_path):
    let(tmp_path, 0, 1, "end")
    found = client.stream_doc("/stream", Word(text="w", gate=str(tmp_path)), {"mark": "m"}, return_type=Word)
    assert [doc.text for doc in found] == ["W0M", "W1M"]
    with pytest.raises(MalformedRequest, match="one document"):
        client.stream_doc("/stream", [Word()])


def test_many_items_come_in_order(client):
    found = client.stream_doc("/many", Word(text="2000"), return_type=Word)
    assert [doc.text for doc in found] == [str(number) for number in range(2000)]


def test_a_flow_and_a_deployment_stream_too(flow):
    assert len(list(flow.stream_doc("/many", Word(text="3")))) == 3
    with Deployment(uses=Words) as deployment:
        assert len(list(deployment.stream_doc("/many", Word(text="3")))) == 3
        answers = deployment.converse("/chat", [Word(text="a")], return_type=Word)
        assert [doc.text for doc in answers] == ["you said a", "bye"]


def test_json_lines_leave_one_by_one(flow, tmp_path):
    let(tmp_path, 0)
    body = json.dumps({"data": [{"text": "w", "gate": str(tmp_path)}]}).encode()
    headers = {"content-type": "application/json", "accept": "application/x-ndjson"}
    request = urllib.request.Request(f"{flow.addresses[0]}/stream", body, headers)
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
        assert "W0" in response.readline().decode()
        let(tmp_path, 1)
        assert "W1" in response.readline().decode()
    let(tmp_path, *range(2, 40))
    appears(tmp_path / "closed")


@pytest.mark.parametrize("endpoint", ["/chat", "/chat_sync"])
def test_a_conversation_goes_in_turns(duplex, endpoint):
    said: list[str] = []

    def questions():
        for number in range(40):
            until = time.monotonic() + PATIENCE_SECONDS
            while len(said) < number:  # waits for the answer to the one before
                assert time.monotonic() < until
                time.sleep(0.001)
            yield Word(text=str(number))

    for answer in duplex.converse(endpoint, questions(), return_type=Word):
        said.append(answer.text)
    assert said == [*(f"YOU SAID {number}" for number in range(40)), "BYE"]


async def test_an_asynchronous_conversation_goes_in_turns(flow):
    async with AsyncClient(flow.addresses[1]) as client:
        said: list[str] = []

        async def questions():
            for number in range(3):
                yield Word(text=f"{number} after {len(said)}")

        async with aclosing(client.converse("/chat", questions(), return_type=Word)) as answers:
            async for answer in answers:
                said.append(answer.text)
    assert len(said) == 4
    assert said[-1] == "BYE"


def test_what_the_inputs_of_a_conversation_raise_comes_out(duplex):
    def questions():
        yield Word(text="a")
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        list(duplex.converse("/chat", questions(), return_type=Word))


def test_over_http_a_conversation_is_refused_with_what_offers_it(flow):
    with Client(flow.addresses[0]) as client, pytest.raises(UnsupportedContent, match="gRPC or WebSocket"):
        list(client.converse("/chat", [Word(text="a")]))


def test_over_http_an_endpoint_that_reads_streams_takes_all_at_once(flow):
    with Client(flow.addresses[0]) as client:
        sent = DocList[Word]([Word(text="a"), Word(text="b")])
        answers = client.stream("/chat", sent, return_type=Word, request_size=2)
        assert [doc.text for doc in answers] == ["YOU SAID A", "YOU SAID B", "BYE"]
