"""A job: what it is, and how it is carried out."""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import msgspec

from thalweg.client.pipeline import in_order
from thalweg.config import ClientTlsOptions
from thalweg.errors import ConfigurationError, ThalwegError, Unavailable
from thalweg.jobs.parcel import Parcel
from thalweg.jobs.place import LocalFilePlace, place_at
from thalweg.jobs.sink import NOTHING, Output, OutputPart, output_form
from thalweg.jobs.source import Input
from thalweg.message import Context, Request, Response
from thalweg.transport import registry
from thalweg.transport.contract import Channel

IDENTITY = "job.json"
PART_BYTES = 64 << 20
"""A part of the output is written when it has so many bytes, however few documents they are."""
PATIENCE_SECONDS = 300.0
"""For so long a service may take nothing before the job gives up."""
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
        ConfigurationError: the input is not there, the output is, or what was begun there before is another job.
        MalformedRequest: something in the input is no document.
        ThalwegError: a document failed and `skip_failed` is not set, or the service was gone for too long. What was done
            until then stays, and the same call goes on from there.
    """
    given, output = check_job(job, overwrite=overwrite)
    with _alone(output):
        last = _begun(job, given, output, restart)
        began = monotonic()
        end = asyncio.run(_Run(job, given, output, last, tell).run(address, tls))
        output.join()
    return Summary(output.place.shown, end.read, end.written, end.failed, last.read, monotonic() - began)


def check_job(job: BatchJob, *, overwrite: bool = False) -> tuple[Input, Output]:
    """What the job reads and writes.

    Raises:
        ConfigurationError: the input is not there, or the output is, or the name of either says nothing.
        MissingDependency: what reads or writes it is not installed.
    """
    given = Input(job.inputs)
    place = place_at(job.output)
    output = Output(place, output_form(place))
    if place.exists() and not overwrite:
        raise ConfigurationError(f"{place.shown} is there already; choose another output, or --overwrite it.")
    return given, output


@contextmanager
def _alone(output: Output) -> Iterator[None]:
    """Refuse a second run of the same job on this machine."""
    if not isinstance(output.folder, LocalFilePlace):
        yield
        return
    output.folder.path.mkdir(parents=True, exist_ok=True)
    lock = os.open(output.folder.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(f"Another run is writing {output.place.shown} just now.") from None
        yield
    finally:
        os.close(lock)


def _begun(job: BatchJob, given: Input, output: Output, restart: bool) -> OutputPart:
    """The last part of what was done before, after a look at whether it was the same job."""
    identity = {"on": job.on, "parameters": dict(job.parameters), "input": given.identity()}
    text = msgspec.json.encode(identity, order="sorted")
    place = output.folder.within(IDENTITY)
    if restart:
        for name in output.folder.names():
            if name != "lock":
                output.folder.within(name).remove()
    elif place.exists():
        with place.reading() as file:
            before = msgspec.json.decode(file.read())
        different = [name for name, value in msgspec.json.decode(text).items() if before.get(name) != value]
        if different:
            raise ConfigurationError(
                f"{output.folder.shown} was begun with another {' and '.join(different)}; --restart begins anew."
            )
        return output.last()
    with place.writing() as file:
        file.write(text)
    return NOTHING


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of one parcel: the answers, and of those of its documents that failed the records."""

    parcel: Parcel
    responses: list[Response]
    failures: list[dict[str, Any]]


