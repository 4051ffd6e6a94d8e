"""Containers that outlive the process that started them, found by files in its private directory, and ended.

Loaded where hardly anything is: by the fork server whose parent has died, and by whoever clears away what a dead one left.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from time import monotonic, sleep
from typing import NamedTuple
from urllib.parse import quote

SUFFIX = ".container"
LONGEST_NOTE = 4096
PATIENCE_SECONDS = 5.0
POLL_SECONDS = 0.1
BIRTH_SECONDS = 20.0
"""For how long an engine may still be making a container that it was asked for."""
GONE = (204, 409)
"""What an engine answers that has removed a container, or is about to."""


class Noted(NamedTuple):
    """A container, and the socket of its engine."""

    engine: str
    name: str


def note(directory: str, engine: str, name: str) -> str:
    """Write down that the container `name` of the engine at the socket `engine` belongs to `directory`; the file's path."""
    path = os.path.join(directory, f"{name}{SUFFIX}")
    with open(path, "w") as file:
        json.dump({"engine": engine, "name": name}, file)
    return path


def noted(directory: bytes | str) -> list[Noted]:
    """The containers of `directory`."""
    found = []
    with suppress(OSError):
        for entry in os.listdir(os.fsdecode(directory)):
            if entry.endswith(SUFFIX):
                found += _read(os.path.join(os.fsdecode(directory), entry))
    return found


def _read(path: str) -> list[Noted]:
    with suppress(OSError, ValueError, KeyError, TypeError), open(path) as file:
        said = json.loads(file.read(LONGEST_NOTE))
        return [Noted(str(said["engine"]), str(said["name"]))]
    return []


def end_containers(containers: list[Noted], seconds: float = 0.0) -> None:
    """End and remove them. One that is not there may still be about to be: it is looked for again for so many seconds. What
    cannot be asked is left alone."""
    until = monotonic() + seconds
    while containers:
        containers = [one for one in containers if not _ended(one)]
        if monotonic() >= until:
            return
        sleep(POLL_SECONDS)


def _ended(container: Noted) -> bool:
    try:
        return (
            engine_status(container.engine, "DELETE", f"/containers/{quote(container.name, safe='')}?force=1&v=1")
            in GONE
        )
    except OSError:
        return False


def engine_status(engine: str, method: str, path: str) -> int:
    """Ask the engine at the Unix socket `engine`; the status of its answer. Raises `OSError` where it does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(engine)
        connection.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: engine\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        head = connection.recv(64).split()
    if len(head) < 2 or not head[1].isdigit():
        raise ConnectionError("the engine did not answer in HTTP")
    return int(head[1])
