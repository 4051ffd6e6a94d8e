import json
from pathlib import Path

import jsonschema
import pytest
import yaml

import thalweg
from tests.cli.conftest import Invoke


def test_a_graph_is_drawn_in_the_form_that_the_file_says(invoke: Invoke, project: Path) -> None:
    for name, beginning in (("g.svg", "<svg "), ("g.mmd", "flowchart LR\n"), ("g.md", "```mermaid\nflowchart")):
        done = invoke("graph", "flow.yml", "-o", name)
        assert done.exit_code == 0, done.stderr
        assert done.stderr == f"{name} is written.\n"
        assert (project / name).read_text().startswith(beginning)


def test_a_form_that_cannot_be_drawn_is_refused(invoke: Invoke, project: Path) -> None:
    done = invoke("graph", "flow.yml", "-o", "g.png")
    assert done.exit_code == 2
    assert ".png is no form that can be drawn" in done.stderr
    assert not (project / "g.png").exists()
    assert invoke("graph", "flow.yml", "-o", "g.png", "--format", "mermaid").exit_code == 0


def test_a_graph_is_printed_where_no_file_is_named(invoke: Invoke) -> None:
    assert invoke("graph", "flow.yml").stdout.startswith("<svg ")
    assert invoke("graph", "flow.yml", "--format", "mermaid", "--vertical").stdout.startswith("flowchart TB\n")
    assert "Encoder" in invoke("graph", "encoder.py:Encoder").stdout


def test_a_graph_that_makes_no_sense_ends_with_1(invoke: Invoke, project: Path) -> None:
    (project / "cycle.yml").write_text(
        "executors:\n- {name: a, uses: x:A, needs: b}\n- {name: b, uses: x:B, needs: a}\n"
    )
    done = invoke("graph", "cycle.yml")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "wait for each other" in done.stderr


def test_a_file_that_cannot_be_written_is_named(invoke: Invoke) -> None:
    done = invoke("graph", "flow.yml", "-o", "absent/g.svg")
    assert done.exit_code == 1
    assert "absent/g.svg cannot be written" in done.stderr


@pytest.mark.parametrize("kind, beginning", [("svg", "<svg "), ("mermaid", "flowchart LR\n")])
def test_export_writes_pictures(invoke: Invoke, project: Path, kind: str, beginning: str) -> None:
    assert invoke("export", kind, "flow.yml").stdout.startswith(beginning)
    assert invoke("export", kind, "flow.yml", f"out.{kind}").exit_code == 0
    assert (project / f"out.{kind}").read_text().startswith(beginning)


def test_jinas_flowchart_is_understood_and_drawn_without_a_network(invoke: Invoke, project: Path) -> None:
    done = invoke("export", "flowchart", "flow.yml", "chart.svg", "--vertical-layout")
    assert done.exit_code == 0, done.stderr
    assert "Encoder" in (project / "chart.svg").read_text()
    refused = invoke("export", "flowchart", "flow.yml", "chart.png")
    assert refused.exit_code == 2
    assert ".svg, .mmd" in refused.stderr


def test_the_schema_is_exported_as_json_and_yaml_with_the_version_in_the_name(invoke: Invoke, project: Path) -> None:
    done = invoke("export", "schema", "--json-path", "schema-%s.json", "--yaml-path", "schema.yml")
    assert done.exit_code == 0, done.stderr
    schema = json.loads((project / f"schema-{thalweg.__version__}.json").read_text())
    assert yaml.safe_load((project / "schema.yml").read_text()) == schema
    assert json.loads(invoke("export", "schema").stdout) == schema
    jsonschema.validate({"jtype": "Flow", "executors": [{"name": "a", "uses": "a:B"}]}, schema)
