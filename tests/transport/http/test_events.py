from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.errors import InvalidDocument, MalformedRequest, PayloadTooLarge
from thalweg.message import COLUMNS, JSON, Response
from thalweg.message.status import to_failure
from thalweg.transport.http.events import END, Event, EventParser, error_event, event_response, item_event
from thalweg.transport.http.failures import decode_failure

PARAMETERS = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3)
ITEMS = st.builds(
    Response,
    st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=30).map(str.encode)),
    st.just(JSON),
    PARAMETERS,
) | st.builds(Response, st.lists(st.binary(max_size=30), max_size=4).map(tuple), st.just(COLUMNS), PARAMETERS)


def parse(*chunks: bytes, largest: int = 10_000) -> list[Event]:
    parser = EventParser(largest)
    return [event for chunk in chunks for event in parser.feed(chunk)]


def plain(response: Response) -> tuple[list[bytes], str, dict[str, object]]:
    return [bytes(part) for part in response.body], response.content_type, response.parameters


@settings(deadline=None)
@given(st.lists(ITEMS, max_size=5), st.data())
def test_items_survive_any_cut_of_the_stream(items: list[Response], data: st.DataObject) -> None:
    stream = b"".join(map(item_event, items)) + END
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    *events, last = parse(*chunks)
    assert [plain(event_response(event)) for event in events] == [plain(item) for item in items]
    assert last.name == "end"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_all_three_line_ends_are_read_byte_by_byte(end: bytes) -> None:
    stream = end.join([b"event: a", b"data: 1", b"data: 2", b"", b"data: 3", b"", b""])
    # A lone return may be the first half of a line end, so the last event may wait for one more byte.
    assert parse(*(bytes([byte]) for byte in stream + b":")) == [Event("a", b"1\n2", b""), Event("", b"3", b"")]


def test_comments_unknown_fields_and_events_without_data_are_passed_over() -> None:
    stream = b"\xef\xbb\xbf: hello\nretry: 5\n\nevent: lonely\n\nid: 7\ndata:x\ndata\n\n"
    assert parse(stream) == [Event("", b"x\n", b"")]


def test_json_with_line_breaks_stays_the_same_json() -> None:
    (event,) = parse(item_event(Response((b'{\r\n "data":\n []}',))))
    assert event.data == b'{\n "data":\n []}'


@pytest.mark.parametrize("make", [lambda: b"data: " + b"x" * 100, lambda: b"data: xxxxxxxx\n" * 10])
def test_an_event_past_the_limit_is_refused(make: Callable[[], bytes]) -> None:
    with pytest.raises(PayloadTooLarge, match="at most 50"):
        parse(make(), largest=50)


def test_the_limit_is_of_one_event_and_not_of_the_stream() -> None:
    assert len(parse(b"data: 12345678\n\n" * 100, largest=50)) == 100


def test_columns_that_are_no_base64_are_refused() -> None:
    with pytest.raises(MalformedRequest, match="base64"):
        event_response(Event("columns", b"***", b""))


def test_an_error_is_the_last_event() -> None:
    error = InvalidDocument("does\nnot fit", details=[{"loc": ["data", 0], "msg": "m", "type": "t"}], request_id="r")
    (event,) = parse(error_event(to_failure(error)))
    found = decode_failure(event.data)
    assert event.name == "error"
    assert isinstance(found, InvalidDocument)
    assert (found.message, found.details, found.request_id) == (error.message, error.details, "r")
