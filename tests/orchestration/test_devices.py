"""The devices of a machine, and what replicas are started with."""

import os
from pathlib import Path

import pytest

from thalweg import Deployment, Executor, requests
from thalweg.config.workers import WorkerOptions
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ConfigurationError
from thalweg.orchestration import devices
from thalweg.orchestration.devices import assignment


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK", "CUDA_TOTAL_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(devices, "NVIDIA", tmp_path / "nvidia")
    monkeypatch.setattr(devices, "AMD", tmp_path / "amd")


def seen(replica: int, **options: object) -> dict[str, str]:
    return assignment(WorkerOptions.model_validate({"replicas": 4, **options}), replica).variables


def program(folder: Path, text: str) -> None:
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_without_devices_nothing_is_changed() -> None:
    assert seen(1) == {}
    assert seen(1, env={"CUDA_VISIBLE_DEVICES": "0,1"}) == {}


def test_the_environment_may_say_it_as_jinas_does(monkeypatch: pytest.MonkeyPatch) -> None:
    env = {"CUDA_VISIBLE_DEVICES": "RR", "CUDA_TOTAL_DEVICES": "3"}
    assert [seen(replica, env=env)["CUDA_VISIBLE_DEVICES"] for replica in range(4)] == ["0", "1", "2", "0"]
    assert seen(1, env={"CUDA_VISIBLE_DEVICES": "RR[1,3]"}) == {"CUDA_VISIBLE_DEVICES": "3"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "RR0:2")
    assert seen(3) == {"CUDA_VISIBLE_DEVICES": "1"}


def test_the_driver_is_asked_how_many_there_are(tmp_path: Path) -> None:
    program(tmp_path, "echo 'GPU 0: A100 (UUID: GPU-1)'\necho '  MIG 1g'\necho 'GPU 1: A100 (UUID: GPU-2)'")
    assert [seen(replica, devices="RR")["CUDA_VISIBLE_DEVICES"] for replica in range(3)] == ["0", "1", "0"]


def test_without_its_program_the_kernel_knows(tmp_path: Path) -> None:
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / "nvidia" / name).mkdir(parents=True)
    assert seen(1, devices="RR") == {"CUDA_VISIBLE_DEVICES": "1"}
    for node, count in enumerate((0, 120)):
        (tmp_path / "amd" / str(node)).mkdir(parents=True)
        (tmp_path / "amd" / str(node) / "properties").write_text(f"cpu_cores_count 8\nsimd_count {count}\n")
    assert seen(3, devices="rocm:RR") == {"ROCR_VISIBLE_DEVICES": "0"}


def test_what_this_process_may_see_is_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    assert [seen(replica, devices="RR")["CUDA_VISIBLE_DEVICES"] for replica in range(3)] == ["4", "6", "4"]


@pytest.mark.parametrize("total", ["0", "many", "-1"])
def test_a_total_that_is_none_is_refused(total: str) -> None:
    with pytest.raises(ConfigurationError, match="CUDA_TOTAL_DEVICES"):
        seen(0, devices="RR", env={"CUDA_TOTAL_DEVICES": total})


def test_where_nobody_knows_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="devices='RR0:2'"):
        seen(0, devices="RR")
    program(tmp_path, "exit 9")
    with pytest.raises(ConfigurationError, match="nvidia-smi -L failed"):
        seen(0, devices="RR")


class Told(BaseDoc):
    device: str = ""
    processors: list[int] = []  # noqa: RUF012  a field


class Teller(Executor):
    @requests(on="/tell")
    def tell(self, docs: DocList[Told]) -> DocList[Told]:
        device = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        return DocList[Told]([Told(device=device, processors=sorted(os.sched_getaffinity(0)))])


def test_each_replica_is_started_with_its_own() -> None:
    with Deployment(uses=Teller, replicas=2, env={"CUDA_VISIBLE_DEVICES": "RR[5,7]"}, devices="cpu") as deployment:
        told: dict[str, list[int]] = {}
        for _ in range(100):
            (answer,) = deployment.post("/tell", Told(), return_type=DocList[Told])
            told[answer.device] = answer.processors
            if len(told) == 2:
                break
    known = sorted(os.sched_getaffinity(0))
    assert set(told) == {"5", "7"}
    assert told["5"] == known[: len(known) // 2] or len(known) == 1
    assert told["7"] == known[len(known) // 2 :] or len(known) == 1


def test_devices_that_make_no_sense_start_nothing() -> None:
    with pytest.raises(ConfigurationError, match="no device"), Deployment(uses=Teller, devices="first"):
        raise AssertionError("it started")


def test_the_replicas_of_all_shards_take_their_turns_one_after_the_other() -> None:
    """Jina begins anew with each shard, so that shards share devices while others are idle."""
    options = WorkerOptions.model_validate({"replicas": 2, "shards": 3, "devices": "RR0:4"})
    given = [assignment(options, replica, shard).variables for shard in range(3) for replica in range(2)]
    assert [one["CUDA_VISIBLE_DEVICES"] for one in given] == ["0", "1", "2", "3", "0", "1"]
    environment = options.model_copy(update={"devices": None, "env": {"CUDA_VISIBLE_DEVICES": "RR0:6"}})
    given = [assignment(environment, replica, shard).variables for shard in range(3) for replica in range(2)]
    assert [one["CUDA_VISIBLE_DEVICES"] for one in given] == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processes cannot be bound here")
def test_processors_are_divided_among_the_replicas_of_all_shards() -> None:
    known = sorted(os.sched_getaffinity(0))
    options = WorkerOptions.model_validate({"replicas": 2, "shards": 2, "devices": "cpu"})
    given = [assignment(options, replica, shard).processors for shard in range(2) for replica in range(2)]
    assert all(given)
    assert {number for numbers in given for number in numbers or ()} == set(known[: max(4, len(known))])
