"""Containers that outlive the process that started them, found by files in its private directory, and ended.

Loaded where hardly anything is: by the fork server whose parent has died, and by whoever clears away what a dead one left.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote

SUFFIX = ".container"
LONGEST_NOTE = 4096
PATIENCE_SECONDS = 5.0


def note(directory: str, engine: str, name: str) -> str:
    """Write down that the container `name` of the engine at the socket `engine` belongs to `directory`; the file's path."""
    path = os.path.join(directory, f"{name}{SUFFIX}")
    with open(path, "w") as file:
        json.dump({"engine": engine, "name": name}, file)
    return path


def end_containers(directory: bytes | str) -> None:
    """End and remove all containers of `directory`. What cannot be asked any more is left alone."""
    for engine, name in _noted(os.fsdecode(directory)):
        with suppress(OSError):
            ask(engine, "DELETE", f"/containers/{quote(name)}?force=1&v=1")


def _noted(directory: str) -> Iterator[tuple[str, str]]:
    with suppress(OSError):
        for entry in os.listdir(directory):
            if entry.endswith(SUFFIX):
                with suppress(OSError, ValueError, KeyError, TypeError), open(os.path.join(directory, entry)) as file:
                    found = json.loads(file.read(LONGEST_NOTE))
                    yield str(found["engine"]), str(found["name"])


def ask(engine: str, method: str, path: str) -> int:
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
