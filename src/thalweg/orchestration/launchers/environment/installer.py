"""uv where it is there, else pip: what puts libraries into an environment."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from thalweg.errors import MissingDependency, StartupFailed

POLL_SECONDS = 0.05
LONGEST_EXPLANATION = 2000
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}
"""pip's options, and the variables by which uv is told the same."""

END_WITH_PARENT = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""
"""A program that becomes another one, which does not outlive who asked for it."""

_START = re.compile(r"^\s*(?:ERROR:|error:|×|x No solution)", re.MULTILINE)
_NOISE = re.compile(r"^(?:WARNING:|\[notice\]|DEPRECATION:).*\n?", re.MULTILINE)


def installation(python: Path, files: Sequence[Path], constraints: Path) -> tuple[list[str], dict[str, str]]:
    """The command that installs what `files` require into the environment of `python`, and its variables.

    Raises:
        MissingDependency: neither uv nor pip is here.
    """
    wanted = [part for file in files for part in ("-r", str(file))]
    uv = shutil.which("uv", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))))
    if uv is not None:
        head = [uv, "--no-progress", "--color", "never", "pip", "install", "--python", str(python)]
        return [*head, *wanted, "-c", str(constraints)], {**os.environ, **_index_of_pip(os.environ)}
    if importlib.util.find_spec("pip") is None:
        raise MissingDependency("An environment of an Executor's own needs an installer: install uv, or pip.")
    head = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    quiet = ["--no-input", "--disable-pip-version-check", "--no-color"]
    return [*head, *quiet, *wanted, "-c", str(constraints)], dict(os.environ)


def _index_of_pip(environment: Mapping[str, str]) -> dict[str, str]:
    """uv does not read what pip is configured with: where the index is known only to pip, tell it."""
    if any(name.startswith("UV_") for name in environment):
        return {}
    found = dict.fromkeys(UV_NAMES, "")
    if importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "config", "list"]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        for line in sorted(said.splitlines(), key=lambda line: line.startswith(":env:")):
            name, _, value = line.partition("=")
            option = name.rpartition(".")[2]
            if option in found:  # variables come last, and win: pip lists them where it likes
                found[option] = value.strip().strip("'\"").replace("\\n", " ")
    found["find-links"] = ",".join(found["find-links"].split())
    told = {UV_NAMES[option]: value for option, value in found.items() if value}
    return {**told, "UV_INDEX_STRATEGY": "unsafe-best-match"} if found["extra-index-url"] else told  # as pip looks


def run_installer(command: Sequence[str], environment: Mapping[str, str], given_up: threading.Event) -> None:
    """Run an installer, until it has ended or is `given_up`.

    Raises:
        StartupFailed: it failed; holds what it said, in short.
    """
    wrapped = [sys.executable, "-I", "-S", "-c", END_WITH_PARENT, str(os.getpid()), *command]
    with subprocess.Popen(
        wrapped, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        watching = threading.Thread(target=_end_when_given_up, args=(process, given_up), daemon=True)
        watching.start()
        assert process.stdout is not None
        said = process.stdout.read()
    watching.join()
    if process.returncode:
        raise StartupFailed(installer_words(said))


def _end_when_given_up(process: subprocess.Popen[str], given_up: threading.Event) -> None:
    while process.poll() is None:
        if given_up.wait(POLL_SECONDS):
            process.kill()
            return


def installer_words(said: str) -> str:
    """What an installer said, from where it says what was wrong."""
    text = _NOISE.sub("", said).strip()
    match = _START.search(text)
    return (text[match.start() :] if match else text)[-LONGEST_EXPLANATION:].strip() or "it said nothing"
