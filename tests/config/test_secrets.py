"""Secrets: used where they are needed, shown and written nowhere."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from pydantic import SecretStr

from thalweg import Deployment, Flow
from thalweg.config import AccessOptions, ClientTlsOptions, NodeOptions
from thalweg.config.description import yaml_text
from thalweg.config.load import load_flow, parse_options
from thalweg.config.schema import json_schema
from thalweg.config.secrets import HIDDEN, Secret, hidden, looks_secret, revealed
from thalweg.errors import ConfigurationError

TEXT = "correct-horse-battery-staple"


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "api_key").write_text(f"{TEXT}\n")
    monkeypatch.setenv("THALWEG_SECRETS", str(tmp_path))
    monkeypatch.setenv("SOME_TOKEN", TEXT)
    monkeypatch.setenv("NUMBER_TOKEN", "1234567890123456")


@pytest.mark.parametrize("place", ["ENV.SOME_TOKEN", "SECRET.api_key"])
def test_a_secret_is_used_and_never_shown(place: str) -> None:
    secret = Secret.at(place)
    assert secret == TEXT
    assert secret.get_secret_value() == TEXT
    assert type(secret.get_secret_value()) is str
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret:>40}", "%s" % secret, repr({"a": [secret]})):  # noqa: UP031
        assert TEXT not in shown
        assert place in shown
    again = pickle.loads(pickle.dumps(secret))  # noqa: S301
    assert (again, again.reference) == (TEXT, f"${{{{ {place} }}}}")


@pytest.mark.parametrize(
    "place, reason",
    [
        ("ENV.ABSENT_TOKEN", "ABSENT_TOKEN is not set"),
        ("SECRET.absent", "the secret absent cannot be read from .*No such file.*THALWEG_SECRETS names the folder"),
        ("SECRET.../etc/passwd", "is no name of a secret"),
        ("SECRET.a/b", "is no name of a secret"),
        ("TOKEN", "is no place of a secret: write 'ENV.NAME' or 'SECRET.name'"),
    ],
)
def test_a_secret_that_is_not_there_is_told(place: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        Secret.at(place)


def test_a_file_of_secrets_is_bounded_and_text(tmp_path: Path) -> None:
    (tmp_path / "long").write_text("x" * ((1 << 20) + 1))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for name, reason in (("long", "longer than"), ("bytes", "no UTF-8 text")):
        with pytest.raises(ConfigurationError, match=reason):
            Secret.at(f"SECRET.{name}")


def test_yaml_names_files_with_secrets() -> None:
    flow = load_flow(
        "executors:\n- uses: a.b:C\n  uses_with:\n    key: ${{ SECRET.api_key }}\n    other: ${{ SECRET.no:-x }}\n"
    )
    assert flow.executors[0].uses_with == {"key": TEXT, "other": "x"}
    assert TEXT not in repr(flow)
    assert "${{ SECRET.api_key }}" in yaml_text(flow)


def test_a_secret_of_digits_stays_text() -> None:
    flow = load_flow(
        "executors:\n- uses: a.b:C\n  uses_with:\n    token: ${{ ENV.NUMBER_TOKEN }}\n    n: ${{ ENV.NUMBER_TOKEN }}\n"
    )
    token = flow.executors[0].uses_with["token"]
    assert token == "1234567890123456"
    assert "1234567890123456" not in repr(token)
    assert flow.executors[0].uses_with["n"] == 1234567890123456


def test_what_is_given_as_text_is_not_written() -> None:
    for options in (
        {"access": {"api_keys": {"ann": TEXT}}},
        {"env": {"OPENAI_API_KEY": TEXT}},
        {"uses_with": {"inner": [{"password": TEXT}]}},
    ):
        flow = {name: value for name, value in options.items() if name == "access"}
        node = {name: value for name, value in options.items() if name != "access"}
        made = Flow(**flow).add(uses="a.b:C", **node)
        with pytest.raises(ConfigurationError, match=r"stands there as text.*Secret.at\('ENV.NAME'\)") as caught:
            yaml_text(made.options)
        assert TEXT not in str(caught.value)
        assert TEXT not in repr(made.options)


def test_the_digest_of_a_key_may_be_written() -> None:
    digest = f"sha256:{'0' * 64}"
    assert digest in yaml_text(Flow(access={"api_keys": {"ann": digest}}).options)


@pytest.mark.parametrize(
    "values",
    [
        {"access": {"api_keys": {"ann": TEXT[:5]}}},
        {"access": {"api_keys": [{"name": "ann", "key": 12345678901234567890}]}},
        {"access": {"api_keys": {"ann": {"password": TEXT}}}},
        {"env": {"API_KEY": {"a": TEXT}}},
        {"env": [{"password": TEXT}]},
        {"uses_with": [{"api_key": TEXT}]},
    ],
)
def test_errors_say_nothing_of_it(values: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Deployment("a.b:C", **values)  # type: ignore[arg-type]
    shown = f"{caught.value} {caught.value.details}"
    assert TEXT not in shown
    assert TEXT[:5] not in shown
    assert "12345678901234567890" not in shown


def test_pydantics_secrets_are_taken_too() -> None:
    assert parse_options(ClientTlsOptions, {"password": SecretStr(TEXT)}).password == TEXT
    node = parse_options(NodeOptions, {"uses": "a.b:C", "env": {"A_TOKEN": SecretStr(TEXT)}})
    assert node.env["A_TOKEN"] == TEXT
    assert TEXT not in repr(node)


def test_json_of_options_has_references() -> None:
    options = AccessOptions.model_validate({"api_keys": {"ann": Secret.at("ENV.SOME_TOKEN")}})
    assert TEXT not in options.model_dump_json()
    assert "${{ ENV.SOME_TOKEN }}" in options.model_dump_json()
    assert "default" not in json_schema()["$defs"]["ApiKeyOptions"]["properties"]["key"]


@pytest.mark.parametrize(
    "name", ["password", "api_key", "HF_TOKEN", "authorization", "X-Api-Key", "db_password", "secret"]
)
def test_names_that_tell(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["pad_token", "max_tokens", "tokenizer", "key", "primary_key", "model", "secretary"])
def test_names_that_do_not(name: str) -> None:
    assert not looks_secret(name)


def test_what_is_hidden_and_what_is_revealed() -> None:
    secret = Secret(TEXT)
    assert hidden({"password": "a", "n": [1, secret]}) == {"password": HIDDEN, "n": [1, HIDDEN]}
    assert hidden((("authorization", "Bearer x"), ("a", "b"))) == (("authorization", HIDDEN), ("a", "b"))
    found = revealed({"a": [secret, (secret,)]})
    assert found == {"a": [TEXT, (TEXT,)]}
    assert type(found["a"][0]) is str
