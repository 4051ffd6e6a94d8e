"""What is asked at a control socket, and answered: frames as in `thalweg.service.control`, one question a connection.

`Identify`, `Inspect`, `StopService`, `ReloadService` and `UpdateService` get one answer; `ReadLogs` gets a `LogEntry` for
each line, and `Done` where nothing follows. `Refusal` says why there is no answer.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from thalweg.message.status import Failure
from thalweg.orchestration.logs.line import LogLine

CONTROL = "control.sock"
"""Name of the socket in the private directory."""
LONGEST_QUESTION = 1 << 20
"""Bytes; a YAML file is the longest thing that is sent."""
LONGEST_ANSWER = 16 << 20


class Identify(msgspec.Struct, frozen=True, tag="identify"):
    """Who are you?"""


class Inspect(msgspec.Struct, frozen=True, tag="inspect"):
    """How are your processes?"""


class ReadLogs(msgspec.Struct, frozen=True, tag="logs"):
    """The last `lines` entries of the log, and with `follow` those that come, until the asking side hangs up."""

    lines: int = 100
    follow: bool = False
    process: str = ""
    """Of this process alone (`enc/0`), or of all of an Executor (`enc`)."""


class StopService(msgspec.Struct, frozen=True, tag="stop"):
    """Drain and stop everything, or stop at once. Answered when nothing is left."""

    at_once: bool = False


class ReloadService(msgspec.Struct, frozen=True, tag="reload"):
    """Replace all processes by new ones that load the code as it is now."""


class UpdateService(msgspec.Struct, frozen=True, tag="update"):
    """Become what this YAML describes."""

    yaml: str


Question: TypeAlias = Identify | Inspect | ReadLogs | StopService | ReloadService | UpdateService


class Identity(msgspec.Struct, frozen=True, tag="identity"):
    """Who runs here."""

    name: str
    kind: str
    """`flow` or `deployment`."""
    pid: int
    """Of the process that started it: the script, or `thalweg serve`."""
    since: float
    """When it was ready, in seconds since 1970; 0 while it starts."""
    addresses: tuple[str, ...] = ()
    """Where it listens for everybody."""


class ProcessStatus(msgspec.Struct, frozen=True):
    """One process: who it is, and how it does. Rates are of the last ten seconds; milliseconds from arrival to answer."""

    node: str
    """Name of the Executor, or `gateway`."""
    replica: int = 0
    shard: int = 0
    title: str = ""
    """Name and number as in logs: `enc/1`."""
    pid: int | None = None
    phase: str = ""
    """One of `thalweg.orchestration.member.Phase`; `crash loop` where it ends again and again."""
    crash_loop: bool = False
    """Whether it has ended again and again, the last time not long ago. It may be ready just now."""
    reason: str = ""
    """Why it is not ready, or why it ended last."""
    restarts: int = 0
    ready_since: float | None = None
    """Seconds since 1970."""
    requests: int = 0
    """Answered since it was ready."""
    errors: int = 0
    rate: float = 0.0
    """Answers a second."""
    error_rate: float = 0.0
    """Errors a second."""
    p50_ms: float | None = None
    p99_ms: float | None = None
    in_flight: int = 0
    queued: int = 0
    batch: float | None = None
    """Documents in a batch on average; None where nothing is batched."""
    memory_bytes: int = 0


class ServiceStatus(msgspec.Struct, frozen=True, tag="status"):
    """How everything is. `processes` has the Gateway first, then the workers in order."""

    identity: Identity
    ready: bool
    """Whether each Executor has a replica that answers."""
    processes: tuple[ProcessStatus, ...]


class LogEntry(msgspec.Struct, frozen=True, tag="line"):
    """One entry of the log."""

    line: LogLine


class Done(msgspec.Struct, frozen=True, tag="done"):
    """It was done; `message` may say what."""

    message: str = ""


class Refusal(msgspec.Struct, frozen=True, tag="refused"):
    """It could not be done."""

    failure: Failure


Answer: TypeAlias = Identity | ServiceStatus | LogEntry | Done | Refusal
