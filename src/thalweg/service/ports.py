"""Who holds a port of this machine, as far as the system tells this user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
"""See proc(5) and https://docs.kernel.org/networking/proc_net_tcp.html."""
LISTENING = "0A"


def holder(port: int) -> str:
    """`process 4711 (python)` for who listens at `port`; empty where that cannot be found: it belongs to another user, or
    the system has no such tables."""
    wanted = {f"socket:[{inode}]" for inode in _listening(port)}
    if not wanted:
        return ""
    for name in os.listdir("/proc"):
        if name.isdigit() and _holds(name, wanted):
            return f"process {name} ({_command(name)})"
    return ""


def _listening(port: int) -> Iterator[str]:
    """Inodes of the sockets that listen at `port`."""
    for table in TABLES:
        with suppress(OSError), open(table) as lines:
            for line in list(lines)[1:]:
                fields = line.split()
                if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]


def _holds(pid: str, wanted: set[str]) -> bool:
    folder = f"/proc/{pid}/fd"
    with suppress(OSError):  # it has ended, or is somebody else's
        for descriptor in os.listdir(folder):
            with suppress(OSError):  # closed meanwhile
                if os.readlink(f"{folder}/{descriptor}") in wanted:
                    return True
    return False


def _command(pid: str) -> str:
    with suppress(OSError), open(f"/proc/{pid}/comm") as name:
        return name.read().strip()
    return "ended"
