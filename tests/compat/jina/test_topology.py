"""Graphs of Jina's programs."""

import pytest

from thalweg.compat.enums import FlowInspectType
from thalweg.compat.excepts import FlowTopologyError
from thalweg.compat.runnable import JinaFlow
from thalweg.graph import Topology


def shape(flow: JinaFlow) -> dict[str, tuple[str, ...]]:
    options = flow._options
    return {
        node.name: node.needs for node in Topology.of(options.executors, options.inspect).nodes if not node.floating
    }


def test_who_inspects_is_read_by_nobody_and_gathered_at_the_end() -> None:
    flow = JinaFlow().add(name="a", uses="m:A").inspect(uses="m:I").add(name="b", uses="m:B").gather_inspect()
    assert shape(flow) == {
        "a": ("gateway",),
        "inspect": ("a",),
        "b": ("a",),
        "gather_inspect": ("inspect", "b"),
    }


@pytest.mark.parametrize("mode", ["HANG", FlowInspectType.HANG])
def test_who_inspects_may_hang(mode: object) -> None:
    flow = (
        JinaFlow(inspect=mode).add(name="a", uses="m:A").inspect(uses="m:I").add(name="b", uses="m:B").gather_inspect()
    )
    assert shape(flow) == {"a": ("gateway",), "b": ("a",)}


def test_who_inspects_may_be_left_out() -> None:
    flow = JinaFlow(inspect="REMOVE").add(name="a", uses="m:A").inspect(uses="m:I").add(name="b", uses="m:B")
    topology = Topology.of(flow._options.executors, flow._options.inspect)
    assert [node.name for node in topology.nodes if node.process] == ["a", "b"]
    assert topology.restricted({"a", "b", "inspect"}).leaves == ("b",)


def test_a_joiner_needs_two() -> None:
    with pytest.raises(FlowTopologyError):
        JinaFlow().add(name="a").needs(["a"])


def test_adding_leaves_the_flow_as_it_was() -> None:
    flow = JinaFlow().add(name="a", uses="m:A")
    longer = flow.add(name="b", uses="m:B")
    assert (list(flow), list(longer)) == (["a", "gateway"], ["a", "b", "gateway"])
    assert flow.add(name="c", uses="m:C", copy_flow=False) is flow
