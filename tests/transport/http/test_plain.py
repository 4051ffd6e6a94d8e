"""What is recognised as plain, held against a parser that knows all of HTTP."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.transport.http.headers import header_pairs
from thalweg.transport.http.plain import LARGEST_HEAD, read_head

PLAIN = b"POST /encode HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Type: application/json\r\n\r\n"


class Seen:
    """What httptools makes of the same bytes."""

    def __init__(self, data: bytes) -> None:
        self.url = self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


def test_a_plain_head_is_read():
    head = read_head(PLAIN + b"abc")
    assert head is not None
    assert (head.path, head.length, head.size) == ("/encode", 3, len(PLAIN))


def test_names_for_the_request_and_its_trace_are_noted():
    head = read_head(PLAIN.replace(b"Host: x", b"Host: x\r\nX-Request-Id: r1\r\nTraceparent: t1"))
    assert head is not None
    assert (head.request_id, head.trace) == (b"r1", b"t1")


@pytest.mark.parametrize(
    "old,new",
    [
        (b"POST", b"GET"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"/encode", b"/a%20b"),
        (b"/encode", b"/a?b=c"),
        (b"/encode", b"*"),
        (b"/encode", b"http://x/encode"),
        (b"Content-Length: 3\r\n", b""),
        (b"Content-Length: 3", b"Content-Length: 0"),
        (b"Content-Length: 3", b"Content-Length: +3"),
        (b"Content-Length: 3", b"Content-Length: 3, 3"),
        (b"Content-Length: 3", b"Content-Length: 3\r\nContent-Length: 3"),
        (b"Content-Length: 3", b"Content-Length: 3\r\nTransfer-Encoding: chunked"),
        (b"Content-Length: 3", b"Content-Length : 3"),
        (b"Content-Length: 3", b"Content-Length: 3\r\n folded"),
        (b"Host: x\r\n", b""),
        (b"Host: x", b"Host: x\r\nHost: y"),
        (b"Host: x", b"Host: x\nEvil: y"),
        (b"Host: x", b"Host: x\0"),
        (b"Host: x", b"Host: x\r\nExpect: 100-continue"),
        (b"Host: x", b"Host: x\r\nConnection: close"),
        (b"Host: x", b"Host: x\r\nConnection: upgrade\r\nUpgrade: websocket"),
        (b"Host: x", b"Host: x\r\nContent-Encoding: gzip"),
        (b"Host: x", b"Host: x\r\nAccept: text/event-stream"),
        (b"Host: x", b"Host: x\r\nAccept: text/html"),
        (b"Host: x", b"Host: x\r\nAccept: application/json;q=0, */*"),
        (b"Host: x", b"Host: x\r\nThalweg-Target: a"),
        (b"application/json", b"application/json; charset=utf-8"),
        (b"application/json", b"image/png"),
        (b"Host: x", b"Host: x\r\nX: " + b"y" * LARGEST_HEAD),
        (b"\r\n\r\n", b"\r\n"),
    ],
)
def test_whatever_is_unusual_is_left_to_the_parser(old: bytes, new: bytes):
    assert read_head(PLAIN.replace(old, new, 1)) is None


names = st.sampled_from(
    [
        b"Host",
        b"host",
        b"X-A",
        b"Accept",
        b"Content-Length",
        b"Content-Type",
        b"Connection",
        b"Transfer-Encoding",
        b"A b",
    ]
)
values = st.sampled_from(
    [
        b"x",
        b" 3",
        b"3 ",
        b"03",
        b"*/*",
        b"application/json",
        b"keep-alive",
        b"chunked",
        b"\t",
        b"",
        b"a\rb",
        b"\xff",
        b"3\x00",
    ]
)
lines = st.lists(st.tuples(names, st.sampled_from([b":", b": ", b" :", b":\t"]), values), max_size=6)


@given(
    lines, st.sampled_from([b"\r\n", b"\n"]), st.sampled_from([b"/", b"/a/b", b"/a b", b"//", b"/\xff"]), st.booleans()
)
def test_what_is_recognised_means_the_same_to_the_parser(
    given_lines: list[tuple[bytes, bytes, bytes]], end: bytes, path: bytes, complete: bool
):
    written = b"".join(name + colon + value + end for name, colon, value in given_lines)
    usual = b"host: h\r\ncontent-length: 5\r\n" if complete else b""
    data = b"POST " + path + b" HTTP/1.1\r\n" + usual + written + b"\r\n"
    head = read_head(data)
    if head is None:
        return
    seen = Seen(data + b"b" * head.length)
    assert seen.complete
    assert seen.url.decode() == head.path
    assert len(seen.body) == head.length
    assert [(n, v.strip(b" \t")) for n, v in seen.headers] == header_pairs(head.block)
    assert seen.parser.should_keep_alive()
    assert not seen.parser.should_upgrade()


@given(st.data())
def test_a_plain_head_with_changed_bytes_means_the_same_to_the_parser_or_is_left_to_it(data: st.DataObject):
    changed = bytearray(PLAIN)
    for position in data.draw(st.lists(st.integers(0, len(PLAIN) - 1), min_size=1, max_size=3)):
        changed[position] = data.draw(st.integers(0, 255))
    head = read_head(bytes(changed))
    if head is not None:
        seen = Seen(bytes(changed) + b"b" * head.length)
        assert seen.complete
        assert (seen.url.decode(), len(seen.body)) == (head.path, head.length)
