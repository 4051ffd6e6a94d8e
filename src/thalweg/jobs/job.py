"""A job: what it is, and how it is carried out."""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import msgspec

from thalweg.client.pipeline import in_order
from thalweg.config import ClientTlsOptions
from thalweg.docs.codecs.columns.layout import size_of
from thalweg.errors import (
    ConfigurationError,
    EndpointNotFound,
    InternalError,
    PeerLost,
    PermissionDenied,
    ThalwegError,
    Unauthenticated,
    Unavailable,
)
from thalweg.jobs.forms import OutputRows, output_form
from thalweg.jobs.parcel import Parcel, ReadAhead
from thalweg.jobs.place import LocalFilePlace, place_at
from thalweg.jobs.sink import LOCK, NOTHING, Output, OutputPart, Unwritten
from thalweg.jobs.source import Input
from thalweg.jobs.turns import Turns
from thalweg.message import Context, EndpointDescription, Request, Response
from thalweg.transport import registry
from thalweg.transport.contract import Channel

PART_BYTES = 16 << 20
"""A part of the output is written when it has so many bytes, however few documents they are."""
INLINE_BYTES = 1 << 20
"""Answers of at most so many bytes are brought into the form of the output at once: a thread takes longer to wake."""
PATIENCE_SECONDS = 300.0
"""For so long a service may take nothing before the job gives up."""
LOSSES = 3
"""So often a request may be lost with the process that works on it, before its documents are held to be the cause."""
LOSS_SECONDS = 0.5
"""For so long nothing that was lost is sent again: a process that ends may still take connections, and lose them."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.1, 5.0


@dataclass(frozen=True)
class BatchJob:
    """What is to be done.

    Args:
        on: the endpoint.
        inputs: files, one after the other: `.jsonl`, `.ndjson`, `.csv`, each also with `.gz`, and `.parquet`.
        output: a file that ends with `.jsonl`, `.ndjson`, either with `.gz`, or `.parquet`. Inputs and output are paths, or
            addresses that fsspec knows, such as `s3://bucket/name.parquet`.
        parameters: those of each request.
        headers: those of each request.
        request_size: documents that are sent at once.
        prefetch: requests that are under way at once.
        part_size: documents after which what came of them is written down; so many are done again at most after a crash.
        skip_failed: whether documents that fail are written to a file of errors, and the others go on; else the first one
            ends the job.
        timeout: seconds for each request.
    """

    on: str
    inputs: tuple[str, ...]
    output: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    request_size: int = 100
    prefetch: int = 32
    part_size: int = 10_000
    skip_failed: bool = False
    timeout: float | None = None
    patience: float = PATIENCE_SECONDS

    def __post_init__(self) -> None:
        for name in ("request_size", "prefetch", "part_size"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} must be 1 or more, not {getattr(self, name)}.")
        if not self.on.startswith("/"):
            raise ConfigurationError(f"on must be the path of an endpoint, such as '/encode', not {self.on!r}.")


@dataclass(frozen=True)
class Summary:
    """How a job went. Counts are of the whole output; `resumed` documents of the input were done before."""

    output: str
    read: int
    written: int
    failed: int
    resumed: int
    seconds: float

    @property
    def rate(self) -> float:
        """Documents a second, those that were done before left out."""
        return (self.read - self.resumed) / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class JobProgress:
    """How far a job is. `done` and `extent` are in a unit of the input's own; `extent` is 0 where nobody can tell."""

    read: int
    written: int
    failed: int
    done: int
    extent: int


Tell = Callable[[JobProgress], None]


