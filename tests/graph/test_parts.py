"""What stands before and after shards."""

from typing import Any

import pytest

from thalweg.errors import SchemaMismatch
from thalweg.graph.parts import check_parts, whole
from thalweg.message import EndpointDescription, ServiceDescription


def schema(**fields: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in fields.items()},
        "required": list(fields),
    }


def service(
    name: str, path: str, takes: dict[str, Any] | None, gives: dict[str, Any] | None, **more: Any
) -> ServiceDescription:
    return ServiceDescription(name, (EndpointDescription(path, takes, gives, **more),))


TEXT, URL, VECTOR = schema(text="string"), schema(url="string"), schema(embedding="array")


def test_an_executor_takes_what_stands_before_it_takes_and_gives_what_stands_after_it_gives() -> None:
    found = whole(
        {
            "e/before": service("e/before", "/default", URL, TEXT, single=True),
            "e": service("e", "/search", TEXT, VECTOR),
            "e/after": service("e/after", "/search", VECTOR, None, writes=True),
        }
    )
    assert list(found) == ["e"]
    endpoint = found["e"].endpoints[0]
    assert (endpoint.path, endpoint.input_schema, endpoint.output_schema) == ("/search", URL, VECTOR)
    assert endpoint.single
    assert endpoint.writes


def test_what_does_not_answer_an_endpoint_has_no_part_in_it() -> None:
    plain = service("e", "/search", TEXT, VECTOR)
    assert whole({"e": plain, "e/before": service("e/before", "/index", URL, URL)}) == {"e": plain}


def test_what_cannot_feed_the_shards_is_found_before_the_start() -> None:
    with pytest.raises(SchemaMismatch, match="'e/before' cannot feed 'e'"):
        check_parts({"e": service("e", "/a", TEXT, TEXT), "e/before": service("b", "/a", TEXT, schema(text="integer"))})
    with pytest.raises(SchemaMismatch, match="'e' cannot feed 'e/after'"):
        check_parts({"e": service("e", "/a", TEXT, TEXT), "e/after": service("b", "/a", schema(text="integer"), TEXT)})


def test_what_stands_beside_shards_answers_once() -> None:
    with pytest.raises(SchemaMismatch, match="answers once"):
        check_parts({"e": service("e", "/a", TEXT, TEXT), "e/after": service("b", "/a", TEXT, TEXT, streaming=True)})


def test_streams_go_past_what_stands_after() -> None:
    parts = {"e": service("e", "/a", TEXT, TEXT, streaming=True), "e/after": service("b", "/a", VECTOR, VECTOR)}
    check_parts(parts)
    assert whole(parts)["e"].endpoints[0].output_schema == TEXT
