import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import command, environment


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """A folder with a plugin `thalweg-greet`, one that takes a command's name, and a file that is no program."""
    for name, script in {
        "thalweg-greet": 'echo "hello $*"; read line; echo "read $line"; exit 7',
        "thalweg-check": "echo not reached",
        "thalweg-notes": "",
    }.items():
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o644 if name == "thalweg-notes" else 0o755)
    return tmp_path


def run(plugins: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    path = f"{plugins}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command(*words),
        env=environment(PATH=path),
        input="in\n",
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


def test_a_plugin_gets_its_words_and_standard_input_and_its_exit_code_is_passed_on(plugins: Path) -> None:
    done = run(plugins, "greet", "--help", "-x", "you")
    assert done.stdout == "hello --help -x you\nread in\n"
    assert done.returncode == 7


def test_plugins_are_listed_and_suggested_and_never_take_a_commands_place(plugins: Path) -> None:
    done = run(plugins, "--help")
    assert "Plugins:" in done.stdout
    assert f"greet  {plugins}/thalweg-greet" in done.stdout
    assert "notes" not in done.stdout
    assert "Did you mean 'greet'?" in run(plugins, "gret").stderr
    assert "Usage: thalweg check" in run(plugins, "check", "--help").stdout


def test_a_name_is_no_path(plugins: Path) -> None:
    (plugins / "thalweg-x").mkdir()
    assert run(plugins, "x/../../etc").returncode == 2
    assert run(plugins, "x").returncode == 2
