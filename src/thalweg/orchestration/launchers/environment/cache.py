"""Environments on disk: made once for all that want the same, and kept."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import sysconfig
import threading
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from thalweg.errors import Cancelled, StartupFailed
from thalweg.orchestration.launchers.environment.core import constraints, core, discard, write_notes
from thalweg.orchestration.launchers.environment.installer import POLL_SECONDS, installation, run_installer
from thalweg.orchestration.launchers.environment.requirements import absolute, all_lines, key

FOLDER = "THALWEG_CACHE"
"""Environment variable: below which folder environments are kept, among others."""
READY = "ready.json"
"""The file that is written last. An environment without it was never finished."""


class Environment(NamedTuple):
    """An environment that is ready."""

    folder: Path
    path: tuple[str, ...]
    """Where its own libraries are."""

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"


def environments_folder() -> Path:
    """Where they are kept: below THALWEG_CACHE, else where this system keeps what can be made again."""
    given = os.environ.get(FOLDER)
    if given:
        return Path(given).expanduser() / "environments"
    usual = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or usual) / "thalweg" / "environments"


def environment(lines: Sequence[str], files: Sequence[str], given_up: threading.Event) -> Environment:
    """The environment with these requirements, made now where there is none. Blocks; others who want the same wait.

    Raises:
        StartupFailed: they cannot be installed; holds what the installer said.
        ConfigurationError: a file that they name is not there.
        Cancelled: it was given up.
    """
    wanted = [*absolute(lines, Path.cwd()), *(f"-r {file}" for file in files)]
    below = [f"{each.metadata['Name']}=={each.version}" for each in core()]
    folder = environments_folder() / key(list(all_lines(wanted, Path.cwd())), below)
    found = _finished(folder)
    if found is not None:
        return found
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(folder.with_suffix(".lock"), given_up):
        return _finished(folder) or _made(folder, wanted, given_up)


def _finished(folder: Path) -> Environment | None:
    try:
        path = tuple(json.loads((folder / READY).read_text("utf-8"))["path"])
    except (OSError, ValueError, KeyError):
        return None
    found = Environment(folder, path)
    return found if found.python.exists() else None  # the interpreter below it may have been removed since


def _made(folder: Path, wanted: Sequence[str], given_up: threading.Event) -> Environment:
    discard(folder)
    try:
        venv.EnvBuilder(symlinks=True).create(folder)
        site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
        write_notes(site, core())
        required, bounds = folder / "requirements.txt", folder / "constraints.txt"
        required.write_text("\n".join(wanted) + "\n", "utf-8")
        bounds.write_text("\n".join(constraints()) + "\n", "utf-8")
        command, variables = installation(folder / "bin" / "python", [required], bounds)
        run_installer(command, variables, given_up)
        if given_up.is_set():
            raise Cancelled("nobody waits for it any more")
        return _sealed(folder)
    except BaseException:
        discard(folder)
        raise


def _sealed(folder: Path) -> Environment:
    """Note what its interpreter adds to the path, and so that it is finished."""
    command = [str(folder / "bin" / "python"), "-I", "-c", "import json, sys; print(json.dumps(sys.path))"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode:
        raise StartupFailed(f"its interpreter does not run: {said.stderr.strip()[-500:]}")
    library = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    below = {*library, *(f"{path}/lib-dynload" for path in library), f"{Path(sysconfig.get_path('stdlib')).parent}/"}
    path = [entry for entry in json.loads(said.stdout) if entry and entry not in below and not entry.endswith(".zip")]
    unfinished = folder / f"{READY}.new"
    unfinished.write_text(json.dumps({"path": path}), "utf-8")
    unfinished.rename(folder / READY)
    return Environment(folder, tuple(path))


@contextmanager
def _alone(path: Path, given_up: threading.Event) -> Iterator[None]:
    """While no other process of this machine is in it."""
    lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if given_up.wait(POLL_SECONDS):
                    raise Cancelled("nobody waits for it any more") from None
        yield
    finally:
        os.close(lock)
