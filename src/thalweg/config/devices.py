"""Which devices each replica may see; pure.

A list of devices is taken in turns: replica i gets the one at i modulo their number. It is written as text or as a list:

    0,1            the GPUs 0 and 1
    RR             all GPUs that there are (`RR` for round robin, as Jina writes it)
    RR0:3  RR1:    a slice of them, as Python means it
    RR1,3 RR[1,3]  some of them, by number or by UUID
    ["0,1", "2,3"] two at a time
    cpu            the processors, divided among the replicas
    cpu:0-3,8      these processors; ["cpu:0-3", "cpu:4-7"] for the one and the other replica

`rocm:` and `xpu:` before the numbers mean AMD's and Intel's; `cuda:` may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from thalweg.errors import ConfigurationError

VARIABLES = {"cuda": "CUDA_VISIBLE_DEVICES", "rocm": "ROCR_VISIBLE_DEVICES", "xpu": "ZE_AFFINITY_MASK"}
"""What the libraries of each kind of device read."""

Devices = str | Sequence[int | str]
Count = Callable[[str], list[str]]
"""Takes a key of `VARIABLES` and gives the names of all devices of that kind; raises `ConfigurationError` where they are not
known."""

_DEVICE = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?|(?:GPU|MIG)-[0-9A-Za-z/-]+)\Z")
_SLICE = re.compile(r"(-?[0-9]*):(-?[0-9]*)(?::(-?[0-9]*))?\Z")
_PROCESSORS = re.compile(r"([0-9]+)(?:-([0-9]+))?\Z")


class Assignment(NamedTuple):
    """What one replica may use: values of environment variables, and numbers of processors. None is all of them."""

    variables: dict[str, str]
    processors: tuple[int, ...] | None = None


def assigned(devices: Devices, replica: int, replicas: int, count: Count, processors: Sequence[int]) -> Assignment:
    """What the replica with the number `replica` of `replicas` gets, where there are these `processors`.

    Raises:
        ConfigurationError: `devices` says nothing that can be understood, or names what there is not.
    """
    entries = [devices] if isinstance(devices, str) else [str(one) for one in devices]
    if not entries:
        raise ConfigurationError("devices is an empty list; leave it out, or name some.")
    if isinstance(devices, str) and _kind(devices)[0] != "cpu":
        kind, text = _kind(devices)
        listed = round_robin(text if text.upper().startswith("RR") else f"RR{text}", lambda: count(kind))
        return Assignment({VARIABLES[kind]: listed[replica % len(listed)]})
    kind, text = _kind(entries[replica % len(entries)])
    if kind == "cpu":
        return Assignment({}, _processors(text, replica, replicas, processors))
    return Assignment({VARIABLES[kind]: ",".join(_device(one, text) for one in text.split(","))})


def round_robin(text: str, count: Callable[[], list[str]]) -> list[str]:
    """The devices that a text means which begins with `RR`, in the order in which they are taken.

    Raises:
        ConfigurationError: it means nothing, or no device at all.
    """
    what = text.strip()[2:].strip()
    if what.startswith("[") and what.endswith("]"):
        what = what[1:-1].strip()
    match = _SLICE.match(what)
    if not what:
        listed = count()
    elif match is not None:
        listed = _sliced(match, count)
    else:
        listed = [_device(one, text) for one in what.split(",")]
    if not listed:
        raise ConfigurationError(f"{text!r} means no device at all.")
    return listed


def _sliced(match: re.Match[str], count: Callable[[], list[str]]) -> list[str]:
    start, stop, step = (int(part) if part not in (None, "", "-") else None for part in match.groups())
    if step == 0:
        raise ConfigurationError(f"{match[0]!r} is no slice: its step is 0.")
    if stop is not None and stop >= 0 and (start is None or start >= 0) and (step is None or step > 0):
        return [
            str(number) for number in range(start or 0, stop, step or 1)
        ]  # it is clear without a look at the machine
    return count()[start:stop:step]


def _kind(text: str) -> tuple[str, str]:
    kind, colon, rest = text.strip().partition(":")
    kind = kind.strip().lower()
    if kind == "cpu" or (colon and kind in VARIABLES):
        return kind, rest.strip()
    return "cuda", text.strip()


def _device(text: str, where: str) -> str:
    device = text.strip()
    if not _DEVICE.match(device):
        raise ConfigurationError(
            f"devices {where!r}: {device!r} is no device. Write numbers or UUIDs such as 0,1 or GPU-4b2f..., RR, RR0:3, "
            "RR[1,3], or cpu:0-3."
        )
    return device


def _processors(text: str, replica: int, replicas: int, known: Sequence[int]) -> tuple[int, ...]:
    if not text:
        share = known[replica * len(known) // replicas : (replica + 1) * len(known) // replicas]
        return tuple(share) or (known[replica % len(known)],)  # more replicas than processors
    found: set[int] = set()
    for part in text.split(","):
        match = _PROCESSORS.match(part.strip())
        if match is None:
            raise ConfigurationError(f"devices 'cpu:{text}': {part!r} is no processor. Write them as cpu:0-3,8.")
        found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    missing = found.difference(known)
    if missing or not found:
        raise ConfigurationError(
            f"devices 'cpu:{text}': there is no processor {', '.join(map(str, sorted(missing))) or 'in it'}; this process "
            f"may use {', '.join(map(str, known))}."
        )
    return tuple(sorted(found))
