"""Memory of one process, as the kernel counts it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Memory:
    """In MB of a million bytes: resident, shared pages counted by share, and pages of its own."""

    rss: float
    pss: float
    uss: float


def read_rollup(text: str) -> Memory:
    """The figures in the text of /proc/PID/smaps_rollup."""
    kilobytes = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}
    own = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return Memory(*(round(value * 1024 / 1e6, 3) for value in (kilobytes["Rss"], kilobytes["Pss"], own)))


def memory(pid: int) -> Memory:
    """What process `pid` holds now."""
    return read_rollup(Path(f"/proc/{pid}/smaps_rollup").read_text())
