from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from thalweg.config import DeploymentOptions, GatewayOptions, NodeOptions
from thalweg.config.schema import json_schema

VALIDATOR = Draft202012Validator(json_schema())


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize(
    "text",
    [
        "executors: []",
        "jtype: Flow\nwith: {protocol: http, port: 8080}\nexecutors: [{name: a, uses: 'a:b', needs: [x, y]}]",
        "jtype: Flow\ngateway: {protocol: [http, grpc], port: [1, 2], limits: {max_inflight: 5}}",
        "executors: [{uses: a.yml, needs: b, py_modules: a.py, uses_with: {a: [1]}}, {needs: null}]",
        "jtype: Deployment\nwith: {uses: 'a.py:B', replicas: 2, env: {A: b}}",
    ],
)
def test_files_that_load_fit_the_schema(text: str) -> None:
    VALIDATOR.validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "executor: []",
        "jtype: Flow\nexecutors: [{replcas: 2}]",
        "executors: [{replicas: 0}]",
        "executors: [{needs: 3}]",
        "jtype: Flow\nwith: {protocol: soap}",
        "jtype: Deployment\nwith: {port: 70000}",
    ],
)
def test_files_that_do_not_load_do_not_fit(text: str) -> None:
    assert not VALIDATOR.is_valid(yaml.safe_load(text))


@pytest.mark.parametrize("options", [GatewayOptions, NodeOptions, DeploymentOptions])
def test_every_option_has_a_description(options: Any) -> None:
    properties = json_schema()["$defs"][options.__name__]["properties"]
    assert [name for name, option in properties.items() if not option.get("description")] == []
