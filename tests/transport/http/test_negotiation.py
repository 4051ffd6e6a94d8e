"""What `accept` headers ask for."""

import pytest

from thalweg.message import ARROW, COLUMNS, DOCARRAY, JSON
from thalweg.transport.http.negotiation import EVENTS, LINES, Accepted, NotAcceptable, accepted


def test_nothing_said_leaves_the_choice() -> None:
    assert accepted(b"") == Accepted()
    assert accepted(b"").payload(ARROW) == ARROW


@pytest.mark.parametrize(
    "value,content_type",
    [
        (f"{ARROW}", ARROW),
        (f"{JSON};q=0.2, {ARROW};q=0.9, {COLUMNS};q=0.5", ARROW),
        (f"{JSON}, {ARROW}", JSON),
        (f"{DOCARRAY};q=1.0;v=2", DOCARRAY),
        (f"{ARROW};q=wrong", ARROW),
        (f"{ARROW};q=2", ARROW),
        (JSON.upper(), JSON),
        (" , " + JSON + " ,,", JSON),
        ("*/*;q=0.1, text/html", ""),
    ],
)
def test_the_largest_weight_wins_and_then_the_order(value: str, content_type: str) -> None:
    assert accepted(value.encode()).content_type == content_type


def test_what_is_refused_is_not_given_even_where_anything_else_would_do() -> None:
    wanted = accepted(f"{JSON};q=0, {COLUMNS};q=0, */*".encode())
    assert wanted.payload(JSON) == ARROW


@pytest.mark.parametrize("value", ["text/html", "image/*", f"{JSON};q=0", "nonsense", "\xff"])
def test_a_caller_that_reads_nothing_of_what_there_is_is_told(value: str) -> None:
    with pytest.raises(NotAcceptable, match="there are application/json"):
        accepted(value.encode("latin-1"))


@pytest.mark.parametrize(
    "value,stream,only",
    [
        (EVENTS, EVENTS, True),
        ("text/*", EVENTS, True),
        (f"{EVENTS}, */*", EVENTS, False),
        (LINES, LINES, True),
        (f"{EVENTS};q=0.1, application/x-ndjson", "application/x-ndjson", True),
        (JSON, "", False),
    ],
)
def test_a_stream_may_be_asked_for_alone_or_beside_other_things(value: str, stream: str, only: bool) -> None:
    wanted = accepted(value.encode())
    assert (wanted.stream, wanted.only_stream) == (stream, only)
