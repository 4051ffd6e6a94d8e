"""Which devices each replica may see."""

from collections.abc import Sequence

import pytest

from thalweg.config.devices import assigned, round_robin
from thalweg.errors import ConfigurationError


def four(_kind: str = "") -> list[str]:
    return ["0", "1", "2", "3"]


def nobody_asks(_kind: str = "") -> list[str]:
    raise AssertionError("it is clear without a look at the machine")


@pytest.mark.parametrize(
    "text, devices",
    [
        ("RR", "0 1 2 3"),
        ("RR[]", "0 1 2 3"),
        ("rr", "0 1 2 3"),
        ("RR1:", "1 2 3"),
        ("RR:-1", "0 1 2"),
        ("RR-2:", "2 3"),
        ("RR::2", "0 2"),
    ],
)
def test_round_robin_over_what_there_is(text: str, devices: str) -> None:
    assert round_robin(text, four) == devices.split()


@pytest.mark.parametrize(
    "text, devices",
    [
        ("RR0:3", "0 1 2"),
        ("RR:2", "0 1"),
        ("RR1:6:2", "1 3 5"),
        ("RR1,3", "1 3"),
        ("RR[1,3]", "1 3"),
        ("RR 2 , 0", "2 0"),
        ("RR2", "2"),
        ("RRGPU-0aaa-1,GPU-0bbb-2", "GPU-0aaa-1 GPU-0bbb-2"),
        ("RRMIG-5c/1/0", "MIG-5c/1/0"),
        ("RR0.1,1.0", "0.1 1.0"),
    ],
)
def test_what_is_named_needs_no_look_at_the_machine(text: str, devices: str) -> None:
    assert round_robin(text, nobody_asks) == devices.split()


@pytest.mark.parametrize("text", ["RRx", "RR1,", "RR[1", "RR1;3", "RR3:1", "RR0:0", "RR0:2:0", "RR9:", "RR-", "RR1-3"])
def test_what_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"RR|slice"):
        round_robin(text, four)


def variables(devices: str | Sequence[int | str], replicas: int = 3) -> list[dict[str, str]]:
    return [assigned(devices, replica, replicas, four, range(8)).variables for replica in range(replicas)]


def test_replicas_take_devices_in_turns() -> None:
    in_turns = [{"CUDA_VISIBLE_DEVICES": device} for device in ("0", "1", "0")]
    assert variables("0,1") == in_turns
    assert variables("RR0:2") == in_turns
    assert variables([0, 1]) == in_turns
    assert variables(["0", "cuda:1"]) == in_turns


def test_a_replica_may_have_several() -> None:
    assert variables(["0,1", "2,3"], 2) == [{"CUDA_VISIBLE_DEVICES": "0,1"}, {"CUDA_VISIBLE_DEVICES": "2,3"}]


def test_other_kinds_have_variables_of_their_own() -> None:
    assert variables("rocm:RR", 2) == [{"ROCR_VISIBLE_DEVICES": "0"}, {"ROCR_VISIBLE_DEVICES": "1"}]
    assert variables("xpu:1,2", 2) == [{"ZE_AFFINITY_MASK": "1"}, {"ZE_AFFINITY_MASK": "2"}]


def processors(devices: str | Sequence[int | str], replicas: int, known: Sequence[int]) -> list[tuple[int, ...] | None]:
    return [assigned(devices, replica, replicas, nobody_asks, known).processors for replica in range(replicas)]


def test_processors_are_divided() -> None:
    assert processors("cpu", 2, range(8)) == [(0, 1, 2, 3), (4, 5, 6, 7)]
    assert processors("cpu", 3, [2, 3, 5, 7]) == [(2,), (3,), (5, 7)]
    assert processors("cpu", 3, [4, 6]) == [(4,), (4,), (6,)]


def test_processors_are_named() -> None:
    assert processors("cpu:0-2,7", 2, range(8)) == [(0, 1, 2, 7)] * 2
    assert processors(["cpu:0-1", "cpu:2"], 3, range(8)) == [(0, 1), (2,), (0, 1)]


@pytest.mark.parametrize("devices", ["cpu:9", "cpu:0-9", "cpu:x", "cpu:1,", "cpu:3-1", "gpu0", [], ["0", "x"], ""])
def test_devices_that_make_no_sense_are_refused(devices: str | list[int | str]) -> None:
    with pytest.raises(ConfigurationError):
        [assigned(devices, replica, 2, _unknown, range(8)) for replica in range(2)]


def _unknown(kind: str) -> list[str]:
    raise ConfigurationError(f"nobody knows how many {kind} there are")
