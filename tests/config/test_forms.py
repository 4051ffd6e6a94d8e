"""The forms that Jina's YAML has: each is understood, and what is written in an old way is told."""

from __future__ import annotations

import warnings
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from thalweg.config import DeploymentOptions, FlowOptions
from thalweg.config.load import load_deployment, load_flow, load_options
from thalweg.config.markup import parsed
from thalweg.config.old import OldSpelling
from thalweg.config.schema import json_schema
from thalweg.errors import ConfigurationError
from thalweg.executor.loading import reference

VALIDATOR = Draft202012Validator(json_schema())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("executor.py", "mine.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "config.yml").write_text("jtype: Encoder\npy_modules: [executor.py]\nwith: {model: small}\n")
    (tmp_path / "deployment.yml").write_text(
        "jtype: Deployment\nwith:\n  name: stored\n  uses: executor.py:Encoder\n  replicas: 2\n  port: 12345\n"
    )
    (tmp_path / "gateway.yml").write_text("jtype: Mine\npy_modules: mine.py\nwith: {a: 1}\nprotocol: http\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JINA_TEST_PORT", "8123")
    monkeypatch.delenv("JINA_TEST_NOTHING", raising=False)
    return tmp_path


FLOW = "jtype: Flow\n"

FORMS: list[tuple[str, dict[str, Any]]] = [
    ("jtype: Flow\nversion: '1'\nexecutors: [{uses: 'a.b:C'}]", {"uses": ["a.b:C"]}),
    ("jtype: Flow\nversion: 1.0\nexecutors: [{uses: 'a.b:C'}]", {"uses": ["a.b:C"]}),
    ("!Flow\nversion: '1.0'\nexecutors:\n  - uses: a.b.C\n", {"uses": ["a.b.C"]}),
    ("jtype: Flow\ndeployments:\n  - {name: enc, uses: a.b.C}\n", {"name": ["enc"]}),
    ("jtype: Flow\npods:\n  - {name: enc, uses: a.b.C}\n", {"name": ["enc"]}),
    ("jtype: Flow\nexecutors: [config.yml]", {"uses": ["<folder>/config.yml"]}),
    ("jtype: Flow\nexecutors: [deployment.yml]", {"name": ["stored"], "replicas": [2], "port": [()]}),
    (
        "jtype: Flow\nexecutors:\n  - jtype: Deployment\n    with: {name: enc, uses: a.b.C, protocol: http, port: 1}\n",
        {"name": ["enc"], "port": [()]},
    ),
    (
        "!Flow\nexecutors:\n  - !Deployment\n    with: {name: enc, uses: a.b.C}\n    needs: gateway\n",
        {"name": ["enc"], "needs": [("gateway",)]},
    ),
    (
        "jtype: Flow\nexecutors:\n  - {jtype: Encoder, py_modules: executor.py, with: {a: 1}, name: enc}\n",
        {"uses": [{"jtype": "Encoder", "py_modules": ["<folder>/executor.py"], "with": {"a": 1}}], "name": ["enc"]},
    ),
    (
        "jtype: Flow\nexecutors:\n  - uses: !Encoder {with: {on: off}}\n",
        {"uses": [{"jtype": "Encoder", "with": {"on": "off"}}]},
    ),
    (
        "jtype: Flow\nexecutors:\n  - {name: a, uses: x.Y}\n  - {name: b, uses: x.Y, needs: gateway}\n"
        "  - {method: needs, name: joined, needs: [a, b]}\n  - {method: add, uses: x.Z}\n",
        {"needs": [None, ("gateway",), ("a", "b"), None]},
    ),
    (
        "jtype: Flow\nexecutors:\n  - {name: a, uses: x.Y}\n  - {name: b, uses: x.Y, needs: gateway}\n"
        "  - {name: aside, uses: x.Y, floating: true}\n  - {method: needs_all, name: joined}\n",
        {"needs": [None, ("gateway",), None, ("a", "b")]},
    ),
    (
        "jtype: Flow\nexecutors:\n  - {name: a, uses: x.Y}\n  - {method: inspect, name: look, uses: x.Z}\n"
        "  - {name: b, uses: x.Y}\n  - {method: gather_inspect, name: all}\n",
        {"inspects": [False, True, False, False], "needs": [None, None, None, ("b", "look")]},
    ),
    (
        "jtype: Flow\nwith: {replicas: 2, env: {A: 1}}\nexecutors: [{uses: x.Y}, {uses: x.Z, replicas: 3}]",
        {"replicas": [2, 3]},
    ),
    (
        "jtype: Flow\njcloud: {resources: {cpu: 1}}\nexecutors: [{uses: x.Y, jcloud: {capacity: spot}}]",
        {"uses": ["x.Y"]},
    ),
    (
        "jtype: Flow\nx-shared: {a: 1}\nexecutors: [{uses: x.Y, uses_with: '${{root.x-shared}}'}]",
        {"uses_with": [{"a": 1}]},
    ),
    (
        "jtype: Flow\nexecutors: [{name: enc, uses: x.Y, uses_with: {a: '${{this.b}}', b: 2}}]",
        {"uses_with": [{"a": 2, "b": 2}]},
    ),
    ("jtype: Flow\nexecutors: [{uses: x.Y, when: {text: {$eq: a}}}]", {"when": [{"text": {"$eq": "a"}}]}),
    (
        "jtype: Flow\nexecutors: [{external: true, host: 'grpcs://h', port: 443}]",
        {"external": [True], "port": [(443,)]},
    ),
    ("jtype: Flow\nexecutors: [{uses: x.Y, env: {WORKERS: 4}}]", {"env": [{"WORKERS": "4"}]}),
    ("jtype: Flow\nexecutors: ['mine.py:Mine']", {"uses": ["<folder>/mine.py:Mine"]}),
]


def with_folder(value: Any, folder: Path) -> Any:
    if isinstance(value, str):
        return value.replace("<folder>", str(folder))
    if isinstance(value, dict):
        return {key: with_folder(one, folder) for key, one in value.items()}
    return [with_folder(one, folder) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("text, expected", FORMS)
def test_each_form_of_a_flow_is_understood(text: str, expected: dict[str, Any], folder: Path) -> None:
    flow = load_flow(text)
    for name, values in expected.items():
        assert [getattr(node, name) for node in flow.executors] == with_folder(values, folder)


@pytest.mark.parametrize("text", [text for text, _ in FORMS])
def test_editors_take_each_form(text: str) -> None:
    VALIDATOR.validate(parsed(text, "").data)


OLD: list[tuple[str, str, dict[str, Any]]] = [
    ("timeout_send: 1500", "write timeout, in seconds", {"timeout": 1.5}),
    ("timeout_send: -1", "write timeout, in seconds", {"timeout": None}),
    ("timeout_ctrl: 60", "write drain_seconds", {"drain_seconds": 60.0}),
    ("port_expose: 8080", "write port", {"port": (8080,)}),
    ("protocols: [HTTP]", "write protocol", {"protocol": ("http",)}),
    (
        "{protocol: http, uvicorn_kwargs: {root_path: /api, timeout_keep_alive: 5}}",
        "write root_path",
        {"root_path": "/api"},
    ),
    ("retries: -1", "leave it out", {"retries": 2}),
    ("host_in: 127.0.0.1", "write host", {"host": "127.0.0.1"}),
    ("{ssl_certfile: c.pem, ssl_keyfile: k.pem}", "write tls with (certfile|keyfile)", {}),
    ("log_config: json", "has no effect: logs are set up", {}),
    ("prefetch: 10", "has no effect", {}),
    ("monitoring: true", "has no effect: there is no telemetry yet", {}),
    ("port: $JINA_TEST_PORT", r"write \$\{\{ ENV.JINA_TEST_PORT \}\}", {"port": (8123,)}),
    ("port: ${JINA_TEST_PORT}", r"write \$\{\{ ENV.JINA_TEST_PORT \}\}", {"port": (8123,)}),
]


@pytest.mark.parametrize("text, told, expected", OLD)
def test_old_words_are_mapped_and_the_new_one_is_named(text: str, told: str, expected: dict[str, Any]) -> None:
    inner = text if text.startswith("{") else f"\n  {text}"
    with pytest.warns(OldSpelling, match=told) as caught:
        flow = load_flow(f"jtype: Flow\nwith: {inner}\n")
    assert all(Path(one.filename).name == Path(__file__).name for one in caught)
    for name, value in expected.items():
        assert getattr(flow.gateway, name) == value
    VALIDATOR.validate(parsed(f"jtype: Flow\nwith: {inner}\n", "").data)


def test_a_quoted_variable_is_text() -> None:
    flow = load_flow("executors: [{uses: x.Y, uses_with: {a: '$JINA_TEST_PORT', b: $JINA_TEST_NOTHING}}]")
    assert flow.executors[0].uses_with == {"a": "$JINA_TEST_PORT", "b": "$JINA_TEST_NOTHING"}


@pytest.mark.parametrize(
    "text, reason",
    [
        ("with: {stateful: true}", "line 2: with.stateful: state is not replicated yet"),
        ("with: {ports: 1, port: 2}", "with.ports: port says it already"),
        ("executors: []\ndeployments: []", "line 3: deployments: stands beside executors"),
        ("executors: [{method: multiply}]", "executors[0].method: there is no method 'multiply'"),
        ("executors: [{uses: x.Y, name: a}, {method: needs, needs: a}]", "executors[1]: a joiner needs two"),
        ("executors: [absent.yml]", "line 2: executors[0]:"),
        ("version: '2'", "line 2: version: Input should be '1', not '2'"),
        (
            "executors:\n- jtype: Deployment\n  with:\n    replcas: 2",
            "line 5: executors[0].with.replcas: no such option; did you mean 'replicas'?",
        ),
        ("with: {replcas: 2}", "with.replcas: no such option; did you mean 'replicas'?"),
        ("deployments: [{replcas: 2}]", "line 2: deployments[0].replcas: no such option; did you mean 'replicas'?"),
        ("executors: [{uses: x.Y, uses_with: '${{root.absent}}'}]", "names nothing in this description"),
        ("a: '${{root.b}}'\nb: '${{root.a}}'", "means itself"),
    ],
)
def test_what_is_wrong_is_told_where_it_was_written(text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_options(f"jtype: Flow\n{text}")
    assert reason in str(caught.value)


def test_what_is_wrong_in_a_file_of_its_own_is_told_there(folder: Path) -> None:
    (folder / "deployment.yml").write_text("jtype: Deployment\nwith:\n  replcas: 2\n")
    with pytest.raises(
        ConfigurationError, match=r"deployment.yml:3: with.replcas: no such option; did you mean 'replicas'"
    ):
        load_flow("jtype: Flow\nexecutors: [deployment.yml]")


def test_a_gateway_of_ones_own_is_found_from_its_yaml(folder: Path) -> None:
    flow = load_flow("jtype: Flow\ngateway: {uses: gateway.yml, port: 8080}")
    assert (flow.gateway.uses, flow.gateway.uses_with) == (f"{folder}/mine.py:Mine", {"a": 1})
    assert (flow.gateway.protocol, flow.gateway.port) == (("http",), (8080,))
    flow = load_flow(f"jtype: Flow\ngateway: {{uses: Mine, py_modules: {folder}/mine.py, protocol: http}}")
    assert flow.gateway.uses == f"{folder}/mine.py:Mine"


@pytest.mark.parametrize(
    "text",
    [
        "jtype: Deployment\nwith: {uses: x.Y, replicas: 2}",
        "!Deployment\nwith: {uses: x.Y, replicas: 2}\nneeds: [a]\n",
        "jtype: Deployment\nuses: x.Y\nreplicas: 2",
        "jtype: Deployment\nversion: '1.0'\nuses: x.Y\nwith: {replicas: 2}\njcloud: {}",
    ],
)
def test_each_form_of_a_deployment_is_understood(text: str) -> None:
    assert load_deployment(text) == DeploymentOptions(uses="x.Y", replicas=2)
    VALIDATOR.validate(parsed(text, "").data)


@pytest.mark.parametrize(
    "text",
    [
        "jtype: Flow\nwith: {port: '${{ ENV.PORT }}', cors: '${{ ENV.CORS:-true }}', protocol: '${{ ENV.P }}'}",
        "executors: [{replicas: '${{ CONTEXT.n }}', uses: x.Y, env: '${{ CONTEXT.env }}', uses_with: '${{root.x}}'}]",
        "jtype: Deployment\nwith: {uses: x.Y, limits: {max_inflight: '${{ ENV.N }}'}, shards: $SHARDS}",
        "jtype: Flow\nwith: {cors: on}",
        "jtype: my.module:Executor\nwith: {a: 1}\nmetas: {name: x}\nuses_dynamic_batching: {/a: {preferred_batch_size: 4}}",
    ],
)
def test_editors_take_what_is_filled_in_later(text: str) -> None:
    VALIDATOR.validate(parsed(text, "").data)


@pytest.mark.parametrize(
    "text",
    [
        "jtype: Flow\nwith: {replcas: 2}",
        "jtype: Flow\nwith: {port: eighty}",
        "executors: [{jtype: Deployment, with: {replcas: 2}}]",
        "executors: [{replicas: many}]",
        "executors: [3]",
        "deployments: [{name: 3}]",
        "jtype: Deployment\nreplcas: 2",
        "jtype: Deployment\nwith: {limits: {max_inflite: 1}}",
        "jtype: Flow\nversion: '2'",
        "jtype: a.b:C\nwiht: {}",
    ],
)
def test_editors_refuse_what_does_not_load(text: str) -> None:
    assert not VALIDATOR.is_valid(parsed(text, "").data)
    with pytest.raises(ConfigurationError):
        load_executor(text) if "a.b:C" in text else load_options(text)


def load_executor(text: str) -> None:
    reference(text).resolve()


@pytest.mark.parametrize("given", [{"timeout_send": 100}, {"override_with": {"a": 1}}, {"ports": [1]}])
def test_keyword_arguments_are_mapped_too(given: dict[str, Any]) -> None:
    from thalweg import Deployment

    with pytest.warns(OldSpelling, match=f"Deployment: {next(iter(given))}.*; write ") as caught:
        Deployment("x.y:Z", **given)
    assert Path(caught[0].filename).name == Path(__file__).name


def test_nothing_is_told_of_what_is_written_today(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_options(
            dedent("jtype: Flow\nwith: {port: 8080, replicas: 2}\nexecutors: [{uses: 'a.b:C', reduce: false}]")
        )


def test_the_names_of_a_flow_are_those_of_its_options() -> None:
    assert load_flow("jtype: Flow\nwith: {name: river, inspect: HANG}") == FlowOptions(name="river", inspect="hang")
