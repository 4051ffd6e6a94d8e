"""The control socket of what runs in this process: answers the questions of other processes of the same user."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Protocol

import msgspec

from thalweg.errors import MalformedRequest, ThalwegError
from thalweg.message.status import to_failure
from thalweg.orchestration.control.questions import (
    CONTROL,
    LONGEST_QUESTION,
    Answer,
    Done,
    Identify,
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
from thalweg.orchestration.logs.history import History
from thalweg.orchestration.logs.line import LogLine
from thalweg.service.control import LENGTH, pack

log = logging.getLogger("thalweg.control")

QUESTION_SECONDS = 10.0
"""How long a question may take to arrive."""
MOST_WAITING = 10_000
"""Entries of the log that wait for a reader who is slower than they come; then some are left out, which is told."""
CREDENTIALS = struct.Struct("3i")
"""Process, user and group of a peer: `struct ucred` of unix(7)."""
_QUESTIONS: msgspec.msgpack.Decoder[Question] = msgspec.msgpack.Decoder(Question)


class Controlled(Protocol):
    """What runs."""

    @property
    def history(self) -> History: ...

    def status(self) -> ServiceStatus: ...

    async def stop(self, at_once: bool) -> None: ...

    async def reload(self) -> str:
        """Raises `ThalwegError` where it cannot."""
        ...

    async def update(self, yaml: str) -> str:
        """Raises `ThalwegError` where it cannot."""
        ...


class ControlDesk:
    """Listens at the control socket in `directory`. Used on one event loop."""

    def __init__(self, directory: Path, service: Controlled) -> None:
        self._path = directory / CONTROL
        self._service = service
        self._server: asyncio.Server | None = None
        self._visits: set[asyncio.Task[None]] = set()
        self._patient: set[asyncio.Task[None]] = set()
        """Those that asked for a stop: they are answered after it."""

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._visit, self._path, limit=LONGEST_QUESTION)
        os.chmod(self._path, 0o600)

    async def close(self) -> None:
        """Stop listening, and hang up on all but those who wait for the end. Idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        visits = self._visits - self._patient
        for visit in visits:
            visit.cancel()
        if visits:
            await asyncio.wait(visits)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._visits.add(task)
        try:
            await self._converse(task, reader, writer)
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError):
            log.debug("Somebody left the control socket before the answer was there.")
        except asyncio.CancelledError:  # it closes: nobody waits for this task but `close`
            return
        finally:
            self._visits.discard(task)
            self._patient.discard(task)
            writer.close()

    async def _converse(
        self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if not _is_of_this_user(writer.get_extra_info("socket")):
            return
        try:
            question = await asyncio.wait_for(_question(reader), QUESTION_SECONDS)
            if isinstance(question, ReadLogs):
                await self._recite(question, reader, writer)
                answer: Answer = Done()
            else:
                if isinstance(question, StopService):
                    self._patient.add(task)
                answer = await self._answer(question)
        except ThalwegError as error:
            answer = Refusal(to_failure(error))
        writer.write(pack(answer))
        await writer.drain()

    async def _answer(self, question: Question) -> Answer:
        service = self._service
        match question:
            case Identify():
                return service.status().identity
            case Inspect():
                return service.status()
            case StopService(at_once):
                await service.stop(at_once)
                return Done("stopped")
            case ReloadService():
                return Done(await service.reload())
            case UpdateService(yaml):
                return Done(await service.update(yaml))
            case _:
                raise MalformedRequest(f"{type(question).__name__} has no single answer.")

    async def _recite(self, question: ReadLogs, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send entries until there are no more, or the other side hangs up."""
        gone = asyncio.ensure_future(reader.read(1))
        sending = asyncio.ensure_future(self._send_lines(question, writer))
        try:
            await asyncio.wait([gone, sending], return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            sending.cancel()
            await asyncio.wait([gone, sending])
        if not sending.cancelled():
            sending.result()

    async def _send_lines(self, question: ReadLogs, writer: asyncio.StreamWriter) -> None:
        async with aclosing(lines(self._service.history, question)) as found:
            async for line in found:
                writer.write(pack(LogEntry(line)))
                await writer.drain()


async def lines(history: History, question: ReadLogs) -> AsyncGenerator[LogLine, None]:
    """What `question` asks for."""
    if not question.follow:
        everything = history.last(MOST_WAITING)
        wanted = [line for line in everything if _is_of(line, question.process)]
        for line in wanted[max(0, len(wanted) - question.lines) :]:
            yield line
        return
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[LogLine] = asyncio.Queue(MOST_WAITING)
    missed = 0

    def take(line: LogLine) -> None:
        nonlocal missed
        if waiting.full():
            missed += 1
        else:
            waiting.put_nowait(line)

    def read(line: LogLine) -> None:
        if _is_of(line, question.process):
            with suppress(RuntimeError):  # the loop has ended with the interpreter
                loop.call_soon_threadsafe(take, line)

    earlier = [line for line in history.follow(MOST_WAITING, read) if _is_of(line, question.process)]
    try:
        for line in earlier[max(0, len(earlier) - question.lines) :]:
            yield line
        while True:
            line = await waiting.get()
            if missed:
                yield LogLine(
                    line.time, line.process, f"{missed} entries were left out here: they came too fast", "WARNING"
                )
                missed = 0
            yield line
    finally:
        history.leave(read)


def _is_of(line: LogLine, process: str) -> bool:
    return not process or line.process == process or line.process.startswith(f"{process}/")


async def _question(reader: asyncio.StreamReader) -> Question:
    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    if length > LONGEST_QUESTION:
        raise MalformedRequest(f"A question of {length} bytes; at most {LONGEST_QUESTION} are taken.")
    try:
        return _QUESTIONS.decode(await reader.readexactly(length))
    except msgspec.MsgspecError as error:
        raise MalformedRequest(f"This is no question that is known here: {error}.") from None


def _is_of_this_user(peer: socket.socket) -> bool:
    """Whether who connected is this user. Where the system does not tell, the directory has seen to it."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    found = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return bool(CREDENTIALS.unpack(found)[1] == os.getuid())
