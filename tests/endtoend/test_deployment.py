"""One Executor served alone."""

import json
import threading
import urllib.request

import pytest

from tests.endtoend.samples import Counting, Meeting, Slow, Text, Upper
from tests.endtoend.scripts import eventually
from thalweg import Client, Deployment
from thalweg.errors import ConfigurationError, StartupFailed


@pytest.fixture(scope="module")
def alone():
    with Deployment(uses=Upper, protocol=["http", "grpc"]) as deployment:
        yield deployment


def test_one_process_listens_itself(alone):
    assert list(alone.pids) == ["executor/0"]


def test_it_answers_over_its_own_socket(alone):
    assert alone.is_ready()
    assert alone.post("/do", Text(text="a"), return_type=Text).text == "A"


@pytest.mark.parametrize("index", [0, 1], ids=["http", "grpc"])
def test_it_answers_at_its_addresses(alone, index):
    with Client(alone.addresses[index]) as client:
        assert client.post("/do", Text(text="a"), return_type=Text).text == "A"


def test_the_urls_are_those_of_a_flow(alone):
    body = json.dumps({"data": [{"text": "a"}]}).encode()
    request = urllib.request.Request(f"{alone.addresses[0]}/do", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["data"][0]["text"] == "A"


def test_several_replicas_stand_behind_a_gateway():
    with Deployment(Upper, name="upper", replicas=2, protocol="http") as deployment:
        assert sorted(deployment.pids) == ["gateway", "upper/0", "upper/1"]
        assert deployment.post("/do", Text(text="a"), return_type=Text).text == "A"
        with Client(deployment.addresses[0]) as client:
            assert client.post("/do", Text(text="a"), return_type=Text).text == "A"


def test_a_killed_worker_comes_back_at_the_same_address(alone):
    import psutil

    addresses = alone.addresses
    old = alone.pids["executor/0"]
    psutil.Process(old).kill()
    eventually(lambda: alone.pids.get("executor/0") not in (None, old))
    with Client(addresses[0]) as client:
        eventually(client.is_ready)
        assert client.post("/do", Text(text="a"), return_type=Text).text == "A"
    eventually(alone.is_ready)
    assert alone.addresses == addresses


def test_block_ends_when_another_thread_closes_it():
    deployment = Deployment(Slow).start()
    blocking = threading.Thread(target=deployment.block)
    blocking.start()
    deployment.close()
    blocking.join(60)
    assert not blocking.is_alive()
    assert not deployment.running


def test_it_comes_from_yaml():
    text = "jtype: Deployment\nwith:\n  uses: tests.endtoend.samples:Upper\n  name: upper\n"
    with Deployment.load_config(text) as deployment:
        assert deployment.post("/do", Text(text="a"), return_type=Text).text == "A"


def test_an_unknown_option_is_answered_with_the_nearest():
    with pytest.raises(ConfigurationError, match=r"Deployment: protocl.*'protocol'"):
        Deployment(Upper, protocl="http")


class Strict(Upper):
    def __init__(self, model: str = "") -> None:
        super().__init__()


def test_an_argument_that_the_constructor_does_not_take_is_answered_with_the_nearest():
    with pytest.raises(StartupFailed, match=r"'modle'.*'model'"):
        Deployment(Strict, uses_with={"modle": "a"}).start()


def test_replicas_take_turns_over_http_and_stream():
    with Deployment(Counting, name="counting", replicas=2, protocol="http") as deployment:
        with Client(deployment.addresses[0]) as client:
            answers = [client.post("/replica", Text(text=""), return_type=Text).text for _ in range(8)]
            assert {answers.count(replica) for replica in ("0", "1")} == {4}
            items = [item.text for item in client.stream_doc("/count", Text(text="n"), return_type=Text)]
            assert items == ["n0", "n1", "n2"]
        request = urllib.request.Request(f"{deployment.addresses[0]}/count?text=n", headers={"accept": "*/*"})
        with urllib.request.urlopen(request) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.read().count(b"event: update") == 3


def test_replicas_are_constructed_at_the_same_time(tmp_path):
    with Deployment(Meeting, uses_with={"folder": str(tmp_path), "others": 1}, replicas=2) as deployment:
        assert deployment.post("/do", Text(text="a"), return_type=Text).text == "a"
