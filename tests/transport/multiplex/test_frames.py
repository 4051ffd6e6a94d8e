import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.errors import MalformedRequest, PayloadTooLarge, ThalwegError
from thalweg.message import COLUMNS, JSON, Request, Response
from thalweg.message.status import Failure
from thalweg.transport.multiplex.frames import (
    HEAD,
    LARGE_BUFFER_BYTES,
    MAX_FRAME_BYTES,
    Assembly,
    FrameReader,
    Kind,
    RequestHead,
    failure_frame,
    framed,
    read_failure,
    read_request,
    read_response,
    request_message,
    request_opening,
    response_message,
)


def read(data: bytes | memoryview, step: int) -> list[tuple[int, int, bytes]]:
    frames: list[tuple[int, int, bytes]] = []
    reader = FrameReader(lambda *frame: frames.append(frame))
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
    return frames


@given(
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 2**32 - 1), st.binary(max_size=100)), max_size=8),
    st.integers(1, 50),
)
def test_frames_come_out_as_they_went_in_however_they_are_split(frames: list[tuple[int, int, bytes]], step: int):
    data = b"".join(HEAD.pack(len(body), kind, stream) + body for kind, stream, body in frames)
    assert read(data, step) == frames


@pytest.mark.parametrize("step", [1_000, 60_000, 1 << 20])
def test_a_long_frame_comes_out_as_it_went_in_and_what_follows_it_too(step: int):
    bodies = [bytes(range(256)) * (MAX_FRAME_BYTES // 256), b"", b"short", bytes(200_000)]
    data = b"".join(HEAD.pack(len(body), Kind.CHUNK, 1) + body for body in bodies)
    assert [body for _, _, body in read(data, step)] == bodies
    assert [body for _, _, body in read(memoryview(data), step)] == bodies


def test_the_body_of_a_frame_keeps_nothing_else():
    data = HEAD.pack(100_000, Kind.REQUEST, 1) + bytes(100_000)
    assert {type(body) for step in (10_000, 200_000) for _, _, body in read(memoryview(data), step)} == {bytes}


def test_a_large_buffer_is_a_view_where_arrays_may_begin():
    large, small = read_response(_message(LARGE_BUFFER_BYTES)), read_response(_message(LARGE_BUFFER_BYTES - 1))
    again = read_response(_message(LARGE_BUFFER_BYTES))
    assert [type(one.body[0]) for one in (large, small, again)] == [memoryview, bytes, memoryview]
    for one in (large, again):
        assert bytes(one.body[0]) == bytes(LARGE_BUFFER_BYTES)
        assert np.frombuffer(one.body[0], np.float64).flags.aligned


def _message(size: int) -> bytes:
    return b"".join(map(bytes, response_message(Response((bytes(size),), COLUMNS))))


def test_a_frame_longer_than_any_is_refused():
    with pytest.raises(MalformedRequest, match="longest"):
        read(HEAD.pack(MAX_FRAME_BYTES + 1, Kind.REQUEST, 1), 12)


@given(st.lists(st.binary(max_size=40), max_size=5), st.text(max_size=10))
def test_a_request_comes_out_as_it_went_in(body: list[bytes], target: str):
    request = Request("/e", tuple(body), COLUMNS, "x/y", {"a": [1, None, b"\xff"]}, target)
    head = RequestHead(
        "/e", COLUMNS, [len(b) for b in body], "x/y", request.parameters, target, 1.5, {"k": "v"}, "t", "r"
    )
    read_back, read_head = read_request(b"".join(map(bytes, request_message(request, head))))
    assert [bytes(part) for part in read_back.body] == body
    assert (read_back.endpoint, read_back.accept, read_back.target) == ("/e", "x/y", target)
    assert read_back.parameters == request.parameters
    assert (read_head.timeout, read_head.metadata, read_head.trace, read_head.request_id) == (1.5, {"k": "v"}, "t", "r")


def test_buffers_begin_where_arrays_may():
    response = Response((b"abc", b"de", b"fgh"), COLUMNS)
    message = bytearray(b"".join(map(bytes, response_message(response))))
    start = memoryview(message).obj
    assert start is message
    for part, expected in zip(read_response(message).body, (b"abc", b"de", b"fgh"), strict=True):
        assert bytes(part) == expected
        assert message.index(expected) % 8 == 0


@given(st.binary(max_size=200))
def test_bytes_that_are_no_message_are_refused_and_nothing_else(data: bytes):
    for reader in (read_request, read_response):
        try:
            reader(data)
        except ThalwegError:
            continue


@given(st.data())
def test_a_message_that_was_cut_or_changed_is_refused_or_read_within_its_bounds(data: st.DataObject):
    whole = bytearray(b"".join(map(bytes, response_message(Response((b"x" * 50, b"y" * 7), COLUMNS, {"a": 1})))))
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    for position in data.draw(st.lists(st.integers(0, max(0, len(cut) - 1)), max_size=3)):
        if cut:
            cut[position] = data.draw(st.integers(0, 255))
    try:
        response = read_response(bytes(cut))
    except MalformedRequest:
        return
    assert response.size <= len(cut)


def test_a_large_message_goes_in_chunks_and_is_whole_again():
    parts = [b"head", b"x" * (MAX_FRAME_BYTES * 2), b"tail"]
    frames = [b"".join(map(bytes, frame)) for frame in framed(Kind.REQUEST, 7, parts)]
    seen = read(b"".join(frames), 10_000)
    assert [kind for kind, _, _ in seen] == [Kind.BEGIN, Kind.CHUNK, Kind.CHUNK, Kind.CHUNK]
    assembly = Assembly(seen[0][2], 10 * MAX_FRAME_BYTES)
    assert [assembly.add(body) for _, _, body in seen[1:]] == [False, False, True]
    assert bytes(assembly.message) == b"".join(parts)


def test_a_message_over_the_limit_is_refused_before_room_is_made():
    (begin,) = next(iter(framed(Kind.REQUEST, 1, [b"x" * (MAX_FRAME_BYTES + 1)])))
    with pytest.raises(PayloadTooLarge, match=str(MAX_FRAME_BYTES + 1)):
        Assembly(bytes(begin)[HEAD.size :], MAX_FRAME_BYTES)


def test_more_chunks_than_announced_are_refused():
    assembly = Assembly((3).to_bytes(8, "little"), 10)
    with pytest.raises(MalformedRequest):
        assembly.add(b"abcd")


def test_a_failure_with_too_much_to_say_keeps_its_first_findings():
    findings = [{"loc": ["data", n], "msg": "x" * 100, "type": "t"} for n in range(5000)]
    (kind, stream, body), *_ = read(failure_frame(3, Failure("invalid_document", "no", findings)), 1 << 20)
    kept = read_failure(body)
    assert (kind, stream, kept.code) == (Kind.ERROR, 3, "invalid_document")
    assert 0 < len(kept.details) < 5000
    assert kept.details[0] == findings[0]


@pytest.mark.parametrize("size", [0, 1, 7, 8, 1000])
def test_an_answer_of_one_buffer_comes_out_as_it_went_in(size: int):
    message = b"".join(map(bytes, response_message(Response((b"x" * size,), "application/json"))))
    assert read_response(message) == Response((b"x" * size,), "application/json")
    assert (len(message) - size) % 8 == 0


@pytest.mark.parametrize("size", [0, 1, 7, 8, 300])
def test_what_is_remembered_of_plain_requests_is_what_they_would_be_written_as(size: int) -> None:
    payload = b"x" * size
    request = Request("/do", (payload,), JSON, COLUMNS)
    head = RequestHead(request.endpoint, request.content_type, [size], request.accept, window=9)
    for _ in range(2):
        opening = request_opening("/do", JSON, size, COLUMNS, 9)
        assert opening + payload == b"".join(request_message(request, head))
    read, found = read_request(opening + payload)
    assert read == request
    assert found == head
