import re
import subprocess
import sys

import pytest

import thalweg


def test_the_version_is_told(run) -> None:
    assert run("--version").stdout.splitlines()[0] == f"thalweg {thalweg.__version__}"


@pytest.mark.parametrize("words", [["--help"], ["serve", "-h"], ["call", "--help"], ["check", "--help"]])
def test_every_command_explains_itself(run, words: list[str]) -> None:
    done = run(*words)
    assert done.returncode == 0
    assert re.match(r"Usage: thalweg", done.stdout)
    assert "\x1b" not in done.stdout


def test_help_names_the_exit_codes(run) -> None:
    assert "  4  nobody is there, or too busy" in run("call", "--help").stdout


@pytest.mark.parametrize(
    "words, message",
    [
        (["sevre"], "No such command 'sevre'. Did you mean 'serve'?"),
        (["serve"], "Missing argument 'TARGET'"),
        (["serve", "a:b", "--prt", "1"], "No such option"),
        (["call", "http://localhost:1", "encode"], "did you mean '/encode'?"),
        (["call", "http://localhost:1", "/encode", "{text: hi}"], "DATA is not JSON"),
        (["call", "http://localhost:1", "/encode", "[1]"], "one JSON object, or a list of them"),
        (["call", "http://localhost:1", "/encode", "@absent.json"], "absent.json cannot be read"),
        (["call", "http://localhost:1", "/encode", "--parameters", "[]"], "It must be a JSON object"),
        (["call", "http://localhost:1", "/encode", "--header", "x"], "write 'name: value'"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_advice(run, words: list[str], message: str) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert message in done.stderr.replace("\n", " ")
    assert done.stdout == ""


def test_the_installed_command_is_the_same() -> None:
    script = f"{sys.prefix}/bin/thalweg"
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == f"thalweg {thalweg.__version__}"
