"""Python, YAML and the command line say the same: what is written down is read as what it was, whatever the options."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.config.strategies import value_of, values_of
from thalweg import Flow
from thalweg.cli.options import ModelCommand, given_values, model_options
from thalweg.cli.words import option_words
from thalweg.config import DeploymentOptions, FlowOptions, GatewayOptions, NodeOptions
from thalweg.config.description import plain_options, write_description, yaml_text
from thalweg.config.load import flow_options, load_deployment, load_flow, load_options, parse_options
from thalweg.config.options import Options
from thalweg.config.runnables import PROPAGATED
from thalweg.config.secrets import Referenced
from thalweg.errors import ConfigurationError

SECRETS = {"A_LONG_TEST_TOKEN": "5e0fa93b17c2d864aabbccdd", "ANOTHER_TEST_TOKEN": "zz-1f2e3d4c5b6a7988-zz"}

MANY = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def parsed(model: Any, values: Mapping[str, Any]) -> Any:
    """`values` as `model`; another example where they do not go together."""
    try:
        return parse_options(model, values)
    except ConfigurationError:
        assume(False)


def of_every_option(model: type[Options]) -> list[str]:
    return list(model.model_fields)


@MANY
@given(data=st.data())
def test_a_deployment_comes_back_from_yaml(data: st.DataObject) -> None:
    options = parsed(DeploymentOptions, data.draw(values_of(DeploymentOptions)))
    text = yaml_text(options)
    assert load_deployment(text) == options.model_copy(update={"name": options.name})
    assert not any(secret in text for secret in SECRETS.values())


@MANY
@given(data=st.data())
def test_a_flow_comes_back_from_yaml(data: st.DataObject) -> None:
    given_to_all = {
        name: value for name, value in data.draw(values_of(NodeOptions, 3)).items() if name in PROPAGATED - {"name"}
    }
    try:
        flow = Flow.of(flow_options({**data.draw(values_of(GatewayOptions, 4)), **given_to_all} | {"uses": None}))
        for index in range(data.draw(st.integers(0, 3))):
            flow.add(**{**data.draw(values_of(NodeOptions, 4)), "name": f"node{index}"})
    except ConfigurationError:
        assume(False)
    text = yaml_text(flow.options)
    assert load_flow(text) == flow.options
    assert Flow.of(load_flow(text)).options == flow.options
    assert not any(secret in text for secret in SECRETS.values())


@pytest.mark.parametrize(
    "model, name",
    [(model, name) for model in (DeploymentOptions, GatewayOptions, NodeOptions) for name in of_every_option(model)],
)
@settings(MANY, max_examples=4)
@given(data=st.data())
def test_each_option_comes_back_from_yaml(model: type[Options], name: str, data: st.DataObject) -> None:
    try:
        options = parse_options(model, {name: data.draw(value_of(model, name))})
    except ConfigurationError:
        return  # it is of use beside another one only, which the tests above give it
    if isinstance(options, DeploymentOptions):
        assert load_options(plain_options(options)) == options
    elif isinstance(options, GatewayOptions):
        flow = FlowOptions(gateway=options)
        assert load_options(yaml_text(flow)) == flow
    elif isinstance(options, NodeOptions):
        flow = FlowOptions(executors=(options,))
        assert load_options(yaml_text(flow)) == flow


@click.command("options", cls=ModelCommand)
@model_options(DeploymentOptions)
def command(**given: Any) -> Any:
    return given_values(given)


def through_the_command_line(values: Mapping[str, Any]) -> dict[str, Any]:
    words = [word for name, value in values.items() for word in option_words(name, value)]
    found: dict[str, Any] = command.main(words, standalone_mode=False)
    return found


@MANY
@given(data=st.data())
def test_what_a_file_says_the_command_line_can_say(data: st.DataObject) -> None:
    options = parsed(DeploymentOptions, data.draw(values_of(DeploymentOptions)))
    said = plain_options(options)["with"]
    assert parse_options(DeploymentOptions, {"name": "executor", **through_the_command_line(said)}) == (
        options if options.name else options.model_copy(update={"name": "executor"})
    ).model_copy(update={"name": said.get("name", "executor")})


def test_all_options_are_on_the_command_line() -> None:
    names = {parameter.name for parameter in command.params if not getattr(parameter, "hidden", False)}
    assert names >= DeploymentOptions.model_fields.keys()


@MANY
@given(data=st.data())
def test_secrets_are_shown_nowhere(data: st.DataObject) -> None:
    options = parsed(DeploymentOptions, data.draw(values_of(DeploymentOptions)))
    for shown in (repr(options), str(options), options.model_dump_json(exclude={"uses_with", "env", "grpc_metadata"})):
        assert not any(secret in shown for secret in SECRETS.values())


def test_files_are_named_from_the_folder_that_they_lie_in(tmp_path: Path) -> None:
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "clean.py").write_text("")
    (tmp_path / "page.html").write_text("")
    flow = load_flow(
        {
            "with": {"pages": {"/": str(tmp_path / "page.html")}, "protocol": "http"},
            "executors": [{"uses": f"{tmp_path}/steps/clean.py:Clean", "py_modules": [f"{tmp_path}/steps/clean.py"]}],
        }
    )
    write_description(flow, tmp_path / "flow.yml")
    text = (tmp_path / "flow.yml").read_text()
    assert str(tmp_path) not in text
    assert load_flow(tmp_path / "flow.yml") == flow
    write_description(flow, tmp_path / "flow.json")
    assert load_flow(tmp_path / "flow.json") == flow


def test_what_has_no_name_cannot_be_written() -> None:
    with pytest.raises(ConfigurationError, match=r"executors\[0\].uses is .*no name that another process could import"):
        yaml_text(FlowOptions(executors=(NodeOptions(uses=lambda docs: docs),)))
    with pytest.raises(ConfigurationError, match=r"executors\[0\].uses_with.lock is a lock"):
        yaml_text(FlowOptions(executors=(NodeOptions(uses="a.b:C", uses_with={"lock": threading.Lock()}),)))


def test_an_object_is_written_by_its_name() -> None:
    assert "uses: 'pathlib:Path'" in yaml_text(FlowOptions(executors=(NodeOptions(uses=Path),)))


def test_what_every_executor_has_is_written_once_and_added_to_later_ones() -> None:
    flow = Flow(replicas=2, env={"A": "1"}).add(uses="a.b:C").add(uses="a.b:D", replicas=1, env={"B": "2"})
    assert [node.replicas for node in flow] == [2, 1]
    assert [node.env for node in flow] == [{"A": "1"}, {"A": "1", "B": "2"}]
    said = plain_options(flow.options)
    assert said["with"] == {"replicas": 2, "env": {"A": "1"}}
    assert said["executors"][0] == {"uses": "a.b:C", "name": "executor0"}
    again = Flow.of(load_flow(said)).add(uses="a.b:E")
    assert again.options.executors[:2] == flow.options.executors
    assert (again["executor2"].replicas, again["executor2"].env) == (2, {"A": "1"})


def test_what_runs_elsewhere_and_what_only_joins_gets_nothing() -> None:
    flow = Flow(replicas=3).add(external=True, host="grpc://example.org:1").add(needs=["executor0", "gateway"])
    assert [node.replicas for node in flow] == [1, 1]


def test_references_are_kept_in_what_is_written(tmp_path: Path) -> None:
    file = tmp_path / "flow.yml"
    file.write_text(
        "with: {access: {api_keys: {ann: '${{ ENV.A_LONG_TEST_TOKEN }}'}}}\n"
        "executors: [{uses: 'a.b:C', env: {KEY: 'Bearer ${{ ENV.ANOTHER_TEST_TOKEN }}'}}]\n"
    )
    flow = Flow.load_config(file)
    assert flow["executor0"].env["KEY"] == f"Bearer {SECRETS['ANOTHER_TEST_TOKEN']}"
    assert isinstance(flow["executor0"].env["KEY"], Referenced)
    flow.save_config(file)
    written = file.read_text()
    assert "${{ ENV.A_LONG_TEST_TOKEN }}" in written
    assert "Bearer ${{ ENV.ANOTHER_TEST_TOKEN }}" in written
    assert not any(secret in written for secret in SECRETS.values())
    assert Flow.load_config(file).options == flow.options
