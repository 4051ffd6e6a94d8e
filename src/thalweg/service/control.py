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
from thalweg.service.placement import Place

OWNER = "THALWEG_PROCESS"
"""Environment variable by which a program is known that user code has started: it holds the id of the worker."""
GATEWAY = "gateway"
"""How the Gateway is called in news and logs; no Executor may be called so."""
LENGTH = struct.Struct("<I")
CHUNK = 1 << 16
PULSE_SECONDS = 1.0
"""How often a process that is ready says that it still lives."""


WIRE = 1
"""Raised with every change after which one side could not understand what an older other side says: of the messages here,
or of the frames of `thalweg.transport.multiplex`."""
LONGEST_REPORT = 64 << 20
"""Bytes that one message from a process may have. What a user describes is far smaller."""


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first frame on a channel that was not inherited: who speaks. Its shape never changes."""

    wire: int
    thalweg: str
    python: str


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
    """One replica of an Executor. `content` is a pickled `WorkerContent`; a `ForeignContent` where it is `foreign`."""

    name: str
    replica: int
    surroundings: Surroundings
    addresses: list[str]
    content: bytes
    drain_seconds: float = 10.0
    log_level: str = ""
    """From which on records are logged; empty for what is usual."""
    stuck_after: float | None = None
    """See `WorkerOptions`; a process that says nothing for so long is stuck, too."""
    max_requests: int | None = None
    """After how many it is replaced."""
    memory_limit: int | None = None
    """From how many bytes on it is replaced."""
    processors: tuple[int, ...] | None = None
    """Those that it may run on; None is any."""
    place: Place | None = None
    foreign: bool = False
    """It runs where neither this Python nor this version of Thalweg may be expected, nor this user: it keeps its own
    surroundings, and its socket is open to all who can enter the folder."""
    shard: int = 0
    """Which part of the documents it has, of `shards`."""
    shards: int = 1
    inline: bool = False
    """It runs in the process that asks for it."""

    @property
    def title(self) -> str:
        """Its name in logs: `enc/1` is a replica, `enc/2/1` is one of shard 2."""
        return f"{self.name}/{self.shard}/{self.replica}" if self.shards > 1 else f"{self.name}/{self.replica}"


class GatewaySpec(msgspec.Struct, frozen=True, tag="gateway"):
    """The Gateway of a Flow. `content` is a pickled `GatewayContent`."""

    name: str
    surroundings: Surroundings
    addresses: list[str]
    content: bytes
    drain_seconds: float = 10.0
    log_level: str = ""
    inline: bool = False

    @property
    def title(self) -> str:
        return GATEWAY


Spec: TypeAlias = WorkerSpec | GatewaySpec


class Go(msgspec.Struct, frozen=True, tag="go"):
    """Everything was checked: construct, bind, become ready. The Gateway is told who is behind it."""

    descriptions: dict[str, ServiceDescription] = {}
    replicas: dict[str, list[Replica]] = {}


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Answer what is under way for at most `drain_seconds`, close, end. A second one ends at once."""

    drain_seconds: float = 0.0


class Replicas(msgspec.Struct, frozen=True, tag="replicas"):
    """To the Gateway while it runs: from now on requests go to these. It answers with `Shifted`, later with `Vacated`; or
    with `Unshifted`, and then all is as it was."""

    number: int
    replicas: dict[str, list[Replica]]
    descriptions: dict[str, ServiceDescription]
    content: bytes = b""
    """A pickled `GatewayContent` whose graph holds from now on; empty for the one that it has."""
    held: list[str] = []
    """Executors that have no replica, or a shard without one, until the next of these orders: requests wait for it."""


class Patch(msgspec.Struct, frozen=True, tag="patch"):
    """To a worker while it runs: take over what has changed in the functions of these files. It answers with `Patched`."""

    number: int
    files: list[str]


class Troubles(msgspec.Struct, frozen=True, tag="troubles"):
    """To the Gateway while it runs: these processes are in a crash loop, and so each of them ended last."""

    looping: dict[str, str]


class Unstaffed(msgspec.Struct, frozen=True, tag="unstaffed"):
    """To the Gateway while it runs: what waits for a replica of this Executor, which has none, waits in vain."""

    name: str
    reason: str
    retry_after: float
    """Seconds after which a replica is started again."""


Order: TypeAlias = Go | Stop | Replicas | Patch | Troubles | Unstaffed


class Loading(msgspec.Struct, frozen=True, tag="loading"):
    """The process exists and looks its code up."""


class Described(msgspec.Struct, frozen=True, tag="described"):
    """The code is there and says what it answers. Nothing was constructed or bound; it waits for `Go`."""

    description: ServiceDescription
    files: list[str] = []
    """Those with code of the user's own that was loaded; filled in where they are watched."""


class Starting(msgspec.Struct, frozen=True, tag="starting"):
    """User code is being constructed."""


class Advance(msgspec.Struct, frozen=True, tag="advance"):
    """How far that is, in the words of the user's code, or what has to be made first; `done` is from 0 to 1."""

    message: str
    done: float | None = None


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


class Shifted(msgspec.Struct, frozen=True, tag="shifted"):
    """New requests go where the `Replicas` of this number say."""

    number: int


class Unshifted(msgspec.Struct, frozen=True, tag="unshifted"):
    """They do not, and go where they went before."""

    number: int
    reason: str


class Vacated(msgspec.Struct, frozen=True, tag="vacated"):
    """Those that were left out of the `Replicas` of this number have no request any more."""

    number: int


class Standing(msgspec.Struct, frozen=True, tag="standing"):
    """A replica is ready for the Gateway, or is not any more."""

    address: str
    ready: bool


class Wanted(msgspec.Struct, frozen=True, tag="wanted"):
    """A request waits for a replica of this Executor, which has none because nobody asked it for a while."""

    name: str


class Patched(msgspec.Struct, frozen=True, tag="patched"):
    """What became of the `Patch` of this number: `functions` run their new code. With a `problem` nothing was changed;
    where it is `broken` the new code cannot even be read, else it takes a new process."""

    number: int
    functions: list[str] = []
    problem: str = ""
    broken: bool = False


Report: TypeAlias = (
    Loading
    | Described
    | Starting
    | Advance
    | Ready
    | Failed
    | Pulse
    | Sick
    | Shifted
    | Unshifted
    | Vacated
    | Standing
    | Wanted
    | Patched
)


def pack(message: Any) -> bytes:
    """`message` as one frame."""
    content = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(content)) + content


class Frames:
    """Cuts a stream of bytes into messages of one type."""

    def __init__(self, kind: Any, longest: int | None = None) -> None:
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(kind)
        self._longest = longest
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        """The messages that are complete with `data`. Raises `msgspec.MsgspecError` for what is none, or too long."""
        self._buffer += data
        while len(self._buffer) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer)
            if self._longest is not None and length > self._longest:
                raise msgspec.MsgspecError(f"a message of {length} bytes; {self._longest} are allowed")
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