def run_job(
    job: BatchJob,
    address: str,
    *,
    tls: ClientTlsOptions | None = None,
    restart: bool = False,
    overwrite: bool = False,
    tell: Tell | None = None,
) -> Summary:
    """Carry `job` out by the service at `address`, on from where it was if it was begun before.

    Args:
        tls: whom to trust where the address is an encrypted one.
        restart: forget what was done before.
        overwrite: whether an output that is there already may be replaced.
        tell: hears of each request that was answered, in order.

    Raises:
        ConfigurationError: the input is not there or has changed meanwhile, the output is there, or what was begun there
            before is another job.
        MalformedRequest: something in the input is no document.
        UnlikeAnswers: what came does not fit into one table of Parquet.
        ThalwegError: a document failed and `skip_failed` is not set, or the service was gone for too long. What was done
            until then stays, and the same call goes on from there.
    """
    began = monotonic()
    given, output = check_job(job, restart=restart, overwrite=overwrite)
    with _alone(output):
        _check_output(job, given, output, restart, overwrite)  # again: another run may have ended meanwhile
        identity = _identity(job, given)
        last = _begun(identity, output, restart)
        end = output.made() or _carried_out(_Run(job, given, output, last, tell).run(address, tls))
        if output.made() is not None:
            output.tidy()
        else:
            if _identity(job, given) != identity:
                raise ConfigurationError("The input has changed while it was read; --restart begins anew.")
            output.join()
    return Summary(output.place.shown, end.read, end.written, end.failed, last.read, monotonic() - began)


def _carried_out(run: Coroutine[Any, Any, OutputPart]) -> OutputPart:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run)


def check_job(job: BatchJob, *, restart: bool = False, overwrite: bool = False) -> tuple[Input, Output]:
    """What the job reads and writes.

    Raises:
        ConfigurationError: the input is not there, or the output is, or the name of either says nothing.
        MissingDependency: what reads or writes it is not installed.
    """
    given = Input(job.inputs)
    place = place_at(job.output)
    output = Output(place, output_form(place))
    _check_output(job, given, output, restart, overwrite)
    return given, output


def _check_output(job: BatchJob, given: Input, output: Output, restart: bool, overwrite: bool) -> None:
    """Refuse an output that is there, unless it is what this very job has made and only not yet tidied up."""
    if overwrite or not output.place.exists():
        return
    if restart or output.made() is None or output.begun() != _identity(job, given):
        raise ConfigurationError(f"{output.place.shown} is there already; choose another output, or --overwrite it.")


def _identity(job: BatchJob, given: Input) -> bytes:
    """What is another one where the job is."""
    identity = {"on": job.on, "parameters": dict(job.parameters), "input": given.identity()}
    return msgspec.json.encode(identity, order="sorted")


