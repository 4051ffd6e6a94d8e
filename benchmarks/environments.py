"""One virtual environment for each contestant, made once and used again."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(__file__).resolve().parent / ".environments"
STAMP = "installed.txt"

REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "thalweg": ("-e", ".[simdjson]"),
    "docarray": ("docarray==0.40.0", "pydantic==2.9.2", "numpy==2.2.6", "protobuf==5.29.6"),
    # Jina pins few of its dependencies; these are the newest ones that its last release still starts with.
    "jina": (
        "jina==3.34.0",
        "docarray==0.40.0",
        "pydantic==2.9.2",
        "fastapi==0.115.6",
        "starlette<0.42",
        "numpy<2.3",
        "opentelemetry-sdk==1.29.0",
        "opentelemetry-instrumentation-fastapi==0.50b0",
        "opentelemetry-exporter-otlp==1.29.0",
        "setuptools<80",
        "websockets<14",
    ),
    "mosec": ("mosec", "msgspec"),
    "litserve": ("litserve",),
    "bentoml": ("bentoml",),
    "ray": ("ray[serve]",),
    "fastapi": ("fastapi", "uvicorn[standard]"),
}


class EnvironmentFailed(Exception):
    """The packages of a contestant could not be installed; the message ends with what pip said."""


@dataclass(frozen=True)
class Environment:
    """A contestant's interpreter."""

    name: str
    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def versions(self) -> dict[str, str]:
        """Version of every installed distribution, names in lower case."""
        script = (
            "import importlib.metadata as m\nfor d in m.distributions(): print(d.metadata['Name'].lower(), d.version)"
        )
        out = subprocess.run([self.python, "-c", script], capture_output=True, text=True, check=True, cwd=self.folder)
        return dict(line.split(" ", 1) for line in out.stdout.splitlines())


def fingerprint(requirements: tuple[str, ...], project: tuple[str, ...] = ()) -> str:
    """What an environment was made from: it is brought up to date when this changes."""
    text = "\n".join((sys.version, *requirements, *project))
    return hashlib.sha256(text.encode()).hexdigest()


def environment(name: str, say: Callable[[str], None] = print) -> Environment:
    """The environment of contestant `name`, made where it is missing and updated where it is out of date.

    Raises:
        EnvironmentFailed: pip could not install it.
    """
    requirements = REQUIREMENTS[name]
    made = Environment(name, FOLDER / name)
    stamp = made.folder / STAMP
    wanted = fingerprint(requirements, _dependencies() if "-e" in requirements else ())
    with _alone():
        if not stamp.exists() or stamp.read_text() != wanted:
            say(f"installing {name} into {made.folder.relative_to(ROOT)} ...")
            venv.create(made.folder, clear=not stamp.exists(), with_pip=True, symlinks=True)
            _install(made, requirements)
            stamp.write_text(wanted)
    return made


@contextmanager
def _alone() -> Iterator[None]:
    """Two programs that install into one environment at once would break it: the second one waits."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _dependencies() -> tuple[str, ...]:
    return tuple(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])


def _install(made: Environment, requirements: tuple[str, ...]) -> None:
    command = [made.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EnvironmentFailed(f"{made.name} could not be installed:\n{done.stderr[-2000:]}")
