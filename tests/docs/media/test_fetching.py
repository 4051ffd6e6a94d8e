"""Fetching: over HTTP, from data: addresses, from files and from what fsspec opens; bounded in size and time."""

import base64
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from thalweg.docs.media.fetching import fetch
from thalweg.errors import MissingDependency


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    closing: threading.Event

    def do_GET(self) -> None:
        name = self.path.strip("/").partition("?")[0]
        getattr(self, f"answer_{name}", self.answer_missing)()

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for header, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(header.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def answer_river(self) -> None:
        self.reply(200, b"water")

    def answer_echo(self) -> None:
        self.reply(200, f"{self.path} {self.headers['User-Agent']}".encode())

    def answer_there(self) -> None:
        self.reply(302, Location="/river")

    def answer_loop(self) -> None:
        self.reply(302, Location=f"/loop?{self.path.count('x') * 'x'}x")

    def answer_away(self) -> None:
        self.reply(302, Location="ftp://127.0.0.1/river")

    def answer_file(self) -> None:
        self.reply(302, Location="file:///etc/hostname")

    def answer_broken(self) -> None:
        self.reply(500)

    def answer_missing(self) -> None:
        self.reply(404)

    def answer_short(self) -> None:
        self.reply(200, b"wat", Content_Length="5")
        self.close_connection = True

    def answer_chunks(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b"400\r\n" + b"w" * 1024 + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def answer_silent(self) -> None:
        self.closing.wait()

    def answer_drops(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.closing.wait(0.01):
            try:
                self.wfile.write(b"w")
            except OSError:
                return

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.closing = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        Handler.closing.set()
        server.shutdown()
        thread.join()


def test_over_http(server: str) -> None:
    assert fetch(f"{server}/river") == b"water"
    assert fetch(f"{server}/there") == b"water"
    assert fetch(f"{server}/chunks") == b"w" * 102_400
    assert fetch(f"{server}/river", timeout=None) == b"water"


def test_what_a_server_is_asked(server: str) -> None:
    path, agent = fetch(f"{server}/echo?naïve river=%20#part").decode().split(" ", 1)
    assert path == "/echo?na%C3%AFve%20river=%20"
    assert agent.startswith("Mozilla/5.0")


@pytest.mark.parametrize(
    "name, kind, reason",
    [
        ("nowhere", FileNotFoundError, "answered with 404"),
        ("broken", OSError, "answered with 500"),
        ("loop", OSError, "infinite loop"),
        ("away", OSError, "redirected to ftp://127.0.0.1/river, which is not fetched"),
        ("file", OSError, "not allowed"),
        ("short", OSError, "ended after 3 of 5 bytes"),
    ],
)
def test_what_a_server_may_say(server: str, name: str, kind: type[Exception], reason: str) -> None:
    with pytest.raises(kind, match=reason):
        fetch(f"{server}/{name}")


@pytest.mark.parametrize("name", ["silent", "drops"])
def test_a_slow_server_is_given_up(server: str, name: str) -> None:
    with pytest.raises(TimeoutError, match=r"did not answer completely within 0.2 s"):
        fetch(f"{server}/{name}", timeout=0.2)


@pytest.mark.parametrize("name, limit", [("river", 4), ("chunks", 100_000), ("drops", 3)])
def test_no_more_is_read_than_allowed(server: str, name: str, limit: int) -> None:
    with pytest.raises(ValueError, match=f"holds more than {limit:,} bytes"):
        fetch(f"{server}/{name}", max_bytes=limit)


def test_nobody_listens() -> None:
    with pytest.raises(OSError, match="cannot be fetched"):
        fetch("http://user:secret@127.0.0.1:1/river")
    with pytest.raises(OSError, match="cannot be fetched") as caught:
        fetch("http://127.0.0.1:1/river")
    assert not isinstance(caught.value, FileNotFoundError)
    with pytest.raises(ValueError, match="is no address"):
        fetch("http://[broken/a.png")


@pytest.mark.parametrize(
    "address, held",
    [
        ("data:,the%20river", b"the river"),
        ("data:text/plain;charset=utf-8,a,b", b"a,b"),
        ("data:;base64," + base64.b64encode(b"\xff\xfe\xfd").decode(), b"\xff\xfe\xfd"),
        ("data:image/png;base64,__79", b"\xff\xfe\xfd"),
        ("data:image/png;base64,//8", b"\xff\xff"),
        ("data:image/png;BASE64,//8%3D", b"\xff\xff"),
    ],
)
def test_data_addresses(address: str, held: bytes) -> None:
    assert fetch(address) == held


@pytest.mark.parametrize(
    "address, reason",
    [
        ("data:text/plain", "a comma comes before"),
        ("data:;base64,a", "no valid base64"),
        ("data:,rivers", "more than 5"),
    ],
)
def test_data_addresses_that_hold_nothing(address: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        fetch(address, max_bytes=5)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "the river.txt"
    path.write_bytes(b"water")
    assert fetch(str(path)) == b"water"
    assert fetch(path.as_uri()) == b"water"
    assert fetch(str(path), max_bytes=5) == b"water"
    with pytest.raises(ValueError, match="holds more than 4 bytes"):
        fetch(str(path), max_bytes=4)
    with pytest.raises(ValueError, match="is on another machine"):
        fetch("file://elsewhere/river.txt")


@pytest.mark.parametrize("path", ["nowhere.png", "", "a\0b"])
def test_no_such_file(path: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no file|is no path"):
        fetch(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match="is no file that can be read"):
            fetch(str(path))


def test_what_fsspec_opens() -> None:
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://thalweg/river.txt", "wb") as stream:
        stream.write(b"water")
    assert fetch("memory://thalweg/river.txt") == b"water"
    with pytest.raises(ValueError, match="holds more than 4 bytes"):
        fetch("memory://thalweg/river.txt", max_bytes=4)
    with pytest.raises(FileNotFoundError, match="nothing at memory://thalweg/nowhere"):
        fetch("memory://thalweg/nowhere")


def test_without_fsspec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(MissingDependency, match=r"pip install 'thalweg\[store\]'"):
        fetch("s3://bucket/river.txt")


def test_messages_hide_passwords_and_stay_short() -> None:
    with pytest.raises(OSError, match="http://127") as caught:
        fetch("http://user:secret@127.0.0.1:1/" + "x" * 10_000)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 400
