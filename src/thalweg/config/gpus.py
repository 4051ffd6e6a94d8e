"""Which GPUs of its machine a container sees; pure.

It is written as Docker's command line takes it:

    all                      every GPU
    2                        two of them, whichever are free
    device=0,device=2        these, by number or UUID; `device=0,2` in quotes means the same
    device=GPU-4b2f          this one
    count=1,driver=nvidia,capabilities=utility,capabilities=compute
"""

from __future__ import annotations

import csv
from dataclasses import dataclass

ALL = -1
DEFAULT_CAPABILITY = "gpu"
KEYS = ("count", "device", "driver", "capabilities")


@dataclass(frozen=True)
class GpuRequest:
    """What an engine is asked for: so many GPUs (`ALL` of them), or those with these names."""

    count: int = 0
    devices: tuple[str, ...] = ()
    driver: str = ""
    capabilities: tuple[str, ...] = (DEFAULT_CAPABILITY,)


def gpu_request(text: str | int) -> GpuRequest:
    """What `text` asks for.

    Raises:
        ValueError: it is not understood, or contradicts itself; says how it is written.
    """
    if isinstance(text, bool) or not str(text).strip():
        raise ValueError(_explanation(str(text)))
    if isinstance(text, int) or text.strip().isdecimal() or text.strip().lower() == "all":
        return GpuRequest(_count(str(text)))
    found: dict[str, list[str]] = {key: [] for key in KEYS}
    last = ""
    for field in next(csv.reader([text.replace('"', "")], skipinitialspace=True)):
        key, equals, value = (part.strip() for part in field.partition("="))
        if not equals and last in ("device", "capabilities") and key:
            found[last].append(key)  # the rest of device=0,2
            continue
        if key not in found or not value:
            raise ValueError(_explanation(text))
        found[key].append(value)
        last = key
    return _checked(found, text)


def _checked(found: dict[str, list[str]], text: str) -> GpuRequest:
    counts, devices, drivers = found["count"], tuple(found["device"]), found["driver"]
    if len(counts) > 1 or len(drivers) > 1:
        raise ValueError(f"gpus={text!r} says twice how many, or which driver")
    if counts and devices:
        raise ValueError(f"gpus={text!r} says both how many and which; leave out one of them")
    if len(set(devices)) < len(devices):
        raise ValueError(f"gpus={text!r} names a device twice")
    capabilities = tuple(dict.fromkeys((DEFAULT_CAPABILITY, *found["capabilities"])))
    count = 0 if devices else _count(counts[0]) if counts else ALL
    return GpuRequest(count, devices, drivers[0] if drivers else "", capabilities)


def _count(text: str) -> int:
    word = text.strip().lower()
    if word == "all":
        return ALL
    if not word.isdecimal() or int(word) < 1:
        raise ValueError(f"gpus={text!r} is no number of GPUs: write 1 or more, or all")
    return int(word)


def _explanation(text: str) -> str:
    return f"gpus={text!r} is not understood: write all, a number, or device=0,device=1"
