"""What an engine is told, and what is said where there is none."""

import json
import os
import socket
import threading

import pytest

from thalweg import Deployment
from thalweg.config.gpus import gpu_request
from thalweg.errors import ConfigurationError, StartupFailed
from thalweg.orchestration.launchers.docker.engine import SYSTEM_SOCKET, engine_socket
from thalweg.orchestration.launchers.docker.image import FetchedLayers
from thalweg.orchestration.launchers.docker.settings import ENTRYPOINT, device_request, settings, unknown_argument
from thalweg.orchestration.launchers.remains import end_containers, engine_status, note, noted
from thalweg.service.placement import ContainerPlace


def told(own=("thalweg",), **place):
    return settings(ContainerPlace("image", **place), "/private/0", "CONTROL=/private/0/c", "enc/0", own)


def test_the_plainest_container():
    assert told() == {
        "init": True,
        "volumes": ["/private/0:/private/0:rw"],
        "environment": {"PYTHONUNBUFFERED": "1", "CONTROL": "/private/0/c"},
        "labels": {"thalweg": "enc/0"},
        "auto_remove": True,
        "detach": True,
    }


def test_all_that_can_be_said():
    found = told(
        volumes=["/data:/data:ro"],
        gpus="device=0,device=1",
        entrypoint=["run", "it"],
        networks=["one", "two"],
        user="1000",
        variables={"A": "b"},
    )
    assert found["volumes"] == ["/private/0:/private/0:rw", "/data:/data:ro"]
    assert found["environment"]["A"] == "b"
    assert found["entrypoint"] == ["run", "it"]
    assert found["network"] == "one"
    assert found["user"] == "1000"
    assert found["device_requests"] == [
        {"Driver": "", "Count": 0, "DeviceIDs": ["0", "1"], "Capabilities": [["gpu"]], "Options": {}}
    ]


def test_an_image_without_an_entrypoint_gets_ours():
    assert told(own=None)["entrypoint"] == list(ENTRYPOINT)
    assert "entrypoint" not in told(own=["its", "own"])


@pytest.mark.parametrize("environment", [{"X": 1}, ["X=1"], "X=1"])
def test_other_arguments_are_joined_with_ours(environment):
    arguments = {
        "environment": environment,
        "volumes": {"/a": {"bind": "/b", "mode": "ro"}},
        "labels": ["mine"],
        "shm_size": 3,
    }
    found = told(arguments=arguments, variables={"A": "b"})
    assert found["environment"] == {"PYTHONUNBUFFERED": "1", "X": "1", "A": "b", "CONTROL": "/private/0/c"}
    assert found["volumes"] == ["/private/0:/private/0:rw", "/a:/b:ro"]
    assert found["labels"] == {"mine": "", "thalweg": "enc/0"}
    assert found["shm_size"] == 3


def test_other_arguments_win_where_there_is_a_choice():
    assert told(arguments={"init": False})["init"] is False
    assert "network" not in told(networks=["one"], arguments={"network_mode": "host"})


@pytest.mark.parametrize(
    "text,count,devices",
    [("all", -1, []), (2, 2, []), ("device=GPU-1", 0, ["GPU-1"]), ("count=3,driver=nvidia", 3, [])],
)
def test_gpus_in_the_words_of_an_engine(text, count, devices):
    found = device_request(gpu_request(text))
    assert (found["Count"], found["DeviceIDs"]) == (count, devices)


def test_an_argument_that_nobody_knows_gets_the_nearest():
    assert "did you mean 'shm_size'?" in str(unknown_argument("shm_sice", ["shm_size", "init"]))


@pytest.mark.parametrize(
    "environment,path",
    [({"DOCKER_HOST": "unix:///a/b.sock"}, "/a/b.sock"), ({"XDG_RUNTIME_DIR": "/nowhere"}, SYSTEM_SOCKET)],
)
def test_where_the_engine_is(environment, path, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert engine_socket(environment) == path


def test_an_engine_of_the_user_is_found(monkeypatch, tmp_path):
    monkeypatch.setattr("thalweg.orchestration.launchers.docker.engine.SYSTEM_SOCKET", str(tmp_path / "none"))
    (tmp_path / "docker.sock").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert engine_socket({"XDG_RUNTIME_DIR": str(tmp_path)}) == f"{tmp_path}/docker.sock"


def test_an_engine_of_another_machine_is_refused():
    with pytest.raises(ConfigurationError, match=r"DOCKER_HOST=tcp://far:2375: containers are started on this machine"):
        engine_socket({"DOCKER_HOST": "tcp://far:2375"})


def test_without_an_engine_the_error_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(
        StartupFailed, match=r"No container engine answers at .*/none.sock: No such file .* Start Docker"
    ):
        Deployment(uses="docker://encoder").start()


def test_what_a_dead_session_has_left_is_ended(tmp_path):
    """An engine of three lines: what it is asked is what counts."""
    asked = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "engine"))
        listener.listen(2)

        def answer():
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(4096).split(b"\r\n")[0])
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        note(str(tmp_path), str(tmp_path / "engine"), "enc-0")
        (tmp_path / "broken.container").write_text("{")
        (tmp_path / "list.container").write_text("[]")
        (tmp_path / "gone.container").write_text(json.dumps({"engine": str(tmp_path / "nobody"), "name": "x"}))
        end_containers(noted(os.fsencode(tmp_path)))
        thread.join()
    assert asked == [b"DELETE /containers/enc-0?force=1&v=1 HTTP/1.1"]


def test_an_engine_that_talks_nonsense_is_an_error(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "engine"))
        listener.listen(1)

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"hello\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ConnectionError, match="did not answer in HTTP"):
            engine_status(str(tmp_path / "engine"), "GET", "/_ping")
        thread.join()


def test_a_way_is_told_by_layers_and_bytes():
    way = FetchedLayers()
    assert (str(way), way.done) == ("the registry is asked", None)
    for said in (
        {"status": "Pulling from shelf", "id": "1"},
        {"status": "Already exists", "progressDetail": {}, "id": "a"},
        {"status": "Pulling fs layer", "progressDetail": {}, "id": "b"},
        {"status": "Pulling fs layer", "progressDetail": {}, "id": "c"},
        {"status": "Waiting", "progressDetail": {}, "id": "c"},
        {"status": "Downloading", "progressDetail": {"current": 3_000_000, "total": 4_000_000}, "id": "b"},
        {"status": "Downloading", "progressDetail": {"current": 500_000, "total": -1}, "id": "c"},
    ):
        way.hear(said)
    assert (str(way), way.done) == ("1 of 3 layers, 3.5 MB", pytest.approx(1.75 / 3))
    way.hear({"status": "Download complete", "progressDetail": {}, "id": "b"})
    way.hear({"status": "Extracting", "progressDetail": {"current": 1, "total": 500_000}, "id": "c"})
    way.hear({"status": "Digest: sha256:0123"})
    assert (str(way), way.done, way.digest) == ("3 of 3 layers, 3.5 MB", 1.0, "sha256:0123")
