"""Processes that user code has started and that have left the process group of their worker, such as daemons.

Each worker tells those that it starts in an environment variable whose they are. Loaded by the fork server, and so light.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Iterator
from contextlib import suppress

from thalweg.service.control import OWNER


def end_stragglers(workers: Collection[int]) -> None:
    """End what these workers, which are dead, have left behind. Does nothing where the system lists no processes."""
    wanted = {f"{OWNER}={worker}".encode() for worker in workers}
    with suppress(FileNotFoundError):
        for pid in _all():
            if pid != os.getpid() and not wanted.isdisjoint(_environment(pid)):
                end_process(pid)


def end_process(pid: int) -> None:
    """End one, where it lives still."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def children() -> list[int]:
    """The children of this process, which has one thread; none where the system does not list them (proc(5))."""
    with suppress(OSError), open(f"/proc/self/task/{os.getpid()}/children") as found:
        return [int(pid) for pid in found.read().split()]
    return []


def _all() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _environment(pid: int) -> list[bytes]:
    with suppress(OSError), open(f"/proc/{pid}/environ", "rb") as variables:  # it has ended, or is somebody else's
        return variables.read().split(b"\0")
    return []
