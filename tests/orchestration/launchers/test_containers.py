"""Flows with containers, for real. An engine is needed; the image is made of this machine's own files."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from scripts import base_image
from tests.orchestration.launchers.engine import containers
from thalweg import Deployment, Executor, Flow, requests
from thalweg.docs import DocList
from thalweg.errors import StartupFailed
from thalweg.testing.samples import Said

pytestmark = containers

PATIENCE_SECONDS = 60.0
CONFIG = "jtype: Shelf\npy_modules: shelf.py\nwith:\n  greeting: from its config\n"
CODE = """
import os
import sys
import time
from pathlib import Path

from thalweg import Executor, requests
from thalweg.docs import DocList
from thalweg.testing.samples import Said


class Shelf(Executor):
    def __init__(self, greeting="", **given):
        super().__init__(**given)
        self.greeting = greeting
        print("made with", greeting)

    @requests(on="/greet")
    def greet(self, docs: DocList[Said], **_) -> DocList[Said]:
        return DocList[Said]([Said(text=f"{self.greeting}: {doc.text}") for doc in docs])

    @requests(on="/look")
    def look(self, docs: DocList[Said], **_) -> DocList[Said]:
        return DocList[Said]([Said(text=str(eval(doc.text, globals() | {'self': self}))) for doc in docs])
"""


class Louder(Executor):
    @requests
    def shout(self, docs: DocList[Said], **_) -> DocList[Said]:
        return DocList[Said]([Said(text=doc.text.upper()) for doc in docs])


@pytest.fixture(scope="module")
def shelf(engine, image):
    """An image that is made of an Executor's folder."""
    files = {"Dockerfile": f"FROM {image}\nCOPY . /executor/\n", "config.yml": CONFIG, "shelf.py": CODE}
    base_image.built(engine, "thalweg-test-shelf", {name: (text.encode(), 0.0) for name, text in files.items()})
    return "docker://thalweg-test-shelf"


@pytest.fixture(autouse=True)
def nothing_left(engine):
    """No container stays."""
    yield
    assert _soon(lambda: not _ours(engine)), _ours(engine)


def _ours(engine):
    """Titles and ids of our containers, those among them that have ended."""
    found = engine.api.containers(all=True, filters={"label": "thalweg"})
    return {one["Labels"]["thalweg"]: one["Id"] for one in found}


