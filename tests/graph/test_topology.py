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


def node(name: str, **options: object) -> NodeOptions:
    return NodeOptions(name=name, uses=options.pop("uses", "m:E"), **options)  # type: ignore[arg-type]


def test_who_floats_is_passed_over_by_the_next_one_and_answers_nobody():
    shape = Topology.of([node("a"), node("f", floating=True), node("b")])
    assert needs(shape) == {"a": (ENTRY,), "f": ("a",), "b": ("a",)}
    assert shape.leaves == ("b",)


def test_who_is_read_does_not_float():
    shape = Topology.of([node("a"), node("f", floating=True), node("b", needs="f")])
    assert [one.floating for one in shape.nodes] == [False, False, False]
    assert shape.leaves == ("b",)


def test_with_floating_ones_alone_the_answer_is_what_came():
    assert Topology.of([node("f", floating=True)]).leaves == (ENTRY,)
    assert Topology.of([]).leaves == (ENTRY,)


@pytest.mark.parametrize("mode,leaves", [("collect", ("i", "b")), ("hang", ("b",)), ("remove", ("b",))])
def test_who_inspects_is_passed_over(mode: str, leaves: tuple[str, ...]):
    shape = Topology.of([node("a"), node("i", inspects=True), node("b")], mode)  # type: ignore[arg-type]
    assert needs(shape)["b"] == ("a",)
    assert shape.restricted(["a", "i", "b"]).leaves == leaves


def test_a_node_without_an_executor_is_left_out_where_it_joins_nothing():
    shape = Topology.of([node("a"), node("pass", uses=None), node("b")])
    assert needs(shape.restricted(["a", "pass", "b"])) == {"a": (ENTRY,), "b": ("a",)}


def test_a_node_without_an_executor_stays_where_it_joins_or_chooses():
    joins = Topology.of([node("a", needs=ENTRY), node("b", needs=ENTRY), node("j", needs=["a", "b"], uses=None)])
    assert needs(joins.restricted(["a", "b", "j"]))["j"] == ("a", "b")
    chooses = Topology.of([node("a"), node("w", uses=None, when={"x": {"$eq": 1}})])
    assert "w" in needs(chooses.restricted(["a", "w"]))


def test_a_join_of_one_and_of_who_reads_it_is_what_was_asked_for():
    shape = Topology.of([node("a"), node("b"), node("j", needs=["a", "b"], uses=None)])
    assert needs(shape.restricted(["a", "b", "j"]))["j"] == ("a", "b")


def test_names_may_have_hyphens():
    assert needs(Topology.of([node("text-encoder"), node("b", needs="text-encoder")]))["b"] == ("text-encoder",)


@pytest.mark.parametrize(
    "nodes,drawn",
    [
        (
            [node("clean"), node("b", needs=["clean", "claen"])],
            "\n    clean ---> b\n    claen -?-> b\n    ^^^^^ did you mean 'clean'?",
        ),
        ([node("a"), node("bc"), node("a")], "\n    a -> bc -> a\n    ^          ^ the same name twice"),
        ([node("a", needs="b"), node("b", needs="a")], "\n    +-> a -> b -+\n    +-----------+"),
        ([node("a", needs="a")], "\n    +-> a -+\n    +------+"),
    ],
)
def test_an_error_draws_the_part_that_is_wrong(nodes: list[NodeOptions], drawn: str):
    with pytest.raises(TopologyError) as caught:
        Topology.of(nodes)
    assert str(caught.value).endswith(drawn)
