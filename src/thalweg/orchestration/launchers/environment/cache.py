"""Environments on disk: made once for all that want the same, and kept until `thalweg environments` removes them.

Two files beside each keep processes apart: whoever makes it is alone with `.lock`, and whoever runs in it has a share of
`.used`, whose time is that of the last use.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import sysconfig
import threading
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from thalweg.errors import Cancelled, StartupFailed
from thalweg.orchestration.launchers.environment.core import constraints, core, discard, write_notes
from thalweg.orchestration.launchers.environment.installer import POLL_SECONDS, installation, run_installer
from thalweg.orchestration.launchers.environment.requirements import absolute, all_lines, key

FOLDER = "THALWEG_CACHE"
"""Environment variable: below which folder environments are kept, among others."""
READY = "ready.json"
"""The file that is written last. An environment without it was never finished."""
REQUIREMENTS = "requirements.txt"
"""The file with what was asked for."""
MAKING = ".lock"
USING = ".used"


@dataclass(frozen=True)
class Environment:
    """An environment that is ready, and is not removed before it is left."""

    folder: Path
    path: tuple[str, ...]
    """Where its own libraries are."""
    share: int | None = field(default=None, compare=False)
    """Descriptor of the share in its use; None where there can be none, since nobody may write there."""

    def leave(self) -> None:
        """It may be removed again. To be called once."""
        if self.share is not None:
            with suppress(OSError):
                os.utime(self.share)
            os.close(self.share)

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


def environment(
    lines: Sequence[str], files: Sequence[str], given_up: threading.Event, begins: Callable[[], None] = lambda: None
) -> Environment:
    """The environment with these requirements, made now where there is none; the caller leaves it. Blocks; others who want
    the same wait.

    Args:
        begins: called where it is not there yet, before it is made or waited for.

    Raises:
        StartupFailed: they cannot be installed; holds what the installer said.
        ConfigurationError: a file that they name is not there.
        Cancelled: it was given up.
    """
    wanted = [*absolute(lines, Path.cwd()), *(f"-r {file}" for file in files)]
    below = [f"{each.metadata['Name']}=={each.version}" for each in core()]
    folder = environments_folder() / key(list(all_lines(wanted, Path.cwd())), below)
    share = _share(folder, given_up)
    try:
        found = _finished(folder)
        if found is None:
            begins()
            with _alone(folder, given_up):
                found = _finished(folder) or _made(folder, wanted, given_up)
    except BaseException:
        if share is not None:
            os.close(share)
        raise
    return replace(found, share=share)


def _share(folder: Path, given_up: threading.Event) -> int | None:
    """A descriptor for one's share in the use of an environment."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        share = locked(folder.with_suffix(USING), fcntl.LOCK_SH, given_up)
        os.utime(share)
    except OSError:
        if _finished(folder) is not None:
            return None  # it was made for all by somebody else
        raise
    return share


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
        required, bounds = folder / REQUIREMENTS, folder / "constraints.txt"
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
def _alone(folder: Path, given_up: threading.Event) -> Iterator[None]:
    """While no other process of this machine makes it."""
    lock = locked(folder.with_suffix(MAKING), fcntl.LOCK_EX, given_up)
    try:
        yield
    finally:
        os.close(lock)


def locked(path: Path, how: int, given_up: threading.Event) -> int:
    """A descriptor of the file `path`, made where there is none, once it is locked: to be closed.

    Args:
        how: as `fcntl.flock` takes it.

    Raises:
        Cancelled: it was given up before another one let go of it.
    """
    while True:
        lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
            if _is_at(lock, path):  # else it was removed before it was ours
                lock, found = -1, lock
                return found
        except BlockingIOError:
            if given_up.wait(POLL_SECONDS):
                raise Cancelled("nobody waits for it any more") from None
        finally:
            if lock >= 0:
                os.close(lock)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