def _soon(condition):
    """Whether it holds soon. Each look is work for the engine, which would take the time away from what is waited for."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not (held := condition()) and time.monotonic() < until:
        time.sleep(0.1)
    return held


def _said(runnable, endpoint, text):
    return runnable.post(endpoint, Said(text=text), return_type=DocList[Said])[0].text


def test_a_flow_of_containers_and_processes(shelf, engine, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_text("of the host")
    (tmp_path / "files").mkdir()
    (tmp_path / "files").chmod(0o777)
    flow = Flow(protocol="http").add(
        uses=shelf,
        name="shelf",
        replicas=2,
        uses_with={"greeting": "hello"},
        env={"SAMPLE": "said"},
        volumes=f"{tmp_path}/data:/data:ro",
        workspace=str(tmp_path / "files"),
        user="12:34",
        networks="none",
        docker_kwargs={"hostname": "elsewhere"},
    )
    with flow.add(uses=Louder):
        answer = httpx.post(f"{flow.addresses[0]}/greet", json={"data": [{"text": "you"}]}).raise_for_status()
        assert answer.json()["data"][0]["text"] == "HELLO: YOU"
        looked = {
            "os.environ['SAMPLE']": "SAID",
            "'THALWEG_CONTROL' in os.environ": "FALSE",
            "Path('/data/file').read_text()": "OF THE HOST",
            "(os.getuid(), os.getgid())": "(12, 34)",
            "os.uname().nodename": "ELSEWHERE",
            "self.workspace": "/WORKSPACE/SHELF",
        }
        for expression, expected in looked.items():
            assert _said(flow, "/look", expression) == expected
        assert _ours(engine).keys() == {"shelf/0", "shelf/1"}
        assert {"shelf/0", "shelf/1"} < flow._session.pids.keys()
        said = [line.text for line in flow._session.history.last(100) if line.process.startswith("shelf/")]
        assert said.count("made with hello") == 2


def test_what_the_config_says_holds_and_one_that_is_killed_is_started_again(shelf, engine):
    with Deployment(uses=shelf) as deployment:
        assert _said(deployment, "/greet", "you") == "from its config: you"
        (first,) = _ours(engine).values()
        engine.api.kill(first)
        assert _soon(lambda: {first}.isdisjoint(_ours(engine).values()) and _ours(engine))
        assert _said(deployment, "/greet", "again") == "from its config: again"


def failure(**options):
    with pytest.raises(StartupFailed) as caught:
        Deployment(name="enc", **options).start()
    return str(caught.value)


def test_one_that_ends_at_once_is_told_with_its_last_words(image):
    command = ["python", "-c", "print('there is no model'); raise SystemExit(3)"]
    said = failure(uses=f"docker://{image}", entrypoint=command)
    assert f"Executor 'enc' could not be started in a container of '{image}': it ended with exit code 3." in said
    assert said.endswith("It said:\nthere is no model")


def test_an_image_that_cannot_be_fetched_is_named():
    said = failure(uses="docker://localhost:9/there/is:none")
    assert "the image 'localhost:9/there/is:none' could not be fetched: " in said
    assert "refused" in said


def test_an_image_that_is_not_here_and_must_not_be_fetched_is_named():
    assert "there is no image 'none-of-mine' here, and pull='never'" in failure(
        uses="docker://none-of-mine", pull="never"
    )


def test_a_command_that_is_not_in_the_image_is_told(image):
    said = failure(uses=f"docker://{image}", entrypoint="no-such-command")
    assert "it ended with exit code 127. It said:" in said
    assert "no-such-command" in said


def test_gpus_that_are_not_there_are_told(image):
    if Path("/dev/nvidia0").exists():
        pytest.skip("there are some")
    assert "the container does not start" in failure(uses=f"docker://{image}", gpus="all")


def test_an_argument_that_the_library_does_not_know_is_told_with_the_nearest(image):
    said = failure(uses=f"docker://{image}", docker_kwargs={"shm_sice": "1g"})
    assert "no argument 'shm_sice'; did you mean 'shm_size'?" in said


def test_one_that_takes_more_memory_than_it_may_is_told(image, engine):
    if not engine.info().get("MemoryLimit"):
        pytest.skip("this engine cannot limit memory")
    command = ["python", "-c", "bytes(range(256)) * 4 * 10**6"]
    limits = {"mem_limit": "100m", "memswap_limit": "100m"}
    assert "more memory than it may" in failure(uses=f"docker://{image}", entrypoint=command, docker_kwargs=limits)


def test_a_network_that_is_not_there_is_told(image):
    assert "no-such-network" in failure(uses=f"docker://{image}", networks=["no-such-network"])


CALL = """
import os, socket, sys, time
import msgspec
from thalweg.service.control import pack
channel = socket.socket(socket.AF_UNIX)
channel.connect(os.environ["THALWEG_CONTROL"])
channel.sendall({what})
channel.recv(1)
time.sleep(1000)
"""


@pytest.mark.parametrize(
    "what,why",
    [
        (
            "pack({'type': 'hello', 'wire': 99, 'thalweg': '9.0', 'python': '4.0'})",
            "there is Thalweg 9.0 in the image, here is .*[(]they speak versions 99 and 1[)]. Bring this side up to date",
        ),
        ("pack({'type': 'hello', 'wire': 0, 'thalweg': '0.0', 'python': '3.0'})", "Bring the image up to date"),
        ("b'GET / HTTP/1.1' + bytes(100)", "is not this Thalweg's `thalweg executor`"),
    ],
)
def test_one_that_speaks_otherwise_is_told_and_ended(image, what, why):
    with pytest.raises(StartupFailed, match=why):
        Deployment(uses=f"docker://{image}", entrypoint=["python", "-c", CALL.format(what=what)]).start()


PARENT = """
import sys
from thalweg import Flow
flow = Flow().add(**{options})
flow.start()
print("ready", flush=True)
sys.stdin.read()
"""


def parent(options):
    """A process that starts a Flow of one container."""
    program = PARENT.format(options=json.dumps(options))
    return subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )


def test_no_container_outlives_a_parent_that_is_killed(shelf, engine):
    with parent({"uses": shelf}) as process:
        assert process.stdout.readline() == b"ready\n"
        assert _ours(engine)
        process.kill()
    assert _soon(lambda: not _ours(engine))


def test_nor_does_one_that_never_calls(image, engine):
    with parent({"uses": f"docker://{image}", "entrypoint": ["sleep", "1000"]}) as process:
        assert _soon(lambda: _ours(engine))
        process.kill()
    assert _soon(lambda: not _ours(engine))


def test_nor_does_one_whose_parent_is_killed_with_all_its_processes(shelf, engine):
    import psutil

    with parent({"uses": shelf}) as process:
        assert process.stdout.readline() == b"ready\n"
        for each in [*psutil.Process(process.pid).children(recursive=True), process]:
            os.kill(each.pid, signal.SIGKILL)
    assert _soon(lambda: not _ours(engine))


def test_ctrl_c_while_it_starts_ends_it(image, engine):
    with parent({"uses": f"docker://{image}", "entrypoint": ["sleep", "1000"]}) as process:
        assert _soon(lambda: _ours(engine))
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_SECONDS)
    assert not _ours(engine)
