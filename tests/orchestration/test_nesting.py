"""Flows inside of Flows."""

from pathlib import Path

import pytest

from thalweg import Flow
from thalweg.errors import ConfigurationError, TopologyError
from thalweg.graph import Topology
from thalweg.orchestration.nesting import flattened


def inner() -> Flow:
    return Flow().add(name="a", uses="m:A").add(name="b", uses="m:B", needs="gateway")


def shape(flow: Flow) -> dict[str, tuple[str, ...]]:
    return {node.name: node.needs for node in Topology.of(flattened(flow.options).executors).nodes}


def test_its_nodes_become_nodes_of_the_one_around_it():
    flow = Flow().add(name="x", uses="m:X").add(name="in", uses=inner()).add(name="y", uses="m:Y")
    assert shape(flow) == {
        "x": ("gateway",),
        "in-a": ("x",),
        "in-b": ("x",),
        "in": ("in-a", "in-b"),
        "y": ("in",),
    }
    assert [node.name for node in flow] == ["x", "in", "y"]


def test_it_may_stand_in_one_that_stands_in_another_one():
    middle = Flow().add(name="deep", uses=Flow().add(uses="m:A"))
    assert shape(Flow().add(name="top", uses=middle)) == {
        "top-deep-executor0": ("gateway",),
        "top-deep": ("top-deep-executor0",),
        "top": ("top-deep",),
    }


def test_what_several_needs_give_is_joined_once_before_it():
    flow = Flow().add(name="x", uses="m:X").add(name="y", uses="m:Y", needs="gateway")
    flow.add(name="in", uses=inner(), needs=["x", "y"])
    found = shape(flow)
    assert found["in--in"] == ("x", "y")
    assert (found["in-a"], found["in-b"]) == (("in--in",), ("in--in",))


def test_its_condition_decides_before_all_of_them_and_the_others_join_at_the_end():
    flow = Flow().add(name="in", uses=inner(), when={"n": {"$eq": 1}}, otherwise="skip")
    nodes = {node.name: node for node in flattened(flow.options).executors}
    assert nodes["in--in"].when == {"n": {"$eq": 1}}
    assert nodes["in--past"].when == {"$not": {"n": {"$eq": 1}}}
    assert nodes["in"].needs == ("in-a", "in-b", "in--past")


def test_who_inspects_in_it_does_what_it_says():
    hanging = Flow(inspect="hang").add(name="a", uses="m:A").inspect(uses="m:I").add(name="b", uses="m:B")
    nodes = {
        node.name: node for node in Topology.of(flattened(Flow().add(name="in", uses=hanging).options).executors).nodes
    }
    assert nodes["in-inspect"].floating
    removed = Flow(inspect="remove").add(name="a", uses="m:A").inspect(uses="m:I").add(name="b", uses="m:B")
    nodes = {
        node.name: node for node in Topology.of(flattened(Flow().add(name="in", uses=removed).options).executors).nodes
    }
    assert not nodes["in-inspect"].process
    assert nodes["in"].needs == ("in-b",)


def test_it_may_be_yaml(tmp_path: Path):
    text = "jtype: Flow\nexecutors:\n- name: a\n  uses: m:A\n"
    file = tmp_path / "inner.yml"
    file.write_text(text)
    for uses in (str(file), text, {"jtype": "Flow", "executors": [{"name": "a", "uses": "m:A"}]}):
        assert shape(Flow().add(name="in", uses=uses)) == {"in-a": ("gateway",), "in": ("in-a",)}


def test_a_file_that_names_itself_has_no_end(tmp_path: Path):
    file = tmp_path / "loop.yml"
    file.write_text(f"jtype: Flow\nexecutors:\n- name: again\n  uses: {file}\n")
    with pytest.raises(TopologyError, match=r"without an end\.\n    \.\.\. -> again -> again"):
        Flow().add(name="in", uses=str(file)).build()


@pytest.mark.parametrize("options", [{"replicas": 2}, {"floating": True}, {"uses_with": {"a": 1}}])
def test_options_of_its_executors_are_said_there(options: dict[str, object]):
    with pytest.raises(
        ConfigurationError, match=f"'in' is a Flow: {next(iter(options))} is said of the Executors in it"
    ):
        Flow().add(name="in", uses=inner(), **options).build()  # type: ignore[arg-type]
