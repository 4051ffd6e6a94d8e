"""Everything that hears strangers: HTTP, WebSocket and each sub-protocol, frames, gRPC's messages, GraphQL's queries.

`read` of a target says the bytes to a service, or as many pieces of them as `CUT` makes, and looks after what is promised:
no error of the server's own in an answer or in the log, nothing left under way, and a good request answered after it.
"""

from __future__ import annotations

import asyncio
import json
import re
import struct
import zlib
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from typing import Any

import httptools
import zstandard
from grpc import StatusCode, aio

from tests.docs.fuzzing.targets import Target
from tests.transport.fuzzing.stage import LIMITS, LINGER_SECONDS, PATIENCE_SECONDS, Stage, emptied, spoken, turns
from thalweg.docs import DocList
from thalweg.docs.codecs import columns
from thalweg.errors import ThalwegError
from thalweg.message import Context, Pending, Request, Response
from thalweg.message.proto import jina
from thalweg.message.proto.gateway import CallRequest
from thalweg.message.status import to_failure
from thalweg.transport.grpc import server as grpc_server
from thalweg.transport.grpc.listener import GrpcServer
from thalweg.transport.grpc.wire import pack_frames
from thalweg.transport.http.listener import HttpServer
from thalweg.transport.jina.exchange import read_answer, read_document
from thalweg.transport.multiplex import frames as form
from thalweg.transport.multiplex.client import ClientSession
from thalweg.transport.multiplex.frames import Kind, RequestHead
from thalweg.transport.multiplex.server import Sessions

CUT = b"\x1e"
"""What divides the bytes of a target into what is said one after the other."""
OUR_FAULT = b'"code":"internal_error"'
GOOD = b'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 26\r\n\r\n{"data":[{"text":"good"}]}'
DOCUMENT = b'{"data":[{"text":"a","number":1}],"parameters":{"n":1}}'


# HTTP --------------------------------------------------------------------------------------------------------------------


class Web:
    """A server of HTTP, WebSocket and GraphQL."""

    def __init__(self) -> None:
        self.stage = Stage.get()
        self.server = HttpServer("http://127.0.0.1:0", self.stage.serving())
        self.stage.run(self.server.start())
        listener: Any = self.server._listener
        self.connection: Callable[[], asyncio.BaseProtocol] = listener._protocol_factory
        application, hall = self.server._application, self.server._hall
        assert hall is not None
        self.admissions = (application.admission, hall.admission)
        self.application, self.hall = application, hall

    async def hear(self, pieces: Iterable[bytes], seconds: float = LINGER_SECONDS) -> bytes:
        said = await spoken(self.connection(), pieces, *self.admissions, seconds=seconds)
        await emptied(*self.admissions)
        await turns()
        assert not self.application._working
        assert not self.hall.residents
        assert not self.hall.waiting
        return said

    async def well(self) -> None:
        """Raise where a good request is not answered as it should be."""
        said = await self.hear([GOOD], PATIENCE_SECONDS)
        assert b"200 OK" in said, said


_web: list[Web] = []


def web() -> Web:
    if not _web:
        _web.append(Web())
    return _web[0]


class Answers:
    """Reads what an HTTP server said."""

    def __init__(self, said: bytes) -> None:
        self.found: list[tuple[int, bytes]] = []
        self._body = b""
        self._parser = httptools.HttpResponseParser(self)
        try:
            self._parser.feed_data(said)
        except httptools.HttpParserUpgrade:
            self.found.append((101, b""))
        except httptools.HttpParserError as error:
            raise AssertionError(said) from error

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self.found.append((self._parser.get_status_code(), self._body))
        self._body = b""


def read_http(data: bytes) -> None:
    at = web()
    said = at.stage.watch(at.hear(data.split(CUT)))
    assert OUR_FAULT not in said
    if b" /graphql" not in data and b"HEAD" not in data:
        for status, body in Answers(said).found:
            assert status < 500, (status, body)
            if status >= 400 and status != 431:
                told = json.loads(body)
                assert told["detail"]
                assert told["code"]
    at.stage.watch(at.well())


def http_request(body: bytes = b"", *lines: str, start: str = "POST /echo") -> bytes:
    length = () if any("chunked" in line for line in lines) else (f"content-length: {len(body)}",)
    head = "\r\n".join((f"{start} HTTP/1.1", "host: x", *length, *lines))
    return head.encode() + b"\r\n\r\n" + body


