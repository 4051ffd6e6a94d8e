"""A worker in a container: it brings its Executor, and calls whoever started the container at a socket that is mounted."""

from __future__ import annotations

import os
import platform
import socket

from thalweg.errors import ConfigurationError
from thalweg.executor.loading import Reference
from thalweg.service import process
from thalweg.service.control import WIRE, Hello, pack

CONTROL = "THALWEG_CONTROL"
"""Environment variable that holds the path of the socket. Without it nobody waits for the container."""


def control() -> str | None:
    """Where the one listens who started this container, if there is one. User code does not see it afterwards."""
    return os.environ.pop(CONTROL, None)


def obey(path: str, executor: Reference) -> int:
    """Be the worker that the other side of the socket at `path` asks for, with this Executor. Returns the exit code.

    Raises:
        ConfigurationError: nobody listens there.
    """
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        channel.connect(path)
    except OSError as error:
        channel.close()
        raise ConfigurationError(
            f"{CONTROL}={path}: nobody listens there ({error.strerror or error}). The container has to run on the machine "
            f"of the process that started it."
        ) from None
    channel.sendall(pack(_hello()))
    process.preload()
    return process.main(channel, executor)


def _hello() -> Hello:
    from thalweg import __version__

    return Hello(WIRE, __version__, platform.python_version())
