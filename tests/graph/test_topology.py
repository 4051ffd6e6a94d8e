import pytest

from thalweg.config import NodeOptions
from thalweg.errors import TopologyError
from thalweg.graph import ENTRY, Topology


def topology(*nodes: tuple[str, object]) -> Topology:
    return Topology.of([NodeOptions(name=name, uses="m:E", needs=needs) for name, needs in nodes])


def needs(shape: Topology) -> dict[str, tuple[str, ...]]:
    return {node.name: node.needs for node in shape.nodes}


def test_without_needs_each_node_reads_the_one_before_it():
    shape = topology(("a", None), ("b", None), ("c", None))
    assert needs(shape) == {"a": (ENTRY,), "b": ("a",), "c": ("b",)}
    assert shape.leaves == ("c",)


def test_branches_and_a_join():
    shape = topology(("a", None), ("b", "a"), ("c", "a"), ("d", ("b", "c")))
    assert needs(shape) == {"a": (ENTRY,), "b": ("a",), "c": ("a",), "d": ("b", "c")}


def test_several_leaves_are_all_part_of_the_answer():
    assert topology(("a", None), ("b", "a"), ("c", "a")).leaves == ("b", "c")


def test_empty_needs_mean_the_entry():
    assert needs(topology(("a", None), ("b", ())))["b"] == (ENTRY,)


def test_nodes_come_after_what_they_need_whatever_the_order_given():
    shape = topology(("late", "early"), ("early", ENTRY))
    assert [node.name for node in shape.nodes] == ["early", "late"]


@pytest.mark.parametrize(
    "nodes,words",
    [
        ([("a", None), ("a", None)], ["Two", "'a'"]),
        ([("a", "b")], ["'a'", "'b'", "not in the Flow"]),
        ([("encoder", None), ("b", "encodr")], ["Did you mean 'encoder'"]),
        ([("a", "a")], ["'a' needs itself"]),
        ([("a", "c"), ("b", "a"), ("c", "b")], ["wait for each other", "a -> b -> c"]),
        ([("gateway", None)], ["Gateway"]),
        ([("no name", None)], ["'no name' is no name"]),
        ([("", None)], ["'' is no name"]),
    ],
)
def test_a_wrong_graph_is_refused_with_the_reason(nodes: list[tuple[str, object]], words: list[str]):
    with pytest.raises(TopologyError) as caught:
        topology(*nodes)
    for word in words:
        assert word in str(caught.value)


def test_hyphens_are_allowed_in_names():
    assert topology(("my-encoder_2", None)).nodes[0].name == "my-encoder_2"


def test_restricting_bridges_over_what_is_left_out():
    shape = topology(("a", None), ("b", None), ("c", None)).restricted({"a", "c"})
    assert needs(shape) == {"a": (ENTRY,), "c": ("a",)}


def test_restricting_keeps_no_edge_that_would_bring_older_documents_back():
    shape = topology(("a", None), ("b", "a"), ("c", "a"), ("d", ("b", "c"))).restricted({"a", "b", "d"})
    assert needs(shape)["d"] == ("b",)


def test_restricting_to_nothing_leaves_nothing():
    assert topology(("a", None)).restricted(set()).nodes == ()
