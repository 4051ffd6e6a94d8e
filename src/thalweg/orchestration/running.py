"""What this user runs on this machine, as seen from any other process: `thalweg ps`, `top`, `logs`, `stop` and `reload`.

    for service in services():
        for process in service.status().processes:
            print(service.name, process.title, process.phase, process.rate)

Each running Flow and Deployment listens at a control socket in its private directory, which only its user can enter.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from thalweg.errors import ConfigurationError, MalformedRequest, Unavailable
from thalweg.message.status import from_failure
from thalweg.orchestration.control.questions import (
    CONTROL,
    LONGEST_ANSWER,
    Answer,
    Done,
    Identify,
    Identity,
    Inspect,
    LogEntry,
    Question,
    ReadLogs,
    Refusal,
    ReloadService,
    ServiceStatus,
    StopService,
    UpdateService,
)
from thalweg.orchestration.directory import PREFIX, roots
from thalweg.orchestration.logs.line import LogLine
from thalweg.service.control import CHUNK, LENGTH, pack

ANSWER_SECONDS = 5.0
"""How long an answer may take that is only to be looked up."""
T = TypeVar("T", bound=Answer)
_ANSWERS: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


class RunningService:
    """A Flow or a Deployment that runs, or has just started to. Made by `services` and `service`.

    Every method raises `Unavailable` where it has ended meanwhile or does not answer, and otherwise what the service itself
    raises.
    """

    def __init__(self, directory: Path, identity: Identity) -> None:
        self.directory = directory
        """Its private directory."""
        self.identity = identity

    @property
    def name(self) -> str:
        return self.identity.name

    @property
    def kind(self) -> str:
        """`flow` or `deployment`."""
        return self.identity.kind

    @property
    def pid(self) -> int:
        """Of the process that started it."""
        return self.identity.pid

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens for everybody."""
        return self.identity.addresses

    @property
    def since(self) -> float:
        """When it was ready, in seconds since 1970; 0 while it starts."""
        return self.identity.since

    def status(self) -> ServiceStatus:
        """How each of its processes is."""
        return _ask(self.directory, Inspect(), ServiceStatus)

    def logs(self, lines: int = 100, *, follow: bool = False, process: str = "") -> Iterator[LogLine]:
        """The last `lines` entries of the log; with `follow` those that come, until it stops. `process` picks those of one
        process (`enc/0`) or of an Executor (`enc`)."""
        with _connection(self.directory, None) as (connection, frames):
            connection.sendall(pack(ReadLogs(lines, follow, process)))
            for answer in frames:
                if not isinstance(answer, LogEntry):
                    _expected(answer, Done)
                    return
                yield answer.line

    def stop(self, *, at_once: bool = False) -> None:
        """Drain and stop everything, and return when nothing is left."""
        with _connection(self.directory, None) as (connection, answers):
            connection.sendall(pack(StopService(at_once)))
            for answer in answers:  # none where the process ended before it could say so
                _expected(answer, Done)
                return

    def reload(self) -> str:
        """Replace all processes by new ones that load the code as it is now, without losing a request. Returns what was
        done."""
        return _ask(self.directory, ReloadService(), Done, None).message

    def update(self, yaml: str) -> str:
        """Make it what `yaml` describes, without losing a request. Returns what was done."""
        return _ask(self.directory, UpdateService(yaml), Done, None).message

    def __repr__(self) -> str:
        return f"<RunningService {self.name!r}, a {self.kind}, process {self.pid}>"


def services() -> list[RunningService]:
    """What this user runs on this machine, the oldest first. Those that do not answer are left out."""
    found = []
    for directory in _directories():
        with suppress(Unavailable):
            found.append(RunningService(directory, _ask(directory, Identify(), Identity)))
    return sorted(found, key=lambda service: (service.since or float("inf"), service.pid))


def service(target: str) -> RunningService:
    """The one that `target` names: by name, by the id of the process that started it, or by an address or port.

    Raises:
        ConfigurationError: there is none, or several; the message lists what there is.
    """
    running = services()
    matching = [one for one in running if _is_meant(one, target)]
    if len(matching) == 1:
        return matching[0]
    listed = ", ".join(f"{one.name} (process {one.pid})" for one in matching or running)
    if matching:
        raise ConfigurationError(f"{target!r} names {len(matching)}; give the process instead: {listed}.")
    raise ConfigurationError(
        f"Nothing that runs is called {target!r}. " + (f"There is: {listed}." if listed else "Nothing runs.")
    )


def _is_meant(one: RunningService, target: str) -> bool:
    if target in (one.name, str(one.pid)):
        return True
    return any(target in (address, address.rpartition(":")[2]) for address in one.addresses)


def _directories() -> Iterator[Path]:
    for root in roots():
        with os.scandir(root) as entries:
            for entry in entries:
                if entry.name.startswith(PREFIX) and _is_private(entry):
                    yield Path(entry.path)


def _is_private(entry: os.DirEntry[str]) -> bool:
    """Whether it is this user's, and nobody else can have put a socket there."""
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700


def _ask(directory: Path, question: Question, kind: type[T], seconds: float | None = ANSWER_SECONDS) -> T:
    with _connection(directory, seconds) as (connection, answers):
        connection.sendall(pack(question))
        for answer in answers:
            return _expected(answer, kind)
        raise Unavailable(f"The service in {directory} has ended.")


def _expected(answer: Answer, kind: type[T]) -> T:
    if isinstance(answer, Refusal):
        raise from_failure(answer.failure)
    if not isinstance(answer, kind):
        raise MalformedRequest(f"The service answered with {type(answer).__name__}; it may be of another version.")
    return answer


@contextmanager
def _connection(directory: Path, seconds: float | None) -> Iterator[tuple[socket.socket, Iterator[Answer]]]:
    """A connection to the control socket in `directory`, and what comes on it."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.connect(str(directory / CONTROL))
            connection.settimeout(seconds)
            yield connection, _answers(connection)
        except OSError as error:
            raise Unavailable(f"The service in {directory} does not answer: {error.strerror or error}.") from None


def _answers(connection: socket.socket) -> Iterator[Answer]:
    buffer = bytearray()
    while True:
        while len(buffer) < LENGTH.size or len(buffer) < LENGTH.size + LENGTH.unpack_from(buffer)[0]:
            data = connection.recv(CHUNK)
            if not data:
                return
            buffer += data
            if len(buffer) > LONGEST_ANSWER:
                raise MalformedRequest(f"The service answers with more than {LONGEST_ANSWER} bytes.")
        (length,) = LENGTH.unpack_from(buffer)
        frame: Any = bytes(buffer[LENGTH.size : LENGTH.size + length])
        del buffer[: LENGTH.size + length]
        try:
            yield _ANSWERS.decode(frame)
        except msgspec.MsgspecError as error:
            raise MalformedRequest(f"The service answers what is not known here: {error}.") from None