def chunked(body: bytes) -> bytes:
    return b"5\r\n" + body[:5] + b"\r\n%x;a=b\r\n" % len(body[5:]) + body[5:] + b"\r\n0\r\nx-trailer: a\r\n\r\n"


def http_seeds() -> Iterator[bytes]:
    gzipped = zlib.compressobj(wbits=31)
    packed = gzipped.compress(DOCUMENT) + gzipped.flush()
    yield http_request(DOCUMENT)
    yield http_request(DOCUMENT, "x-request-id: r", "thalweg-timeout: 2.5", "x-priority: 3", "x-share: a") * 2
    yield http_request(chunked(DOCUMENT), "transfer-encoding: chunked")
    yield http_request(packed, "content-encoding: gzip", "accept-encoding: gzip, zstd;q=0.5")
    yield http_request(zstandard.compress(DOCUMENT), "content-encoding: zstd", "accept: */*;q=0.1, text/event-stream")
    yield http_request(DOCUMENT, "accept: application/jsonl", start="POST /count")
    yield http_request(b'{"text":"a"}\n{"text":"b"}\n', "content-type: application/x-ndjson")
    yield http_request(start="GET /count?text=a&number=1&parameters=%7B%7D")
    yield http_request(b'{"text":"a"}', start="POST /bare?a=b&a=c")
    yield http_request(b'{"execEndpoint":"/echo","data":[{}],"header":{"requestId":"a"}}', start="POST /post")
    yield http_request(b"\x89PNG", "content-type: image/png", start="POST /bare")
    yield http_request(b"words", "content-type: text/plain; charset=utf-8", start="POST /echo")
    parts = (
        b'--b\r\ncontent-disposition: form-data; name="blob"; filename="a"\r\ncontent-type: image/png\r\n\r\n\xff\0\r\n'
    )
    parts += b'--b\r\ncontent-disposition: form-data; name="data"\r\n\r\n{"text":"a"}\r\n'
    parts += b'--b\r\ncontent-disposition: form-data; name="parameters"\r\n\r\n{"n":1}\r\n--b--\r\n'
    yield http_request(parts, "content-type: multipart/form-data; boundary=b")
    content = b"".join(bytes(part) for part in columns.encode(DocList[Any]()))
    yield http_request(content, "content-type: application/vnd.thalweg.columns")
    yield http_request(DOCUMENT, "accept: application/vnd.apache.arrow.stream, application/vnd.docarray.protobuf;q=0.2")
    yield (
        http_request(start="GET /openapi.json") + http_request(start="HEAD /docs") + http_request(start="OPTIONS /echo")
    )
    yield http_request(start="GET /status") + http_request(start="DELETE /echo") + http_request(start="GET /dry_run")
    yield http_request(DOCUMENT, "expect: 100-continue", "connection: close", "thalweg-parameters: {}")
    whole = http_request(DOCUMENT)
    yield whole[:30] + CUT + whole[30:90] + CUT + whole[90:] + CUT + whole


GRAPH_HEAD = ("content-type: application/json", "accept: application/graphql-response+json")


def read_graph(data: bytes) -> None:
    """As a query, and as a whole body."""
    at = web()
    query = json.dumps({"query": data.decode("latin-1"), "variables": {"t": "a"}}).encode()
    for body in (query, data):
        said = at.stage.watch(at.hear([http_request(body, *GRAPH_HEAD, start="POST /graphql"), b"", b""]))
        assert OUR_FAULT not in said
        for status, _ in Answers(said).found:
            assert status < 500, said


GRAPH_SEEDS = (
    b'{__schema{types{name fields{name type{name}}}} a:__type(name:"Query"){...F}} fragment F on __Type{name kind}',
    b'query Q($t:String=""){echo(data:[{text:$t}]){data{id text}}}',
    b'mutation M{echo(data:[{text:"a" number:1}],parameters:{a:1}){data{text number} parameters}}',
    b'{"query":"{__typename}","variables":{"a":[1,null]},"operationName":"Q"}',
)


# WebSocket ---------------------------------------------------------------------------------------------------------------


def handshake(protocol: str = "", path: str = "/ws") -> bytes:
    lines = ["host: x", "upgrade: websocket", "connection: Upgrade", "sec-websocket-version: 13"]
    lines += ["sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="]
    lines += [f"sec-websocket-protocol: {protocol}"] if protocol else []
    return "\r\n".join((f"GET {path} HTTP/1.1", *lines)).encode() + b"\r\n\r\n"


