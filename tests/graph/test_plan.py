from typing import Any

import pytest

from thalweg.config import NodeOptions
from thalweg.errors import MalformedRequest, SchemaMismatch
from thalweg.graph import Plan, Topology
from thalweg.graph.fit import check_flow
from thalweg.graph.outline import answers_everything, outline, paths
from thalweg.graph.plan import plan
from thalweg.message import COLUMNS, EndpointDescription, ServiceDescription

TEXT = {"type": "object", "properties": {"id": {"type": "string"}, "text": {"type": "string"}}, "required": ["text"]}
TENSOR = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
EMBEDDED = {"type": "object", "properties": {**TEXT["properties"], "embedding": TENSOR}, "required": ["embedding"]}


def service(name: str, *endpoints: EndpointDescription) -> ServiceDescription:
    return ServiceDescription(name, endpoints)


def endpoint(path: str = "/e", given: Any = TEXT, gives: Any = TEXT, streaming: bool = False) -> EndpointDescription:
    return EndpointDescription(path, given, gives, None, streaming)


def flow(**needs: Any) -> Topology:
    return Topology.of([NodeOptions(name=name, uses="m:E", needs=need) for name, need in needs.items()])


def shown(shape: Plan) -> list[tuple[str, tuple[str, ...], str]]:
    return [(step.name, step.needs, step.accept) for step in shape.steps]


CHAIN = flow(a=None, b=None)


def test_an_executor_without_the_endpoint_takes_no_part():
    descriptions = {"a": service("a", endpoint("/index")), "b": service("b", endpoint("/index"), endpoint("/search"))}
    assert shown(plan(CHAIN, descriptions, "/search")) == [("b", ("gateway",), "")]


def test_a_default_endpoint_takes_part_in_everything():
    descriptions = {"a": service("a", endpoint("/default")), "b": service("b", endpoint("/search"))}
    assert [name for name, _, _ in shown(plan(CHAIN, descriptions, "/search"))] == ["a", "b"]
    assert answers_everything(descriptions)
    assert not answers_everything({"b": descriptions["b"]})


def test_text_passes_between_executors_as_it_came_and_tensors_as_columns():
    text = {"a": service("a", endpoint()), "b": service("b", endpoint())}
    tensor = {"a": service("a", endpoint(gives=EMBEDDED)), "b": service("b", endpoint(given=EMBEDDED))}
    assert plan(CHAIN, text, "/e").steps[0].accept == ""
    assert plan(CHAIN, tensor, "/e").steps[0].accept == COLUMNS


def test_documents_of_unknown_schema_pass_as_columns():
    descriptions = {"a": service("a", endpoint(given=None, gives=None)), "b": service("b", endpoint())}
    assert plan(CHAIN, descriptions, "/e").steps[0].accept == COLUMNS


def test_branches_that_join_are_asked_for_columns():
    shape = flow(a=None, b="gateway", c=("a", "b"))
    descriptions = {name: service(name, endpoint()) for name in "abc"}
    made = plan(shape, descriptions, "/e")
    assert shown(made) == [("a", ("gateway",), COLUMNS), ("b", ("gateway",), COLUMNS), ("c", ("a", "b"), "")]
    assert made.joins_entry
    assert not made.chain


def test_a_target_leaves_only_executors_whose_whole_name_matches():
    descriptions = {"a": service("a", endpoint()), "b": service("b", endpoint())}
    assert [step.name for step in plan(CHAIN, descriptions, "/e", "b").steps] == ["b"]
    assert [step.name for step in plan(CHAIN, descriptions, "/e", "a|b").steps] == ["a", "b"]
    assert plan(CHAIN, descriptions, "/e", "ab").steps == ()
    with pytest.raises(MalformedRequest, match="regular expression"):
        plan(CHAIN, descriptions, "/e", "(")


def test_an_edge_that_cannot_feed_is_refused_naming_both_ends_endpoint_and_fields():
    descriptions = {"enc": service("enc", endpoint("/encode")), "rank": service("rank", endpoint("/encode", EMBEDDED))}
    with pytest.raises(SchemaMismatch) as caught:
        check_flow(flow(enc=None, rank=None), descriptions)
    for word in ("'enc'", "'rank'", "/encode", "embedding"):
        assert word in str(caught.value)
    assert caught.value.details[0]["loc"] == ["enc", "rank", "/encode"]


def test_the_edge_past_an_executor_without_the_endpoint_is_checked():
    descriptions = {
        "a": service("a", endpoint("/e")),
        "b": service("b", endpoint("/other")),
        "c": service("c", endpoint("/e", EMBEDDED)),
    }
    with pytest.raises(SchemaMismatch, match="'a' cannot feed 'c'"):
        check_flow(flow(a=None, b=None, c=None), descriptions)


def test_an_endpoint_that_gives_back_what_it_took_is_checked_by_what_it_takes():
    descriptions = {"a": service("a", endpoint(gives=None)), "b": service("b", endpoint(given=EMBEDDED))}
    with pytest.raises(SchemaMismatch):
        check_flow(CHAIN, descriptions)


def test_fitting_neighbours_pass():
    check_flow(CHAIN, {"a": service("a", endpoint(gives=EMBEDDED)), "b": service("b", endpoint(given=EMBEDDED))})


def test_streams_may_stand_side_by_side():
    shape = flow(a="gateway", b="gateway")
    check_flow(shape, {name: service(name, endpoint(streaming=True)) for name in "ab"})


def test_one_stream_after_another_is_fine():
    check_flow(CHAIN, {name: service(name, endpoint(streaming=True)) for name in "ab"})


def test_a_flow_takes_what_its_first_executor_takes_and_gives_what_its_last_gives():
    descriptions = {
        "a": service("a", endpoint(gives=EMBEDDED)),
        "b": service("b", endpoint(given=EMBEDDED, streaming=True), endpoint("/more")),
    }
    outside = outline("flow", CHAIN, descriptions)
    assert outside.name == "flow"
    first = outside.find("/e")
    assert first is not None
    assert first.input_schema == TEXT
    assert first.streaming
    assert paths(descriptions) == ["/e", "/more"]


def test_first_steps_side_by_side_must_all_be_satisfied():
    shape = flow(a="gateway", b="gateway")
    descriptions = {"a": service("a", endpoint()), "b": service("b", endpoint(given=EMBEDDED))}
    outside = outline("flow", shape, descriptions).find("/e")
    assert outside is not None
    assert outside.input_schema == {"allOf": [TEXT, EMBEDDED]}
    assert outside.output_schema == TEXT


def test_headers_are_read_where_any_step_reads_them():
    deaf = EndpointDescription("/e", TEXT, TEXT, reads_metadata=False)
    both = {"a": service("a", deaf), "b": service("b", deaf)}
    assert not plan(CHAIN, both, "/e").reads_metadata
    assert plan(CHAIN, {**both, "b": service("b", endpoint())}, "/e").reads_metadata
    assert not plan(CHAIN, {**both, "b": service("b", endpoint())}, "/e", target="a").reads_metadata
