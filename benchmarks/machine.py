"""What machine the figures come from."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path


def processor(text: str) -> str:
    """The model name in the text of /proc/cpuinfo."""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


def memory_gib(text: str) -> float:
    """Total memory in the text of /proc/meminfo, in GiB."""
    found = re.search(r"^MemTotal:\s*(\d+) kB$", text, re.MULTILINE)
    return int(found.group(1)) / (1 << 20) if found else 0.0


def wrk_version() -> str:
    done = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False)
    return " ".join(done.stdout.split()[:2])


def describe() -> dict[str, str]:
    """The machine in a few lines; nothing in it names a host, a user or a folder."""
    return {
        "processor": processor(Path("/proc/cpuinfo").read_text()),
        "cores": str(os.cpu_count()),
        "memory": f"{memory_gib(Path('/proc/meminfo').read_text()):.0f} GiB",
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "load generator": f"{wrk_version()}, one thread",
    }