def message(data: bytes, opcode: int) -> bytes:
    """A frame of a client's; masked with nothing, so that what is in it can be read."""
    size = len(data)
    length = bytes([128 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
    return bytes([128 | opcode]) + length + bytes(4) + data[:65535]


def read_socket(data: bytes) -> None:
    """Bytes on a connection, the handshake included."""
    at = web()
    assert OUR_FAULT not in at.stage.watch(at.hear(data.split(CUT)))
    at.stage.watch(at.well())


def conversation(protocol: str, *, text: bool) -> Callable[[bytes], None]:
    """Messages after a handshake."""

    def read(data: bytes) -> None:
        at = web()
        messages = [message(piece, 1 if text else 2) for piece in data.split(CUT)]
        said = at.stage.watch(at.hear([handshake(protocol), *messages, b"", b""]))
        assert b"101 Switching" in said
        assert OUR_FAULT not in said
        at.stage.watch(at.well())

    return read


LETTERS = (
    b'{"id":1,"endpoint":"/echo","data":[{"text":"a"}],"parameters":{"n":1}}\x1e{"id":1,"cancel":true}',
    b'{"id":"a","endpoint":"/count","data":[{}],"header":{"request_id":"r","timeout":2,"priority":1},"headers":{"a":"b"}}',
    b'{"id":4,"endpoint":"/chat","data":[{"text":"one"}],"more":true}\x1e{"id":4,"data":[{"text":"two"}],"more":true}'
    b'\x1e{"id":4,"more":false}',
    b'{"id":2,"endpoint":"/bare","data":{"text":"a"}}\x1e{"id":2,"endpoint":"/bare","data":{"text":"a"}}',
    b'{"execEndpoint":"/echo","data":[{"text":"a"}],"targetExecutor":"words"}\x1e{}',
)


# frames ------------------------------------------------------------------------------------------------------------------


class Kept:
    """A wire that keeps what is written, and of which nothing is known but whether it is closed."""

    full = False

    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.closed = False

    def write(self, parts: Any) -> None:
        if not self.closed:
            self.said.append(b"".join(parts))

    async def room(self) -> None:
        """There always is."""

    def close(self) -> None:
        self.closed = True

    abort = close


def programme(data: bytes) -> list[bytes]:
    """Frames: of each piece the first byte is the kind, the second the stream."""
    pieces = [piece for piece in data.split(CUT) if len(piece) >= 2]
    return [form.frame(piece[0] % 14, piece[1] % 4, piece[2:]) for piece in pieces]


_sessions: list[Sessions] = []


async def serve_frames(pieces: list[bytes]) -> None:
    if not _sessions:
        _sessions.append(Sessions(Stage.get().serving()))
    (sessions,) = _sessions
    wire = Kept()
    session = sessions.open(wire)
    for piece in (form.hello_frame(), *pieces):
        if not wire.closed:
            session.receive(piece)
            await turns(2)
    await turns()
    session.lost()
    await emptied(sessions.admission)
    await session.ended()
    assert not session.busy
    failed: list[str] = []

    def noted(kind: int, _: int, body: bytes) -> None:
        if kind == Kind.ERROR:
            failed.append(form.read_failure(body).code)

    form.FrameReader(noted).feed(b"".join(wire.said))
    assert "internal_error" not in failed


def read_frames(data: bytes) -> None:
    Stage.get().watch(serve_frames(programme(data)))


def read_frame_bytes(data: bytes) -> None:
    Stage.get().watch(serve_frames(data.split(CUT)))


class Heard:
    """A `Reply`."""

    def __init__(self) -> None:
        self.said = 0

    def answer(self, response: Response) -> None:
        self.said += 1

    def fail(self, error: ThalwegError) -> None:
        self.said += 1


async def ask_frames(pieces: list[bytes]) -> None:
    """A client whose server says `pieces`: every request has one end."""
    wire, heard = Kept(), Heard()
    session = ClientSession(wire, LIMITS, "a stranger")
    pending: Pending | None = session.submit(Request("/echo", (b"{}",)), Context(), heard)

    async def inflow() -> AsyncGenerator[tuple[bytes, ...], None]:
        while True:
            yield (b"{}",)
            await asyncio.sleep(0)

    async def ask(request: Request) -> None:
        try:
            async for _ in session.handle(request, Context.with_timeout(60)):
                await asyncio.sleep(0)
        except ThalwegError:
            return

    asked = [asyncio.ensure_future(ask(Request("/chat", inflow=source))) for source in (None, inflow())]
    await turns(2)
    for piece in pieces:
        if not wire.closed:
            session.receive(piece)
            await turns(2)
    session.lost()
    async with asyncio.timeout(60):
        await asyncio.gather(*asked)
    assert pending is not None
    assert heard.said == 1
    assert not session._streams


def read_answers(data: bytes) -> None:
    Stage.get().watch(ask_frames(programme(data)))


def framed(*pieces: tuple[int, int, bytes]) -> bytes:
    return CUT.join(bytes([kind, stream]) + body for kind, stream, body in pieces)


def whole(parts: list[Any]) -> bytes:
    return b"".join(bytes(part) for part in parts)


def frame_seeds() -> Iterator[bytes]:
    def asking(endpoint: str, body: tuple[bytes, ...] = (DOCUMENT,), **more: Any) -> bytes:
        head = RequestHead(endpoint, "application/json", [len(part) for part in body], **more)
        return whole(form.request_message(Request(endpoint, body), head))

    item = whole(form.response_message(Response((DOCUMENT,))))
    credit = form.LENGTH.pack(3)
    request = asking("/echo", parameters={"a": [1]}, timeout=2.5, metadata={"a": "b"}, request_id="r", window=2)
    yield framed((Kind.REQUEST, 1, request), (Kind.REQUEST, 1, request), (Kind.CANCEL, 1, b""))
    yield framed(
        (Kind.REQUEST, 2, asking("/count", priority=1, share="a")), (Kind.CREDIT, 2, credit), (Kind.READY, 3, b"")
    )
    begin = form.TOTAL.pack(len(request))
    yield framed((Kind.BEGIN, 1, begin), (Kind.CHUNK, 1, request[:20]), (Kind.CHUNK, 1, request[20:]))
    chat = asking("/chat", (), inflow=True)
    more = form.TOTAL.pack(len(item))
    yield framed((Kind.REQUEST, 1, chat), *[(Kind.ITEM, 1, item)] * 3, (Kind.END, 1, b""))
    yield framed((Kind.REQUEST, 1, chat), (Kind.MORE, 1, more), (Kind.CHUNK, 1, item), (Kind.CANCEL, 1, b""))


def answer_seeds() -> Iterator[bytes]:
    item = whole(form.response_message(Response((DOCUMENT,), parameters={"a": 1}, headers={"a": "b"})))
    failure = form.failure_frame(2, to_failure(ThalwegError("no", details=[{"a": 1}])))[form.HEAD.size :]
    begin = form.TOTAL.pack(len(item))
    yield framed((Kind.ANSWER, 1, item), (Kind.ITEM, 2, item), (Kind.END, 2, b""), (Kind.END, 3, b""))
    yield framed((Kind.BEGIN, 1, begin), (Kind.CHUNK, 1, item), (Kind.END, 1, b""), (Kind.ERROR, 2, failure))
    yield framed(
        (Kind.CREDIT, 3, form.LENGTH.pack(9)), (Kind.ITEM, 3, item), (Kind.GOAWAY, 0, b""), (Kind.ERROR, 0, failure)
    )


# gRPC --------------------------------------------------------------------------------------------------------------------


CUT_SHORT = "Internal error from Core"
"""What gRPC's own client says of a stream that ended while it wrote."""


class Remote:
    """A server of gRPC, and a channel to it that takes bytes for messages."""

    UNARY = (
        f"/{jina.SINGLE_SERVICE}/process_single_data",
        f"/{jina.SEVERAL_SERVICE}/process_data",
        f"/{jina.DISCOVERY_SERVICE}/endpoint_discovery",
        "/thalweg.v1.Gateway/Describe",
        "/grpc.health.v1.Health/Check",
    )
    STREAMS = ("/thalweg.v1.Gateway/Call", f"/{jina.DOCUMENT_SERVICE}/stream_doc")
    BOTH = (
        f"/{jina.CALL_SERVICE}/Call",
        "/thalweg.v1.Gateway/Exchange",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    )

    def __init__(self) -> None:
        self.stage = Stage.get()
        self.stage.run(self._start())

    async def _start(self) -> None:
        server = grpc_server("grpc://127.0.0.1:0", self.stage.serving())
        assert isinstance(server, GrpcServer)
        await server.start()
        self.admission = server._sessions.admission
        self.channel: Any = aio.insecure_channel(server.address.removeprefix("grpc://"))

    async def say(self, path: str, messages: list[bytes]) -> tuple[StatusCode, str]:
        """The status in which a call ends."""
        try:
            async with asyncio.timeout(60):
                if path in self.UNARY:
                    await self.channel.unary_unary(path)(messages[0])
                elif path in self.STREAMS:
                    async for _ in self.channel.unary_stream(path)(messages[0]):
                        pass
                else:
                    async for _ in self.channel.stream_stream(path)(iter(messages)):
                        pass
        except aio.AioRpcError as error:
            told = error.details() or ""
            return (StatusCode.OK if told == CUT_SHORT else error.code()), told
        finally:
            await emptied(self.admission)
        return StatusCode.OK, ""

    def read(self, path: str, data: bytes) -> None:
        messages = data.split(CUT) if path in self.BOTH else [data]
        code, told = self.stage.watch(self.say(path, messages))
        assert code not in (StatusCode.UNKNOWN, StatusCode.INTERNAL, StatusCode.CANCELLED), told


_remote: list[Remote] = []


def call(path: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        if not _remote:
            _remote.append(Remote())
        _remote[0].read(path, data)

    return read


def grpc_seeds() -> dict[str, tuple[bytes, ...]]:
    data = jina.DataRequest()
    data.header.request_id, data.header.exec_endpoint = "r", "/echo"
    data.parameters.update({"a": [1, {"b": None}]})
    data.data.docs = b"\x0a\x05\x0a\x01aZ\x00"
    whole_data = data.SerializeToString()
    document = jina.DocumentRequest()
    document.header.exec_endpoint = "/count"
    document.document = b"\x0a\x01a"
    called = CallRequest(endpoint="/echo", content_type="application/json", body=[DOCUMENT], accept="application/json")
    structured = CallRequest(endpoint="/count")
    structured.data.add().update({"text": "a", "number": 1})
    several = jina.DataRequests(requests=[data, data])
    hello = pack_frames([form.hello_frame(), form.frame(Kind.READY, 1)])
    return {
        "process_single_data": (whole_data,),
        "process_data": (several.SerializeToString(),),
        "stream_doc": (document.SerializeToString(),),
        "JinaRPC/Call": (whole_data + CUT + whole_data,),
        "Gateway/Call": (called.SerializeToString(), structured.SerializeToString()),
        "Exchange": (hello + CUT + hello,),
    }


def read_jina_answer(data: bytes) -> None:
    for read in (read_answer, read_document):
        try:
            read(data, "a stranger")
        except ThalwegError:
            continue


# all of them -------------------------------------------------------------------------------------------------------------


def _targets() -> Iterator[tuple[str, Target]]:
    yield "http", Target(read_http, tuple(http_seeds()))
    yield "graphql", Target(read_graph, GRAPH_SEEDS)
    offered = handshake("thalweg.json") + message(LETTERS[0].partition(CUT)[0], 1)
    yield "websocket", Target(read_socket, (offered, handshake() + CUT + message(b"", 9) + message(b"\x03\xe8", 8)))
    yield "websocket.thalweg.json", Target(conversation("thalweg.json", text=True), LETTERS)
    yield "websocket.json", Target(conversation("json", text=True), LETTERS)
    seeds = grpc_seeds()
    yield (
        "websocket.bytes",
        Target(conversation("bytes", text=False), (seeds["process_single_data"][0] + CUT + b"\x01",)),
    )
    frames = tuple(frame_seeds())
    yield "frames", Target(read_frames, frames)
    yield "frames.bytes", Target(read_frame_bytes, tuple(b"".join(programme(one)) for one in frames))
    yield "frames.client", Target(read_answers, tuple(answer_seeds()))
    yield "jina.answers", Target(read_jina_answer, seeds["process_single_data"])
    for path in (*Remote.UNARY, *Remote.STREAMS, *Remote.BOTH):
        name = re.sub(r".*?(\w+/\w+)$", r"\1", path)
        found = next((given for end, given in seeds.items() if name.endswith(end)), (b"\x0a\x01a",))
        yield f"grpc.{name}", Target(call(path), found)


TARGETS = dict(_targets())
