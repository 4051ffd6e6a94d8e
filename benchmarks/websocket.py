"""WebSocket beside HTTP, and what idle connections cost: `python -m benchmarks.websocket`.

One Deployment gives back small documents over both. The caller is the same for all rows: a bare socket that sends messages
made beforehand, as many at once as the row says, and one more for each answer. "HTTP, one connection" is asked twice: one
request after the other, which is what clients of HTTP/1.1 do, and with 32 requests written ahead (pipelining), which hardly
any does. Rates are medians of rounds in which the rows take turns.

Idle connections are opened and left alone for a while; what counts is the memory of the process that holds them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import secrets
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median
from time import perf_counter

from benchmarks.machine import describe
from benchmarks.memory import memory
from benchmarks.report import as_markdown, as_text
from benchmarks.sections import write_section
from thalweg import Deployment, Executor, requests
from thalweg.docs import BaseDoc, DocList

HEADING = "## WebSocket"
HEAD = ("small documents, one replica", "requests/s", "goal", "reached")
FLIGHT = 32
IDLE = 10_000
IDLE_GOAL_MB = 200.0
AT_ONCE = 200
REST_SECONDS = 5.0
BODY = b'{"data":[{"id":"1","text":"a small document"}],"parameters":{}}'
LETTERS = [b'{"id":%d,"endpoint":"/mirror",%b' % (number, BODY[1:]) for number in range(1024)]
"""With as many ids that none comes again while it is under way."""
POST = b"POST /mirror HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
UPGRADE = (
    b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
ANSWERED = b"HTTP/1.1 200"


class Text(BaseDoc):
    text: str = ""


class Mirror(Executor):
    """Gives back what it gets."""

    @requests(on="/mirror")
    def mirror(self, docs: DocList[Text]) -> DocList[Text]:
        return docs


def frame(text: bytes) -> bytes:
    """A text message as a client sends it; the mask is nothing, which costs the server as much as any other."""
    length = struct.pack("!BBH", 0x81, 0x80 | 126, len(text)) if len(text) > 125 else bytes((0x81, 0x80 | len(text)))
    return length + bytes(4) + text


FRAMES = [frame(letter) for letter in LETTERS]


class FrameCount:
    """Counts whole text messages in bytes that come split anywhere."""

    def __init__(self) -> None:
        self._rest = b""

    def __call__(self, data: bytes) -> int:
        data = self._rest + data
        found = position = 0
        while len(data) - position >= 4:
            size, start = data[position + 1], position + 2
            if size == 126:
                size, start = int.from_bytes(data[start : start + 2], "big"), start + 2
            if start + size > len(data):
                break
            if data[position] == 0x81:
                if b'"data"' not in data[start : start + 20]:
                    raise SystemExit(f"not answered: {data[start : start + size]!r}")
                found += 1
            position = start + size
        self._rest = data[position:]
        return found


class AnswerCount:
    """Counts good answers of HTTP by how they begin; one that is not good stops the run."""

    def __init__(self) -> None:
        self._rest = b""

    def __call__(self, data: bytes) -> int:
        data = self._rest + data
        found = data.count(ANSWERED)
        if data.count(b"HTTP/1.1 ") != found and len(data) > len(ANSWERED):
            raise SystemExit(f"not answered: {data[:300]!r}")
        self._rest = data[-len(ANSWERED) + 1 :] if not data.endswith(ANSWERED) else b""
        return found


class Caller(asyncio.Protocol):
    """Keeps `flight` messages under way on one connection."""

    def __init__(self, messages: Sequence[bytes], flight: int, count: Callable[[bytes], int]) -> None:
        self._messages = cycle(messages)
        self._flight = flight
        self._count = count
        self.answered = 0
        self._upgrading = messages[0][:1] == b"\x81"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if self._upgrading:
            self._write(UPGRADE)
        else:
            self._ask(self._flight)

    def _ask(self, times: int) -> None:
        self._write(b"".join(islice(self._messages, times)))

    def _write(self, data: bytes) -> None:
        self._transport.write(data)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if self._upgrading:
            assert data.startswith(b"HTTP/1.1 101"), data
            self._upgrading = False
            self._ask(self._flight)
            return
        found = self._count(data)
        self.answered += found
        if found:
            self._ask(found)

    def close(self) -> None:
        self._transport.close()


@dataclass(frozen=True)
class Way:
    """One row."""

    name: str
    websocket: bool
    connections: int
    flight: int


ONE_MESSAGE = Way("HTTP, one connection, one after the other", False, 1, 1)
PIPELINED = Way(f"HTTP, one connection, {FLIGHT} written ahead", False, 1, FLIGHT)
SPREAD = Way(f"HTTP, {FLIGHT} connections", False, FLIGHT, 1)
WEBSOCKET = Way(f"WebSocket, one connection, {FLIGHT} in flight", True, 1, FLIGHT)
WAYS = (ONE_MESSAGE, PIPELINED, SPREAD, WEBSOCKET)


async def rate(way: Way, port: int, seconds: float) -> float:
    """Answers a second."""
    loop = asyncio.get_running_loop()
    callers = []
    for _ in range(way.connections):
        messages, count = (FRAMES, FrameCount()) if way.websocket else ([POST], AnswerCount())
        caller = Caller(messages, way.flight, count)
        await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", port)  # type: ignore[misc]
        callers.append(caller)
    await asyncio.sleep(seconds / 4)
    begun, before = perf_counter(), sum(caller.answered for caller in callers)
    await asyncio.sleep(seconds)
    answered, taken = sum(caller.answered for caller in callers) - before, perf_counter() - begun
    for caller in callers:
        caller.close()
    return answered / taken


def listener(port: int) -> int:
    """The process that listens at `port`: the only one of ours that has that socket open."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table]
    inode = next(row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            links = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
        if f"socket:[{inode}]" in links and int(pid) != os.getpid():
            return int(pid)
    raise SystemExit(f"nobody listens at {port}")


async def idle(port: int, number: int) -> tuple[float, float]:
    """Memory of the server's process in MB, before and with `number` idle connections."""
    pid = listener(port)
    before = memory(pid).rss
    opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
        key = secrets.token_bytes(16).hex()[:22].encode() + b"=="
        writer.write(UPGRADE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", key))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        opened.append((reader, writer))

    for start in range(0, number, AT_ONCE):
        await asyncio.gather(*(one() for _ in range(min(AT_ONCE, number - start))))
    await asyncio.sleep(REST_SECONDS)
    after = memory(pid).rss
    for _, writer in opened:
        writer.close()
    return before, after


async def measured(ports: Sequence[int], rounds: int, seconds: float) -> dict[Way, float]:
    found: dict[Way, list[float]] = {way: [] for way in WAYS}
    for turn in range(rounds):
        for way in (*WAYS[turn % len(WAYS) :], *WAYS[: turn % len(WAYS)]):
            found[way].append(await rate(way, ports[1] if way.websocket else ports[0], seconds))
    return {way: median(rates) for way, rates in found.items()}


def table(rates: dict[Way, float], connections: int, before: float, after: float) -> list[tuple[str, ...]]:
    """The lines to print. WebSocket is to be no slower than HTTP on one connection, however that is asked."""
    least = max(rates[ONE_MESSAGE], rates[PIPELINED])
    lines: list[tuple[str, ...]] = []
    for way in WAYS:
        goal, reached = ("", "")
        if way is WEBSOCKET:
            goal, reached = f">= {least:,.0f}", "yes" if rates[way] >= least else "NO"
        lines.append((way.name, f"{rates[way]:,.0f}", goal, reached))
    each = (after - before) * 1e3 / connections
    name = f"{connections:,} idle WebSocket connections, memory ({before:.0f} MB before, {each:.1f} kB each)"
    lines.append((name, f"{after:.0f} MB", f"< {IDLE_GOAL_MB:.0f} MB", "yes" if after < IDLE_GOAL_MB else "NO"))
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each row of a round")
    parser.add_argument("--idle", type=int, default=IDLE, help="connections that do nothing")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md alone")
    given = parser.parse_args(arguments)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    before_load = os.getloadavg()[0]
    with Deployment(uses=Mirror, protocol=("http", "websocket")) as deployment:
        ports = deployment.ports
        rates = asyncio.run(measured(ports, given.rounds, given.seconds))
    with Deployment(uses=Mirror, protocol="websocket") as deployment:  # one that has not worked yet
        before, after = asyncio.run(idle(deployment.ports[0], given.idle))
    lines = table(rates, given.idle, before, after)
    print(as_text(HEAD, lines))
    if not given.no_write:
        note = (
            f"Medians of {given.rounds} rounds of {given.seconds:g} seconds, by `python -m benchmarks.websocket`; "
            f"load of the machine before it: {before_load:.1f}. "
            + ", ".join(f"{name}: {value}" for name, value in describe().items())
        )
        write_section(HEADING, f"{HEADING}\n\n{as_markdown(HEAD, lines)}\n\n{note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
