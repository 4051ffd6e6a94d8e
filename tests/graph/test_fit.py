"""Whether Executors fit together where branches meet, documents are chosen and pass around."""

from typing import Any

import pytest

from thalweg.config import NodeOptions
from thalweg.errors import SchemaMismatch
from thalweg.graph import Topology
from thalweg.graph.fit import check_flow
from thalweg.graph.outline import answers_everything, outline
from thalweg.graph.plan import plan
from thalweg.message import EndpointDescription, ServiceDescription


def schema(*fields: str, required: bool = True) -> dict[str, Any]:
    properties = {name: {"type": "string"} for name in ("id", *fields)}
    return {"type": "object", "properties": properties, "required": list(fields) if required else []}


def described(**ends: tuple[Any, Any]) -> dict[str, ServiceDescription]:
    return {
        name: ServiceDescription(name, (EndpointDescription("/e", taken, given),))
        for name, (taken, given) in ends.items()
    }


def node(name: str, **options: Any) -> NodeOptions:
    return NodeOptions(name=name, uses=options.pop("uses", "m:E"), **options)


TEXT, WORDS, MOOD = schema("text"), schema("text", "words"), schema("text", "mood")
FORK = [node("count", needs="gateway"), node("feel", needs="gateway")]
BRANCHES = {"count": (TEXT, WORDS), "feel": (TEXT, MOOD)}


def test_a_field_may_come_from_any_of_the_branches():
    shape = Topology.of([*FORK, node("report", needs=["count", "feel"])])
    check_flow(shape, described(**BRANCHES, report=(schema("words", "mood"), None)))
    check_flow(
        Topology.of([*FORK, node("j", uses=None, needs=["count", "feel"]), node("report")]),
        described(**BRANCHES, report=(schema("words", "mood"), None)),
    )


def test_a_field_that_no_branch_has_is_missing():
    shape = Topology.of([*FORK, node("report", needs=["count", "feel"])])
    with pytest.raises(SchemaMismatch, match="field colour is required and not given"):
        check_flow(shape, described(**BRANCHES, report=(schema("colour"), None)))


def test_who_joins_branches_itself_needs_each_of_them_to_fit():
    shape = Topology.of([*FORK, node("report", needs=["count", "feel"], reduce=False)])
    with pytest.raises(SchemaMismatch, match="'feel' cannot feed 'report'"):
        check_flow(shape, described(**BRANCHES, report=(WORDS, None)))


def test_documents_that_pass_around_must_fit_what_comes_after():
    nodes = [node("a"), node("b", when={"text": {"$regex": "x"}}, otherwise="skip"), node("c")]
    ends = described(a=(TEXT, TEXT), b=(TEXT, WORDS), c=(WORDS, WORDS))
    with pytest.raises(SchemaMismatch, match="'a' cannot feed 'c'"):
        check_flow(Topology.of(nodes), ends)
    nodes[1] = node("b", when={"text": {"$regex": "x"}})
    check_flow(Topology.of(nodes), ends)


def test_a_condition_on_a_field_that_is_never_there_is_refused_with_the_nearest():
    ends = described(a=(TEXT, WORDS), b=(TEXT, TEXT))
    with pytest.raises(SchemaMismatch) as caught:
        check_flow(Topology.of([node("a"), node("b", when={"wrods": {"$eq": "x"}})]), ends)
    assert "'b': when: wrods: no document has a field 'wrods'; did you mean 'words'?" in str(caught.value)
    assert "gateway -> a -x-> b" in str(caught.value)
    with pytest.raises(SchemaMismatch, match="no document has a field 'other'"):
        check_flow(Topology.of([node("a"), node("b", when={"words": {"$eq": "{other}"}})]), ends)
    check_flow(Topology.of([node("a"), node("b", when={"wrods": {"$exists": False}})]), ends)
    check_flow(Topology.of([node("b", when={"wrods": {"$eq": "x"}})]), ends)  # nobody knows what callers send


def test_the_edge_that_is_wrong_is_drawn():
    with pytest.raises(SchemaMismatch) as caught:
        check_flow(
            Topology.of([node("a"), node("b"), node("c")]), described(a=(TEXT,) * 2, b=(TEXT,) * 2, c=(MOOD, None))
        )
    assert str(caught.value).endswith(
        "\n    gateway -> a -> b -x-> c\n                       field mood is required and not given"
    )


def test_a_flow_without_executors_answers_everything_with_what_came():
    told = outline("flow", Topology.of([]), {})
    assert [endpoint.path for endpoint in told.endpoints] == ["/default"]
    assert answers_everything({})
    made = plan(Topology.of([]), {}, "/any")
    assert (made.steps, made.leaves) == ((), ("gateway",))


def test_joined_branches_of_one_schema_give_that_schema():
    told = outline("flow", Topology.of(FORK), described(count=(TEXT, WORDS), feel=(TEXT, WORDS))).find("/e")
    assert told is not None
    assert told.output_schema == WORDS


def test_where_documents_may_pass_to_the_end_nothing_is_known_of_them():
    skips = [node("a", when={"text": {"$eq": ""}}, otherwise="skip")]
    told = outline("flow", Topology.of(skips), described(a=(TEXT, WORDS))).find("/e")
    assert told is not None
    assert (told.input_schema, told.output_schema) == (TEXT, None)


def test_a_join_keeps_the_order_of_where_its_branches_parted():
    nodes = [
        node("a"),
        node("low", needs="a", when={"n": {"$lt": 1}}),
        node("high", needs="a", when={"n": {"$gte": 1}}),
        node("j", needs=["high", "low"]),
        node("k", needs=["a", "j"]),
    ]
    ends = {one.name: ServiceDescription(one.name, (EndpointDescription("/e"),)) for one in nodes}
    steps = {step.name: step for step in plan(Topology.of(nodes), ends, "/e").steps}
    assert (steps["j"].order, steps["low"].order) == ("a", "")
    assert steps["k"].order == "a"


@pytest.mark.parametrize(
    "nodes, plain",
    [
        ([node("a"), node("b")], True),
        ([node("b"), node("a")], False),
        (FORK, False),
        ([node("b", when={"text": {"$eq": ""}}, otherwise="skip")], False),
        ([], False),
    ],
)
def test_answers_are_plain_where_one_executor_gives_them_and_says_so(nodes, plain):
    ends = {
        one.name: ServiceDescription(one.name, (EndpointDescription("/e", TEXT, TEXT, plain=one.name != "a"),))
        for one in nodes
    }
    assert [one.plain for one in outline("flow", Topology.of(nodes), ends).endpoints] == [plain]
