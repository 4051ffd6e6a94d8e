"""What a process and the one that started it say to each other, over the channel that the process inherited.

Frames on a stream socket: four bytes of length, then msgpack. The first frame down is the spec. Orders go down, reports
come up. Nothing here ever crosses a network, so a spec may carry pickled objects.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec

from thalweg.message import ServiceDescription
from thalweg.message.vitals import Vitals
from thalweg.routing.replica import Replica

LENGTH = struct.Struct("<I")
CHUNK = 1 << 16
PULSE_SECONDS = 1.0
"""How often a process that is ready says that it still lives."""


class Surroundings(msgspec.Struct, frozen=True):
    """What a process takes over from the one that asked for it. Bytes, because paths and variables need not be text."""

    path: list[bytes]
    directory: bytes
    environment: dict[bytes, bytes]

    @classmethod
    def here(cls, variables: dict[str, str] | None = None) -> Surroundings:
        """Those of this process, with `variables` on top of its environment."""
        environment = dict(os.environb)
        for name, value in (variables or {}).items():
            environment[os.fsencode(name)] = os.fsencode(value)
        path = [os.fsencode(entry) for entry in sys.path if isinstance(entry, str)]
        try:
            directory = os.getcwdb()
        except FileNotFoundError:  # it was removed under our feet; the process stays where its parent started it
            directory = b""
        return cls(path, directory, environment)

    def apply(self) -> None:
        """Make them this process's own."""
        sys.path[:] = [os.fsdecode(entry) for entry in self.path]
        if self.directory:
            os.chdir(self.directory)
        for name in os.environb.keys() - self.environment.keys():
            del os.environb[name]
        for name, value in self.environment.items():
            if os.environb.get(name) != value:
                os.environb[name] = value
        time.tzset()


class WorkerSpec(msgspec.Struct, frozen=True, tag="worker"):
    """One replica of an Executor. `content` is a pickled `WorkerContent`."""

    name: str
    replica: int
    surroundings: Surroundings
    addresses: list[str]
    content: bytes
    drain_seconds: float = 10.0
    stuck_after: float | None = None
    """See `WorkerOptions`; a process that says nothing for so long is stuck, too."""
    processors: tuple[int, ...] | None = None
    """Those that it may run on; None is any."""


class GatewaySpec(msgspec.Struct, frozen=True, tag="gateway"):
    """The Gateway of a Flow. `content` is a pickled `GatewayContent`."""

    name: str
    surroundings: Surroundings
    addresses: list[str]
    content: bytes
    drain_seconds: float = 10.0


Spec: TypeAlias = WorkerSpec | GatewaySpec


class Go(msgspec.Struct, frozen=True, tag="go"):
    """Everything was checked: construct, bind, become ready. The Gateway is told who is behind it."""

    descriptions: dict[str, ServiceDescription] = {}
    replicas: dict[str, list[Replica]] = {}


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Answer what is under way for at most `drain_seconds`, close, end. A second one ends at once."""

    drain_seconds: float = 0.0


Order: TypeAlias = Go | Stop


class Loading(msgspec.Struct, frozen=True, tag="loading"):
    """The process exists and looks its code up."""


class Described(msgspec.Struct, frozen=True, tag="described"):
    """The code is there and says what it answers. Nothing was constructed or bound; it waits for `Go`."""

    description: ServiceDescription


class Starting(msgspec.Struct, frozen=True, tag="starting"):
    """User code is being constructed."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """It answers, at these addresses, in the order of the spec's."""

    addresses: list[str]


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """It cannot become ready, and ends. `traceback` holds the frames of the user's code alone."""

    message: str
    traceback: str = ""


class Pulse(msgspec.Struct, frozen=True, tag="pulse"):
    """It is ready and its event loop turns. Sent every `PULSE_SECONDS`."""

    vitals: Vitals = Vitals()


class Sick(msgspec.Struct, frozen=True, tag="sick"):
    """It will not answer again, and ends by itself as after an order to stop. `stuck` says that user code keeps its thread,
    so that there is nothing to wait for."""

    reason: str
    stuck: bool = False


Report: TypeAlias = Loading | Described | Starting | Ready | Failed | Pulse | Sick


def pack(message: Any) -> bytes:
    """`message` as one frame."""
    content = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(content)) + content


class Frames:
    """Cuts a stream of bytes into messages of one type."""

    def __init__(self, kind: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(kind)
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        """The messages that are complete with `data`."""
        self._buffer += data
        while len(self._buffer) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer)
            end = LENGTH.size + length
            if len(self._buffer) < end:
                return
            content = bytes(self._buffer[LENGTH.size : end])
            del self._buffer[:end]
            yield self._decoder.decode(content)


def receive(channel: socket.socket, kind: Any) -> Any:
    """Wait for one message; reads no byte beyond it. Raises `EOFError` where the other side is gone."""
    (length,) = LENGTH.unpack(_exactly(channel, LENGTH.size))
    return msgspec.msgpack.decode(_exactly(channel, length), type=kind)


def _exactly(channel: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = channel.recv(min(size - len(data), CHUNK))
        if not part:
            raise EOFError("The process that started this one is gone.")
        data += part
    return bytes(data)
