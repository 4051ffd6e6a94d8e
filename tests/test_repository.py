"""What a fresh clone must hold before anything in it is run."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import thalweg

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MAKE = shutil.which("make")


def requirements() -> list[str]:
    return [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]


def test_there_are_the_extras_that_the_documentation_names() -> None:
    assert {"demo", "test", "dev", "bench"} <= set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("requirement", PROJECT["dependencies"])
def test_a_core_dependency_has_a_lower_bound(requirement: str) -> None:
    assert ">=" in requirement


@pytest.mark.parametrize("requirement", requirements())
def test_no_dependency_is_capped(requirement: str) -> None:
    assert not re.search(r"==|<|~=", requirement.partition(";")[0])


def test_the_licence_is_the_whole_of_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["license"] == "Apache-2.0"


def test_the_changelog_knows_this_version() -> None:
    assert re.search(
        rf"^## \[{re.escape(thalweg.__version__)}\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )


def test_what_has_to_pass_is_one_executable_that_calls_two_targets() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    commands = re.findall(r"^(?:\.ci/engine )?(make .*)$", script.read_text("utf-8"), re.MULTILINE)
    assert commands == ["make check", "make test"]


def test_each_file_that_is_known_to_take_long_is_there() -> None:
    from tests.schedule import SECONDS

    assert [file for file in SECONDS if not (ROOT / file).exists()] == []


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
@pytest.mark.parametrize("target", ["demo", "test", "check", "bench"])
def test_each_target_makes_its_own_environment(target: str, tmp_path: Path) -> None:
    plan = make(target, "--dry-run", folder=tmp_path)
    assert plan.returncode == 0, plan.stderr
    assert plan.stdout.index("-m venv") < plan.stdout.index("-m scripts.install")


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
def test_a_target_whose_environment_is_there_installs_nothing(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/pip").touch()
    (tmp_path / ".test").touch()
    (tmp_path / ".numpy1").touch()
    (tmp_path / "jina-wire").mkdir()
    (tmp_path / "jina-wire/.tried").touch()
    plan = make("test", "--dry-run", folder=tmp_path)
    assert "-m pytest" in plan.stdout
    assert "install" not in plan.stdout


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
@pytest.mark.parametrize(
    "interpreter, message",
    [
        ('echo "Python 3.9.2"; exit 1', "is Python 3.9.2, but Thalweg needs Python 3.11 or newer"),
        ('case "$*" in *ensurepip*) exit 1;; esac', "has no venv module"),
    ],
)
def test_an_interpreter_that_will_not_do_is_refused_with_advice(interpreter: str, message: str, tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.write_text(f"#!/bin/sh\n{interpreter}\n")
    python.chmod(0o755)
    done = make("test", f"PYTHON={python}", folder=tmp_path / "venv")
    assert done.returncode != 0
    assert message in done.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
def test_an_interpreter_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = make("test", "PYTHON=python-that-is-not-there", folder=tmp_path / "venv")
    assert "there is no 'python-that-is-not-there'" in done.stderr


def make(*words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run make with its virtual environment in `folder`, free of the make that may have started this test."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        [MAKE or "make", *words, f"VENV={folder}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="not a clone")
def test_no_committed_file_knows_the_machine_it_was_written_on() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    private = re.compile(
        r"file://" + r"/\S*simple|--(?:extra-)?index-url\b|index-url\s*=\s*(?!'(?:https://example\.org/|\\))"
    )
    found = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and path != Path(__file__) and private.search(path.read_text("utf-8", errors="ignore")):
            found.append(name)
    assert found == []
