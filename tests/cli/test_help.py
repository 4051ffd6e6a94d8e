"""`thalweg help` and `thalweg schema`: what can be said, and what editors check it with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from thalweg.cli.main import main
from thalweg.config import DeploymentOptions, GatewayOptions, NodeOptions
from thalweg.config.catalogue import entries


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.mark.parametrize(
    "topic, model", [("deployment", DeploymentOptions), ("executor", NodeOptions), ("gateway", GatewayOptions)]
)
def test_a_topic_tells_all_its_options_in_the_words_of_the_schema(topic: str, model: type[DeploymentOptions]) -> None:
    found = json.loads(run("help", topic, "--json").output)
    assert [(one["option"], one["text"]) for one in found] == [(entry.name, entry.text) for entry in entries(model)]


@pytest.mark.parametrize(
    "query, told",
    [
        (["flow"], "drain_seconds"),
        (["limits"], "max_inflight_bytes"),
        (["max_inflight"], "Requests that are accepted and not yet answered."),
        (["--max-inflight"], "Requests that are accepted and not yet answered."),
        (["serve"], "Serve an Executor or a Flow until Ctrl-C."),
        (["timeout_send"], "Write timeout, in seconds."),
        (["override-with"], "Write uses_with."),
        (["prefetch"], "Has no effect"),
        (["stateful"], "Is refused"),
        (["side", "by", "side"], "allow_concurrent"),
        ([], "thalweg COMMAND --help"),
    ],
)
def test_a_query_finds(query: list[str], told: str) -> None:
    result = run("help", *query)
    assert result.exit_code == 0
    assert told in " ".join(result.output.split())


def test_what_is_not_found_is_told_with_what_is_near() -> None:
    result = run("help", "replcas")
    assert result.exit_code == 1
    assert "There is nothing about 'replcas'. Did you mean replicas" in result.output


def test_the_schema_is_printed_and_written(tmp_path: Path) -> None:
    printed = json.loads(run("schema").output)
    Draft202012Validator.check_schema(printed)
    for name in ("schema.json", "schema.yml"):
        assert run("schema", str(tmp_path / name)).exit_code == 0
    assert json.loads((tmp_path / "schema.json").read_text()) == printed
    assert "$defs" in (tmp_path / "schema.yml").read_text()
    assert run("schema", str(tmp_path / "absent" / "x.json")).exit_code == 2
