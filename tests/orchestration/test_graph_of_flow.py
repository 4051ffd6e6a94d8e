"""A Flow as a thing that is put together, before it runs."""

from typing import Any

import pytest

from thalweg import Deployment, Flow
from thalweg.errors import ConfigurationError, TopologyError
from thalweg.graph import Topology
from thalweg.orchestration.nesting import flattened


def needs(flow: Flow) -> dict[str, tuple[str, ...]]:
    return {node.name: node.needs for node in Topology.of(flow.options.executors).nodes}


def test_it_has_a_length_and_its_nodes_are_found_by_name_and_position() -> None:
    flow = Flow().add(uses="m:A", name="a").add(uses="m:B", name="b-c")
    assert (len(flow), [node.name for node in flow]) == (2, ["a", "b-c"])
    assert flow["b-c"] == flow[1] == flow[-1] == flow.options.executors[1]
    assert "a" in flow
    assert "x" not in flow
    with pytest.raises(KeyError, match="did you mean 'b-c'"):
        flow["b-d"]
    with pytest.raises(IndexError):
        flow[2]
    assert bool(Flow())


def test_two_are_equal_that_are_made_of_the_same() -> None:
    assert Flow().add(uses="m:A", name="a") == Flow().add(uses="m:A", name="a")
    assert Flow().add(uses="m:A", name="a") != Flow().add(uses="m:A", name="a", replicas=2)
    assert Flow() != Flow(name="other")


def test_a_flow_in_it_is_taken_as_it_is_and_is_the_same_as_its_yaml() -> None:
    inner = Flow().add(uses="m:A")
    flow = Flow().add(uses=inner, name="in")
    inner.add(uses="m:B")
    assert needs(Flow.of(flattened(flow.options))) == {"in-executor0": ("gateway",), "in": ("in-executor0",)}
    described = {"jtype": "Flow", "executors": [{"name": "executor0", "uses": "m:A"}]}
    assert flow == Flow().add(uses=described, name="in")


def test_needs_joins_several_and_starts_nothing() -> None:
    flow = Flow().add(uses="m:A", name="a").add(uses="m:B", name="b", needs="gateway").needs(["b", "a"]).add(uses="m:C")
    assert needs(flow) == {"a": ("gateway",), "b": ("gateway",), "joiner": ("b", "a"), "executor3": ("joiner",)}
    assert not flow["joiner"].has_process


@pytest.mark.parametrize("few", [[], ["a"], ["a", "a"], "a"])
def test_a_joiner_of_fewer_than_two_is_refused(few: Any) -> None:
    with pytest.raises(TopologyError, match="of two Executors or more"):
        Flow().add(uses="m:A", name="a").needs(few)


def test_needs_all_reads_whatever_nobody_reads_but_who_floats() -> None:
    flow = Flow().add(uses="m:A", name="a").add(uses="m:B", name="b", needs="a").add(uses="m:C", name="c", needs="a")
    flow.add(uses="m:F", name="f", floating=True).needs_all().needs_all(uses="m:E", name="end")
    assert (needs(flow)["joiner"], needs(flow)["end"]) == (("b", "c"), ("joiner",))
    assert needs(Flow().needs_all(uses="m:A", name="a")) == {"a": ("gateway",)}


def test_joiners_and_inspectors_get_names_of_their_own() -> None:
    flow = Flow().add(uses="m:A", name="a").inspect(uses="m:I").inspect(uses="m:I").gather_inspect()
    assert [node.name for node in flow] == ["a", "inspect", "inspect1", "gather_inspect"]
    assert needs(flow)["gather_inspect"] == ("inspect", "inspect1", "a")
    assert len(Flow().add(uses="m:A").gather_inspect()) == 1


@pytest.mark.parametrize(
    "condition,words",
    [
        ({"n": {"$gtt": 1}}, r"when: n: '\$gtt' is no operator; did you mean '\$gt'\?"),
        ({"$noot": {"n": {"$eq": 1}}}, r"'\$noot' is no operator; did you mean '\$not'\?"),
        ({"n": 3}, "needs an operator"),
        ({"n": {"$in": 3}}, r"n: \$in takes a list"),
        ({"n": {"$regex": "("}}, "n: "),
        ("n > 3", "when"),
    ],
)
def test_a_condition_is_read_when_the_executor_is_added(condition: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Flow().add(uses="m:A", when=condition)


def test_otherwise_is_one_of_two() -> None:
    with pytest.raises(ConfigurationError, match="otherwise"):
        Flow().add(uses="m:A", when={"n": {"$eq": 1}}, otherwise="keep")  # type: ignore[arg-type]


def test_adding_changes_the_flow_itself() -> None:
    flow = Flow()
    assert flow.add(uses="m:A", name="a") is flow
    assert [node.name for node in flow] == ["a"]


def test_a_deployment_becomes_one_of_a_flow(tmp_path):
    path = tmp_path / "encoder.yml"
    path.write_text("{jtype: Deployment, with: {name: from_yaml, uses: 'a:B', replicas: 3, port: 8080}}")
    deployment = Deployment(uses="a:A", name="named", replicas=2, protocol="http", env={"A": "b"})
    flow = Flow().add(deployment).add(str(path), needs="gateway").add(Deployment(uses="a:C"), name="last", replicas=4)
    assert [(node.name, node.uses, node.replicas, node.needs) for node in flow.options.executors] == [
        ("named", "a:A", 2, None),
        ("from_yaml", "a:B", 3, ("gateway",)),
        ("last", "a:C", 4, None),
    ]
    assert flow.options.executors[0].env == {"A": "b"}
    with pytest.raises(ConfigurationError, match="an Executor is given by uses="):
        Flow().add(Deployment)  # type: ignore[arg-type]