@contextmanager
def _alone(output: Output) -> Iterator[None]:
    """Refuse a second run of the same job on this machine."""
    if not isinstance(output.folder, LocalFilePlace):
        yield
        return
    output.folder.path.mkdir(parents=True, exist_ok=True)
    lock = os.open(output.folder.path / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(f"Another run is writing {output.place.shown} just now.") from None
        yield
    finally:
        os.close(lock)


def _begun(identity: bytes, output: Output, restart: bool) -> OutputPart:
    """The last part of what was done before, after a look at whether it was the same job."""
    text = None if restart else output.begun()
    if text is None:
        output.begin(identity)
        return NOTHING
    before = msgspec.json.decode(text)
    different = [name for name, value in msgspec.json.decode(identity).items() if before.get(name) != value]
    if different:
        raise ConfigurationError(
            f"{output.folder.shown} was begun with another {' and '.join(different)}; --restart begins anew."
        )
    return output.made() or output.last()


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of one parcel: what is to be written, and of those of its documents that failed the records."""

    parcel: Parcel
    rows: list[OutputRows]
    failures: list[dict[str, Any]]


class _Run:
    """Reads, sends and writes. At most `prefetch` requests are in memory, one part that is being written, and the next."""

    def __init__(self, job: BatchJob, given: Input, output: Output, last: OutputPart, tell: Tell | None) -> None:
        self._job = job
        self._input = given
        self._output = output
        self._last = self._part = self._so_far = last
        self._pending = Unwritten()
        self._writing: asyncio.Future[None] | None = None
        self._whole = True
        self._endpoint: EndpointDescription | None = None
        self._tell = tell
        self._extent = given.extent
        self._done = given.work_before(last.end) if self._extent else 0
        self._turns = Turns()
        self._reader = ThreadPoolExecutor(1, "thalweg-input")
        self._writer = ThreadPoolExecutor(1, "thalweg-output")

    async def run(self, address: str, tls: ClientTlsOptions | None) -> OutputPart:
        """Do all that is left; the last part."""
        channel = registry.channel(address, tls=tls)
        try:
            return await self._run(channel)
        finally:
            await channel.close()
            self._reader.shutdown()
            self._writer.shutdown()

    async def _run(self, channel: Channel) -> OutputPart:
        self._endpoint = await self._described(channel)
        outcomes = in_order(self._parcels(), lambda parcel: self._outcome(channel, parcel), self._job.prefetch)
        try:
            async with aclosing(outcomes) as coming:
                async for outcome in coming:
                    await self._take(outcome)
        except ThalwegError:
            if self._whole and self._so_far.read > self._part.read:
                await self._finish()  # what was before the failure is not done again
            raise
        else:
            if self._so_far.read > self._part.read or self._part is NOTHING:
                await self._finish()
        finally:
            await self._written()
        return self._part

    async def _described(self, channel: Channel) -> EndpointDescription | None:
        """What the service says of the endpoint; None where it does not, or is not there yet."""
        try:
            await channel.connect()
            return (await channel.describe()).find(self._job.on)
        except (ThalwegError, TimeoutError):  # whoever asks for something hears of it
            return None

    async def _take(self, outcome: _Outcome) -> None:
        parcel, so_far, pending = outcome.parcel, self._so_far, self._pending
        for rows in outcome.rows:
            pending.add(rows)
        for record in outcome.failures:
            pending.fail(record)
        written = so_far.written + sum(rows.documents for rows in outcome.rows)
        read, failed = so_far.read + parcel.documents, so_far.failed + len(outcome.failures)
        self._so_far = OutputPart(self._part.number + 1, read, written, failed, parcel.end)
        self._done += parcel.work
        if self._tell is not None:
            self._tell(JobProgress(read, written, failed, self._done, self._extent))
        if read - self._part.read >= self._job.part_size or pending.size >= PART_BYTES:
            await self._finish()

    async def _finish(self) -> None:
        """Begin to write what has come since the last part, when that one is written."""
        await self._written()
        self._part = self._so_far._replace(number=self._part.number + 1)
        pending, self._pending = self._pending, Unwritten()
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(self._writer, self._output.write, self._part, pending)

    async def _written(self) -> None:
        """Wait until the last part is there."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            self._whole = False
            await writing
            self._whole = True

    async def _parcels(self) -> AsyncGenerator[Parcel, None]:
        """What is left of the input, read on a thread."""
        loop = asyncio.get_running_loop()
        last = self._last
        parcels = self._input.parcels(last.end, last.read, self._job.request_size)
        ahead = ReadAhead(parcels)
        try:
            while few := await loop.run_in_executor(self._reader, ahead.few):
                for parcel in few:
                    yield parcel
        finally:
            self._reader.submit(parcels.close)  # behind the last `few`, which may still be reading

    async def _outcome(self, channel: Channel, parcel: Parcel) -> AsyncGenerator[_Outcome, None]:
        try:
            yield _Outcome(parcel, [await self._rows(channel, parcel)], [])
        except ThalwegError as error:
            if _of_service(error):
                raise
            if not self._job.skip_failed:
                raise _located(error, parcel) from None
            yield await self._one_by_one(channel, parcel, error)

    async def _one_by_one(self, channel: Channel, parcel: Parcel, error: ThalwegError) -> _Outcome:
        """Those of the documents that do not fail by themselves, and why the others do."""
        if parcel.documents == 1:
            return _Outcome(parcel, [], [_record(parcel, error)])
        rows: list[OutputRows] = []
        failures: list[dict[str, Any]] = []
        suspect = isinstance(error, PeerLost)
        for one in parcel.singly():
            try:
                rows.append(await self._rows(channel, one, 1 if suspect else 0))
            except ThalwegError as reason:
                if _of_service(reason):
                    raise
                failures.append(_record(one, reason))
        return _Outcome(parcel, rows, failures)

    async def _rows(self, channel: Channel, parcel: Parcel, losses: int = 0) -> OutputRows:
        """What is to be written of the answers."""
        form, endpoint = self._output.form, self._endpoint
        responses = await self._answers(channel, parcel, form.accept(endpoint), losses)
        size = sum(size_of(buffer) for response in responses for buffer in response.body)
        if size <= INLINE_BYTES:
            rows = form.rows(responses, endpoint)
        else:
            rows = await asyncio.to_thread(form.rows, responses, endpoint)
        if rows is None and endpoint is not None:
            self._endpoint = None  # it is not as it was described, and there is more to come of the kind
            return await self._rows(channel, parcel, losses)
        if rows is None:
            raise InternalError(f"The answer to {self._job.on} cannot be written.")
        return rows

    async def _answers(self, channel: Channel, parcel: Parcel, accept: str, losses: int) -> list[Response]:
        """The answers, asked for again as long as the service may come back. What was lost with a process goes alone from
        then on, so that it is known who was the cause when the next one is lost: raises `PeerLost` then."""
        job = self._job
        request = Request(job.on, parcel.body, parcel.content_type, accept, dict(job.parameters))
        until = monotonic() + job.patience
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                if not channel.connected:
                    await channel.connect()
                async with self._turns.alone() if losses else self._turns.together():
                    context = Context.with_timeout(job.timeout, metadata=job.headers)
                    async with aclosing(channel.handle(request, context)) as responses:
                        return [response async for response in responses]
            except ThalwegError as error:
                pause = max(wait * random.random(), error.retry_after or 0.0)
                if isinstance(error, PeerLost):
                    losses, pause = losses + 1, max(pause, LOSS_SECONDS)
                    if losses >= LOSSES:
                        raise
                if not _may_pass(error):
                    raise
                if monotonic() + pause > until:
                    raise _Gone.after(error, job.patience) from None
                await asyncio.sleep(pause)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)


