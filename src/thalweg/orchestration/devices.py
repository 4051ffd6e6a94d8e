"""The devices of this machine, and which replica gets which."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from thalweg.config.devices import VARIABLES, Assignment, assigned, round_robin
from thalweg.config.workers import WorkerOptions
from thalweg.errors import ConfigurationError

TOTAL = "CUDA_TOTAL_DEVICES"
"""Environment variable that says how many GPUs there are, for machines that do not."""
ASK_SECONDS = 30.0
NVIDIA = Path("/proc/driver/nvidia/gpus")
AMD = Path("/sys/class/kfd/kfd/topology/nodes")


def assignment(options: WorkerOptions, replica: int, shard: int = 0) -> Assignment:
    """What one replica of a shard may use: by `devices`, and by the environment where a variable there begins with `RR`. The
    replicas of all shards take their turns one after the other, those of shard 0 first.

    Raises:
        ConfigurationError: what is written there makes no sense, or what there is is not known.
    """
    environment = {**os.environ, **options.env}
    number, among = shard * options.replicas + replica, options.shards * options.replicas
    variables: dict[str, str] = {}
    for kind, name in VARIABLES.items():
        value = environment.get(name, "").strip()
        if value.upper().startswith("RR"):
            listed = round_robin(value, lambda kind=kind: _all(kind, environment))  # type: ignore[misc]
            variables[name] = listed[number % len(listed)]
    if options.devices is None:
        return Assignment(variables)
    known = _processors() if "cpu" in str(options.devices).lower() else []
    given = assigned(options.devices, number, among, lambda kind: _all(kind, environment), known)
    return Assignment({**variables, **given.variables}, given.processors)


def _all(kind: str, environment: Mapping[str, str]) -> list[str]:
    """The names of all devices of a kind: those that this process may see where it has been told, else what the driver of
    the machine says."""
    visible = environment.get(VARIABLES[kind], "").strip()
    if visible and not visible.upper().startswith("RR"):
        return [one.strip() for one in visible.split(",")]
    total = environment.get(TOTAL, "").strip()
    if total:
        if not total.isdecimal() or total == "0":
            raise ConfigurationError(f"{TOTAL} is {total!r}; it takes the number of GPUs.")
        return [str(number) for number in range(int(total))]
    number = _nvidia() if kind == "cuda" else _amd() if kind == "rocm" else 0
    if not number:
        raise ConfigurationError(
            f"How many devices there are is not known: no driver tells. Name them, as in devices='RR0:2', or say their "
            f"number in the environment variable {TOTAL}."
        )
    return [str(one) for one in range(number)]


def _nvidia() -> int:
    program = shutil.which("nvidia-smi")
    if program is not None:
        try:
            listed = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=ASK_SECONDS, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise ConfigurationError(f"How many GPUs there are is not known: nvidia-smi -L failed: {error}.") from None
        return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    return len(list(NVIDIA.iterdir())) if NVIDIA.is_dir() else 0


def _amd() -> int:
    """Nodes of the kernel's topology that have compute units of a GPU (`simd_count` above zero)."""
    number = 0
    for properties in AMD.glob("*/properties"):
        pairs = dict(line.partition(" ")[::2] for line in properties.read_text().splitlines())
        number += pairs.get("simd_count", "0") != "0"
    return number


def _processors() -> list[int]:
    if not hasattr(os, "sched_setaffinity"):
        raise ConfigurationError("devices: on this system a process cannot be bound to processors.")
    return sorted(os.sched_getaffinity(0))
