"""Bodies that travel compressed."""

import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncGenerator

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from thalweg.config import ConnectionOptions, Limits
from thalweg.errors import MalformedRequest, PayloadTooLarge
from thalweg.message import ARROW, Context, Request, Response
from thalweg.transport.http.coding import GZIP, ZSTD, chosen_coding, packed_body, unpacked_body

BODY = b'{"data": [' + b'{"text": "a long river"},' * 200 + b'{"text": "end"}]}'
COMPRESS = {GZIP: gzip.compress, ZSTD: zstandard.compress}


@pytest.mark.parametrize("coding", [GZIP, ZSTD])
async def test_a_compressed_body_reaches_the_handler_as_it_was(serve, coding: str) -> None:
    site = await serve()
    status, _, body = await site.post("/echo", COMPRESS[coding](BODY), content_encoding=coding)
    assert (status, body) == (200, BODY)
    assert bytes(site.handler.requests[0].body[0]) == BODY


@pytest.mark.parametrize("coding", [GZIP, ZSTD])
async def test_a_large_json_answer_is_compressed_for_who_reads_it(serve, coding: str) -> None:
    async def large(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response((BODY * 50,))

    site = await serve(large)
    _, headers, body = await site.post("/echo", accept_encoding=f"br, {coding};q=0.5")
    assert headers["content-encoding"] == coding
    assert headers["vary"] == "accept-encoding"
    assert int(headers["content-length"]) == len(body) < len(BODY)
    expand = gzip.decompress if coding == GZIP else zstandard.ZstdDecompressor().decompressobj().decompress
    assert expand(body) == BODY * 50


@pytest.mark.parametrize("encodings", ["identity", "br", "gzip;q=0", ""])
async def test_it_is_sent_as_it_is_to_others(serve, encodings: str) -> None:
    site = await serve(connections=ConnectionOptions(compress_bytes=10))
    _, headers, body = await site.post("/echo", BODY, accept_encoding=encodings)
    assert "content-encoding" not in headers
    assert body == BODY


async def test_small_answers_columns_and_those_of_who_wants_none_are_left_alone(serve) -> None:
    site = await serve()
    assert "content-encoding" not in (await site.post("/echo", BODY, accept_encoding="gzip"))[1]
    _, headers, _ = await site.post("/echo", bytes(100_000), content_type=ARROW, accept_encoding="gzip")
    assert "content-encoding" not in headers
    site = await serve(connections=ConnectionOptions(compress_bytes=None))
    assert "content-encoding" not in (await site.post("/echo", BODY * 50, accept_encoding="gzip"))[1]


@pytest.mark.parametrize("coding", [GZIP, ZSTD])
def test_a_bomb_is_stopped_at_the_limit(coding: str) -> None:
    limit = 1 << 20
    bomb = COMPRESS[coding](bytes(256 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(PayloadTooLarge, match=f"more than {limit} bytes"):
            unpacked_body(coding, bomb, limit)
        assert tracemalloc.get_traced_memory()[1] < 24 * limit
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("coding", [GZIP, ZSTD])
async def test_a_bomb_is_answered_413_and_counted_out_again(serve, coding: str) -> None:
    site = await serve(limits=Limits(max_message_bytes=100_000))
    status, _, body = await site.post("/echo", COMPRESS[coding](bytes(10_000_000)), content_encoding=coding)
    assert (status, json.loads(body)["code"]) == (413, "payload_too_large")
    assert site.server._application.admission.inflight_bytes == 0


@pytest.mark.parametrize("coding", [GZIP, ZSTD])
@pytest.mark.parametrize("cut", [1, 10, 30])
async def test_a_body_that_is_not_what_it_says_is_malformed(serve, coding: str, cut: int) -> None:
    site = await serve()
    for broken in (b"plain" * cut, COMPRESS[coding](BODY)[:-cut], COMPRESS[coding](BODY) + b"more"):
        status, _, body = await site.post("/echo", broken, content_encoding=coding)
        assert (status, json.loads(body)["code"]) == (400, "malformed_request")


def test_several_members_of_gzip_are_one_body() -> None:
    assert unpacked_body(GZIP, gzip.compress(b"one ") + gzip.compress(b"two"), 100) == b"one two"
    assert unpacked_body(ZSTD, zstandard.compress(b"one ") + zstandard.compress(b"two"), 100) == b"one two"


@given(st.binary(max_size=2000), st.sampled_from([GZIP, ZSTD]))
def test_what_is_compressed_here_is_read_here(data: bytes, coding: str) -> None:
    assert unpacked_body(coding, packed_body(coding, [data[:7], memoryview(data)[7:]]), len(data)) == data


@given(st.binary(max_size=200), st.sampled_from([GZIP, ZSTD]))
def test_garbage_is_malformed_or_nothing_worse(data: bytes, coding: str) -> None:
    try:
        unpacked_body(coding, data, 1000)
    except (MalformedRequest, PayloadTooLarge):
        return


@pytest.mark.parametrize(
    "header,coding",
    [
        (b"gzip", GZIP),
        (b"gzip, zstd", ZSTD),
        (b"gzip;q=1.0, zstd;q=0.5", GZIP),
        (b"GZIP", GZIP),
        (b"deflate, br", ""),
        (b"*", ""),
        (b"gzip;q=0", ""),
    ],
)
def test_the_coding_is_the_one_with_the_largest_weight(header: bytes, coding: str) -> None:
    assert chosen_coding(header) == coding


def test_gzip_here_is_gzip_everywhere() -> None:
    assert zlib.decompress(packed_body(GZIP, [b"abc"]), 31) == b"abc"