class _Gone(Unavailable):
    """The service was away for longer than the job is patient."""

    @classmethod
    def after(cls, error: ThalwegError, seconds: float) -> _Gone:
        gone = cls(error.message, executor=error.executor, retry_after=error.retry_after)
        gone.add_note(f"It was so for {seconds:g} seconds. What was done until then stays; run again to go on.")
        return gone


def _may_pass(error: ThalwegError) -> bool:
    """Whether the same request may succeed later. What was lost with a process may be done again here: of all that comes of
    it one answer is written."""
    return error.retryable or isinstance(error, Unavailable)


def _of_service(error: ThalwegError) -> bool:
    """Whether all other documents would fail in the same way."""
    return isinstance(error, (_Gone, EndpointNotFound, Unauthenticated, PermissionDenied))


def _located(error: ThalwegError, parcel: Parcel) -> ThalwegError:
    """`error`, which says of which documents it tells."""
    last = parcel.first + parcel.documents - 1
    which = f"document {parcel.first}" if parcel.documents == 1 else f"documents {parcel.first} to {last}"
    if isinstance(error, PeerLost):
        error.add_note(
            f"The process that worked on them was lost {LOSSES} times, the last time with nothing else to do."
        )
    error.add_note(
        f"It was the answer to {which} of the input, counted from 0. What came before is done; run again to go on."
    )
    return error


def _record(parcel: Parcel, error: ThalwegError) -> dict[str, Any]:
    record: dict[str, Any] = {"number": parcel.first, "error": type(error).__name__, "message": str(error)}
    with suppress(ValueError):
        record["document"] = msgspec.json.decode(parcel.text())
    return record
