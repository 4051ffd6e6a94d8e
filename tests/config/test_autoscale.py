"""The option `autoscale`: what goes with it, and where it may be said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.endtoend.sleepers import Passes
from thalweg import Deployment, Flow
from thalweg.config import AutoscaleOptions, NodeOptions
from thalweg.config.load import parse_options
from thalweg.errors import ConfigurationError
from thalweg.orchestration.blueprint import as_flow, fronted


def test_a_mapping_is_enough():
    node = NodeOptions(autoscale={"min": 0, "max": 4})  # type: ignore[arg-type]
    assert node.autoscale == AutoscaleOptions(min=0, max=4)


@pytest.mark.parametrize(
    "given, first",
    [
        ({"autoscale": {"max": 4}}, 1),
        ({"autoscale": {"min": 0, "max": 4}}, 1),
        ({"autoscale": {"min": 3, "max": 4}}, 3),
        ({"autoscale": {"min": 1, "max": 4}, "replicas": 2}, 2),
        ({"replicas": 5}, 5),
    ],
)
def test_replicas_says_how_many_there_are_to_begin_with(given: dict[str, object], first: int):
    assert parse_options(NodeOptions, given).first_replicas == first


@pytest.mark.parametrize(
    "given, told",
    [
        ({"autoscale": {"max": 4}, "replicas": 5}, "replicas is 5 and autoscale says 1 to 4"),
        ({"autoscale": {"min": 2, "max": 4}, "replicas": 1}, "replicas is 1 and autoscale says 2 to 4"),
        ({"autoscale": {"max": 4}, "shards": 2}, "autoscale does not go with shards"),
        ({"autoscale": {"max": 4}, "uses_after": "package:After"}, "autoscale does not go with shards"),
        ({"autoscale": {"max": 4}, "external": True, "host": "localhost:1"}, "leave out autoscale"),
        ({"autoscale": {"min": 5, "max": 4}}, "min is 5 and max is 4"),
        ({"autoscale": {"mx": 4}}, "mx"),
    ],
)
def test_contradictions_are_errors_before_anything_starts(given: dict[str, object], told: str):
    with pytest.raises(ConfigurationError, match=told):
        parse_options(NodeOptions, given, "Flow.add")


def test_in_the_process_that_starts_it_there_is_nothing_to_scale():
    with pytest.raises(ConfigurationError, match="autoscale: of use for processes"):
        Flow().add(uses=Passes, placement="inline", autoscale={"max": 2}).start()


def test_a_gateway_stands_in_front_of_a_deployment():
    options = Deployment(uses="package:Encoder", autoscale={"min": 2, "max": 3}).options
    assert fronted(options)
    assert as_flow(options).executors[0].first_replicas == 2
    with pytest.raises(ConfigurationError, match="with autoscale as it is, a Gateway has to stand in front"):
        fronted(Deployment(uses="package:Encoder", autoscale={"max": 3}, include_gateway=False).options)


def test_a_flow_says_it_for_all_its_executors(tmp_path: Path):
    flow = Flow(autoscale={"min": 0, "max": 4}).add(uses="package:One").add(uses="package:Two", autoscale={"max": 2})
    assert [node.autoscale and node.autoscale.max for node in flow.options.executors] == [4, 2]
    flow.save_config(tmp_path / "flow.yml")
    assert Flow.load_config(tmp_path / "flow.yml").options.executors == flow.options.executors
