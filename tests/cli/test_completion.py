"""In the real shells, as far as this machine has them."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke

SECONDS = 60


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """An environment whose path begins with `thalweg`, in a folder with a few files."""
    for name in ("flow.yml", "notes.txt", "encoder.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "deep").mkdir()
    folder = Path(sys.prefix) / "bin"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ZDOTDIR", "XDG_", "FISH"))}
    return {**kept, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "dumb"}


def needs(shell: str) -> str:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"there is no {shell} here")
    return found


CASES = [
    ("thalweg se", {"serve"}),
    ("thalweg serve fl", {"flow.yml"}),
    ("thalweg top --on", {"--once"}),
    ("thalweg export flowchart fl", {"flow.yml"}),
    ("thalweg new x --template se", {"search"}),
    ("thalweg completion f", {"fish"}),
]


def said(surroundings: dict[str, str], folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """What a shell prints."""
    return subprocess.run(
        command, env=surroundings, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )


@pytest.mark.parametrize("line, offered", CASES)
def test_bash(surroundings: dict[str, str], tmp_path: Path, line: str, offered: set[str]) -> None:
    script = f"""
        source <(thalweg completion bash)
        COMP_WORDS=({line}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )); COMP_LINE='{line}'
        _thalweg_completion thalweg
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = said(surroundings, tmp_path, needs("bash"), "--norc", "-c", script)
    assert {word.rstrip("/") for word in done.stdout.split()} == offered, done.stderr


@pytest.mark.parametrize("line, offered", CASES)
def test_fish(surroundings: dict[str, str], tmp_path: Path, line: str, offered: set[str]) -> None:
    script = f"thalweg completion fish | source; complete --do-complete '{line}'"
    done = said(surroundings, tmp_path, needs("fish"), "--no-config", "-c", script)
    assert {found.split("\t")[0].rstrip("/") for found in done.stdout.splitlines()} == offered, done.stderr


def test_zsh(surroundings: dict[str, str], tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    begin = "autoload -U compinit; compinit -u -D; eval \"$(thalweg completion zsh)\"; PS1=; echo GO'NE ON'\n"
    with subprocess.Popen(
        [needs("zsh"), "-f", "-i"],
        env={**surroundings, "TERM": "xterm"},
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as shell:
        os.close(theirs)
        try:
            os.write(ours, begin.encode())
            read_to(ours, "GONE ON")
            os.write(ours, b"thalweg comple\t")
            read_to(ours, "completion")
            os.write(ours, b"f\t")
            read_to(ours, "fish")
        finally:
            shell.kill()
            os.close(ours)


def read_to(terminal: int, text: str) -> str:
    """What the terminal shows until `text` is there."""
    shown, end = "", time.monotonic() + SECONDS
    while text not in shown:
        ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"{text!r} does not come:\n{shown}"
        shown += os.read(terminal, 1 << 14).decode(errors="replace")
    return shown


def test_the_shell_is_the_users_own_where_none_is_named(invoke: Invoke) -> None:
    assert "complete -o" in invoke("completion", SHELL="/usr/bin/bash").stdout
    refused = invoke("completion", SHELL="/bin/tcsh")
    assert refused.exit_code == 2
    assert "bash, zsh, fish" in refused.stderr
