"""Whatever strangers say ends in an answer or in an error of ours, leaves nothing behind, and is no line in the log."""

import gzip
import math
from contextlib import suppress
from time import process_time

import pytest
from hypothesis import given

from tests.docs.fuzzing.hostile import TOKENS, hostile, steady
from tests.transport.fuzzing.stage import LINGER_SECONDS, PATIENCE_SECONDS
from tests.transport.fuzzing.targets import CUT, TARGETS, web
from thalweg.message import Request
from thalweg.message.proto import jina
from thalweg.transport.http.coding import unpacked_body
from thalweg.transport.multiplex.frames import Kind, RequestHead, request_message

SIGNS = [*TOKENS, CUT, CUT + b"\x02\x01", b"\r\n", b"\r\n\r\n", b"--b", b"%ff", b"true", b'"more":true', b"\x7f" * 5]
SLOW = "grpc."


@pytest.mark.parametrize("name", TARGETS)
def test_sound_bytes_are_answered(name: str) -> None:
    for seed in TARGETS[name].seeds:
        with suppress(*TARGETS[name].errors):
            TARGETS[name].read(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_strange_bytes_leave_nothing_behind(name: str) -> None:
    target = TARGETS[name]

    @steady(20 if name.startswith(SLOW) else 60)
    @given(hostile(target, SIGNS))
    def read(data: bytes) -> None:
        target.read(data)

    read()


def test_a_timeout_that_is_no_number_stands_in_nobodys_way() -> None:
    for seconds in (math.nan, math.inf, -math.inf, 1e308, -1.0):
        for endpoint in ("/echo", "/count"):
            head = RequestHead(endpoint, "application/json", [2], timeout=seconds)
            message = b"".join(bytes(part) for part in request_message(Request(endpoint, (b"{}",)), head))
            TARGETS["frames"].read(bytes([Kind.REQUEST, 1]) + message)


def test_fields_after_a_body_are_no_headers() -> None:
    at = web()
    start = b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    said = at.stage.watch(at.hear([start + b"x-request-id: smuggled\r\n\r\n"], PATIENCE_SECONDS))
    assert b"200 OK" in said
    assert b"smuggled" not in said
    said = at.stage.watch(at.hear([start, *[b"x: y\r\n" * 1000] * 50], LINGER_SECONDS))
    assert b" 400 " in said or not said


@pytest.mark.parametrize("protocol", ["thalweg.json", "json"])
def test_an_id_that_is_no_text_is_refused(protocol: str) -> None:
    letter = b'{"id":"\xff","endpoint":"/chat","execEndpoint":"/chat","data":[{}],"more":true}'
    TARGETS[f"websocket.{protocol}"].read(letter + CUT + letter)


@pytest.mark.parametrize("name", ["r\n\u00fc", "x" * 9000, "a b"])
def test_a_name_that_metadata_cannot_hold_keeps_no_answer_back(name: str) -> None:
    asked = jina.DocumentRequest()
    asked.header.request_id, asked.header.exec_endpoint, asked.document = name, "/nowhere", b"\x0a\x01a"
    TARGETS["grpc.JinaSingleDocumentRequestRPC/stream_doc"].read(asked.SerializeToString())


def test_many_small_members_of_gzip_take_no_longer_than_one_large_one() -> None:
    member = gzip.compress(b"")
    started = process_time()
    assert unpacked_body("gzip", member * 100_000, 1) == b""
    assert process_time() - started < 5
