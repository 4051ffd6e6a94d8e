"""Options of the command line, which the models make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from thalweg.cli.options import ModelCommand, given_values, model_options
from thalweg.cli.serve import serve_command
from thalweg.cli.target import find
from thalweg.config import DeploymentOptions, GatewayOptions
from thalweg.config.load import parse_options
from thalweg.errors import ConfigurationError


@click.command("options", cls=ModelCommand)
@click.argument("target", required=False)
@model_options(DeploymentOptions)
def command(target: str | None, **given: Any) -> tuple[str | None, dict[str, Any]]:
    return target, given_values(given)


def said(*words: str) -> tuple[str | None, dict[str, Any]]:
    found: tuple[str | None, dict[str, Any]] = command.main(list(words), standalone_mode=False)
    return found


@pytest.mark.parametrize(
    "words, expected",
    [
        (["--env", "a=1", "b: 2", '{"c": 3}', "f.yml"], {"env": {"a": 1, "b": 2, "c": 3}}),
        (["f.yml", "--env", "a=1", "--env", "b=2"], {"env": {"a": 1, "b": 2}}),
        (
            ["f.yml", "--uses-with", "model=x", "sizes=[1, 2]", "deep={a: 1}"],
            {"uses_with": {"model": "x", "sizes": [1, 2], "deep": {"a": 1}}},
        ),
        (
            ["--port", "8080", "50051", "f.yml", "--protocol", "http", "grpc"],
            {"port": ["8080", "50051"], "protocol": ["http", "grpc"]},
        ),
        (["--cors", "f.yml"], {"cors": True}),
        (["f.yml", "--no-cors"], {"cors": False}),
        (["--cors", "max_age=5", "f.yml"], {"cors": {"max_age": 5}}),
        (["f.yml", "--limits", "max_inflight=5"], {"limits": {"max_inflight": 5}}),
        (["f.yml", "--polling", "ALL"], {"polling": "ALL"}),
        (["f.yml", "--polling", "/index=ANY", "*=ALL"], {"polling": {"/index": "ANY", "*": "ALL"}}),
        (["f.yml", "--allow-concurrent"], {"allow_concurrent": True}),
        (["f.yml", "--allow-concurrent", "4"], {"allow_concurrent": 4}),
        (["f.yml", "--stuck-after", "null"], {"stuck_after": None}),
        (["f.yml", "--quiet-error", "--no-development"], {"quiet_error": True, "development": False}),
        (["f.yml", "--entrypoint", '["python", "main.py"]'], {"entrypoint": ["python", "main.py"]}),
    ],
)
def test_values_are_written_as_they_are_in_jina(words: list[str], expected: dict[str, Any]) -> None:
    target, values = said(*words)
    assert (target, values) == ("f.yml", expected)
    parse_options(DeploymentOptions, {**values, **({"protocol": ["http"]} if "cors" in values else {})})


@pytest.mark.parametrize("words", [["--uses-with", "size"], ["--env", "{1: "], ["--limits", "[1"]])
def test_what_is_no_value_is_refused(words: list[str]) -> None:
    with pytest.raises((click.BadParameter, ConfigurationError)):
        parse_options(DeploymentOptions, said(*words)[1])


def test_an_unknown_option_ends_the_command_and_names_the_nearest() -> None:
    result = CliRunner().invoke(serve_command, ["f.yml", "--replcas", "2"])
    assert result.exit_code == 2
    assert "--replicas" in result.output


def test_secrets_need_not_stand_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "correct-horse-battery")
    _, values = said("--env", "TOKEN=${{ ENV.SOME_TOKEN }}")
    assert values["env"]["TOKEN"] == "correct-horse-battery"
    assert "correct-horse-battery" not in repr(values)


def test_options_of_jina_are_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "d.yml").write_text("jtype: Deployment\nwith: {uses: 'a.b:C', replicas: 2}\n")
    _, values = said("--timeout-send", "1500", "--native", "--port-expose", "8080", "--no-reduce")
    found = find(str(tmp_path / "d.yml"), values)
    assert isinstance(found, DeploymentOptions)
    assert (found.timeout, found.port, found.reduce, found.replicas) == (1.5, (8080,), False, 2)
    assert "timeout_send is Jina's name for it; write timeout, in seconds" in capsys.readouterr().err


def test_the_environment_says_what_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THALWEG_OPTIONS_PORT", "8080 50051")
    monkeypatch.setenv("THALWEG_OPTIONS_REPLICAS", "2")
    monkeypatch.setenv("THALWEG_OPTIONS_ENV", "A=1 B=2")
    monkeypatch.setenv("THALWEG_OPTIONS_QUIET_ERROR", "1")
    _, values = said("--replicas", "3")
    assert values == {"port": ["8080", "50051"], "replicas": 3, "env": {"A": 1, "B": 2}, "quiet_error": True}


def test_help_shows_every_option_in_its_group() -> None:
    text = CliRunner().invoke(serve_command, ["--help"]).output
    for name in DeploymentOptions.model_fields.keys() | GatewayOptions.model_fields.keys():
        if name != "uses":
            assert f"--{name.replace('_', '-')}" in text, name
    assert "Where a Gateway or a Deployment listens:" in text
    assert "--override-with" not in text


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("flow") / "flow.yml"
    file.write_text("jtype: Flow\nwith: {port: 1, log_level: DEBUG}\nexecutors: [{uses: 'a.b:C'}, {uses: 'a.b:D'}]\n")
    return file


def test_options_of_a_flow_win_over_its_file(flow: Path) -> None:
    found = find(str(flow), {"port": ["9"], "title": "T", "drain_seconds": "3"})
    assert not isinstance(found, DeploymentOptions)
    assert (found.gateway.port, found.gateway.title, found.gateway.drain_seconds) == ((9,), "T", 3.0)


@pytest.mark.parametrize(
    "words, told",
    [
        (["deployment", "--uses", "{flow}"], "describes a Flow: thalweg flow --uses"),
        (["flow", "--uses", "{deployment}"], "describes a Deployment: thalweg deployment --uses"),
        (["flow", "--uses", "absent.yml"], "absent.yml cannot be read"),
        (["gateway", "--uses", "a b"], "uses='a b' names nothing"),
    ],
)
def test_jinas_commands_say_what_is_wrong(words: list[str], told: str, flow: Path, tmp_path: Path) -> None:
    from thalweg.cli.main import main

    (tmp_path / "d.yml").write_text("jtype: Deployment\nwith: {uses: 'a.b:C'}\n")
    result = CliRunner().invoke(main, [word.format(flow=flow, deployment=tmp_path / "d.yml") for word in words])
    assert result.exit_code == 1
    assert told in result.stderr
