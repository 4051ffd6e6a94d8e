"""What is done to a service while it is under load. Each runs until it is cancelled, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from thalweg import Flow

Fault = Callable[[], Awaitable[None]]


def workers(flow: Flow) -> dict[str, int]:
    """The processes of its Executors."""
    return {name: pid for name, pid in flow.pids.items() if name != "gateway"}


async def kill_workers(flow: Flow, *, every: float = 2.0, name: str = "") -> None:
    """`kill -9` of one worker after the other."""
    turn = 0
    while True:
        alive = sorted(pid for title, pid in workers(flow).items() if title.startswith(name))
        if alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(alive[turn % len(alive)], signal.SIGKILL)
            turn += 1
        await asyncio.sleep(every)


async def kill_gateway(flow: Flow, *, every: float = 10.0) -> None:
    """`kill -9` of the Gateway."""
    while True:
        pid = flow.pids.get("gateway")
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(every)


async def stop_worker(flow: Flow, *, seconds: float = 10.0) -> None:
    """SIGSTOP of one worker for `seconds`, then SIGCONT, over and over."""
    while True:
        pid = next(iter(workers(flow).values()))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(seconds)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        await asyncio.sleep(seconds)


def _place(address: str) -> tuple[str, int]:
    parts = urlsplit(address)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


async def read_slowly(address: str, *, connections: int = 20) -> None:
    """Ask over HTTP for answers of megabytes, and read a few bytes now and then."""
    host, port = _place(address)
    body = b'{"data": [{"number": 1}]}'
    head = b"POST /large HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(
        body
    )

    async def one() -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(host, port, limit=64)
                try:
                    writer.write(head + body)
                    for _ in range(50):
                        if not await reader.read(16):
                            break
                        await asyncio.sleep(0.1)
                finally:
                    writer.close()
            await asyncio.sleep(0.05)

    await asyncio.gather(*(one() for _ in range(connections)))


async def open_halfway(address: str, *, connections: int = 100) -> None:
    """Connections that begin a request and never go on."""
    host, port = _place(address)
    beginnings = [
        b"",
        b"POST /keep HT",
        b"POST /keep HTTP/1.1\r\ncontent-length: 100\r\n\r\n{",
        b"PRI * HTTP/2.0\r\n\r\n",
    ]

    async def one(beginning: bytes) -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(host, port)
                try:
                    writer.write(beginning)
                    while await reader.read(1024):
                        pass
                finally:
                    writer.close()
            await asyncio.sleep(0.2)

    await asyncio.gather(*(one(beginnings[number % len(beginnings)]) for number in range(connections)))


async def vanish(address: str, *, each_second: float = 50.0) -> None:
    """Clients that ask and are gone before the answer: their connection is reset."""
    host, port = _place(address)
    body = b'{"data": [{"number": -1}]}'
    head = b"POST /keep HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    stream = b"POST /drip HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(body)
    turn, loop = 0, asyncio.get_running_loop()
    while True:
        turn += 1
        with contextlib.suppress(OSError), socket.socket() as raw:
            raw.setblocking(False)
            await loop.sock_connect(raw, (host, port))
            await loop.sock_sendall(raw, (head, stream)[turn % 2] + body)
            await asyncio.sleep(0.01)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await asyncio.sleep(1 / each_second)


async def send_garbage(addresses: list[str], *, seed: int = 11) -> None:
    """Random bytes, and broken pieces of what is spoken there, to every port."""
    chance = random.Random(seed)
    spoken = [
        b"POST /keep HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 25\r\n\r\n"
        b'{"data": [{"number": 1}]}',
        b"GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x85\x00\x00\x00\x00hello",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        b"\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00",
    ]
    while True:
        host, port = _place(chance.choice(addresses))
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_broken(chance, chance.choice(spoken)))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await reader.read(4096)
            finally:
                writer.close()
        await asyncio.sleep(0.005)


def _broken(chance: random.Random, piece: bytes) -> bytes:
    """`piece` with some of its bytes exchanged, left out, doubled, or random ones in its place."""
    if chance.random() < 0.3:
        return chance.randbytes(chance.randrange(1, 4096))
    data = bytearray(piece)
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at:]
            case _:
                data[at:at] = data[: chance.randrange(1, 64)]
        if not data:
            return b"\0"
    return bytes(data)


def every_fault(flow: Flow, addresses: Mapping[str, str]) -> dict[str, Fault]:
    """All of them by name; `addresses` are those of `flow` by protocol."""
    http = addresses["http"]
    return {
        "kill workers": lambda: kill_workers(flow),
        "kill the gateway": lambda: kill_gateway(flow),
        "stop a worker": lambda: stop_worker(flow),
        "slow readers": lambda: read_slowly(http),
        "half-open connections": lambda: open_halfway(http),
        "clients that vanish": lambda: vanish(http),
        "garbage on every port": lambda: send_garbage(list(addresses.values())),
    }