class _Run:
    """Reads, sends and writes. At most `prefetch` requests are in memory, and the part that is being written."""

    def __init__(self, job: BatchJob, given: Input, output: Output, last: OutputPart, tell: Tell | None) -> None:
        self._job = job
        self._input = given
        self._output = output
        self._last = last
        self._tell = tell
        self._extent = given.extent
        self._done = 0
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
        outcomes = in_order(self._parcels(), lambda parcel: self._outcome(channel, parcel), self._job.prefetch)
        part = self._last
        read, written, failed, end = part.read, part.written, part.failed, part.end
        async with aclosing(outcomes) as coming:
            async for outcome in coming:
                written += await self._written(self._output.form.add, outcome.responses)
                for record in outcome.failures:
                    self._output.fail(record)
                read, failed = read + outcome.parcel.documents, failed + len(outcome.failures)
                self._done, end = self._done + outcome.parcel.work, outcome.parcel.end
                if self._tell is not None:
                    self._tell(JobProgress(read, written, failed, self._done, self._extent))
                if read - part.read >= self._job.part_size or self._output.form.size >= PART_BYTES:
                    part = await self._finished(OutputPart(part.number + 1, read, written, failed, end))
        if read > part.read or part is NOTHING:
            part = await self._finished(OutputPart(part.number + 1, read, written, failed, end))
        return part

    async def _finished(self, part: OutputPart) -> OutputPart:
        await self._written(self._output.finish, part)
        return part

    async def _written(self, write: Callable[[Any], Any], given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._writer, write, given)

    async def _parcels(self) -> AsyncGenerator[Parcel, None]:
        """What is left of the input, read on a thread."""
        loop = asyncio.get_running_loop()
        last = self._last
        parcels = self._input.parcels(last.end, last.read, self._job.request_size)
        try:
            while (parcel := await loop.run_in_executor(self._reader, next, parcels, None)) is not None:
                yield parcel
        finally:
            self._reader.submit(parcels.close)  # behind the last `next`, which may still be reading

    async def _outcome(self, channel: Channel, parcel: Parcel) -> AsyncGenerator[_Outcome, None]:
        try:
            yield _Outcome(parcel, await self._answers(channel, parcel), [])
        except ThalwegError as error:
            if _may_pass(error):
                raise
            if not self._job.skip_failed:
                raise _located(error, parcel) from None
            yield await self._one_by_one(channel, parcel, error)

    async def _one_by_one(self, channel: Channel, parcel: Parcel, error: ThalwegError) -> _Outcome:
        """Those of the documents that do not fail by themselves, and why the others do."""
        if parcel.documents == 1:
            return _Outcome(parcel, [], [_record(parcel, error)])
        responses: list[Response] = []
        failures: list[dict[str, Any]] = []
        for one in parcel.singly():
            try:
                responses += await self._answers(channel, one)
            except ThalwegError as reason:
                if _may_pass(reason):
                    raise
                failures.append(_record(one, reason))
        return _Outcome(parcel, responses, failures)

    async def _answers(self, channel: Channel, parcel: Parcel) -> list[Response]:
        """The answers, asked for again as long as the service may come back."""
        job = self._job
        request = Request(job.on, parcel.body, parcel.content_type, self._output.form.accept, dict(job.parameters))
        until = monotonic() + job.patience
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                if not channel.connected:
                    await channel.connect()
                context = Context.with_timeout(job.timeout, metadata=job.headers)
                async with aclosing(channel.handle(request, context)) as responses:
                    return [response async for response in responses]
            except ThalwegError as error:
                pause = max(wait * random.random(), error.retry_after or 0.0)
                if not _may_pass(error) or monotonic() + pause > until:
                    raise
                await asyncio.sleep(pause)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)


def _may_pass(error: ThalwegError) -> bool:
    """Whether it is of the service and not of the documents. What was lost with a process may be done again here: of all
    that comes of it one answer is written."""
    return error.retryable or isinstance(error, Unavailable)


def _located(error: ThalwegError, parcel: Parcel) -> ThalwegError:
    """`error`, which says of which documents it tells."""
    last = parcel.first + parcel.documents - 1
    which = f"document {parcel.first}" if parcel.documents == 1 else f"documents {parcel.first} to {last}"
    error.add_note(
        f"It was the answer to {which} of the input, counted from 0. What came before is done; run again to go on."
    )
    return error


def _record(parcel: Parcel, error: ThalwegError) -> dict[str, Any]:
    record: dict[str, Any] = {"number": parcel.first, "error": type(error).__name__, "message": str(error)}
    with suppress(ValueError):
        record["document"] = msgspec.json.decode(parcel.text())
    return record
