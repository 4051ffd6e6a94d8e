"""Where the answers of a job go: one part after the other, each there whole or not at all, and all of them in one file at
the end.

A part's name says where the input goes on after it, so the parts that are there are all that has to be known to go on.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from thalweg.errors import ConfigurationError
from thalweg.jobs.forms import COPY_BYTES, OutputForm, OutputRows
from thalweg.jobs.parcel import Position
from thalweg.jobs.place import FilePlace, LocalFilePlace

PART = re.compile(r"part-(\d{8})-(\d+)-(\d+)-(\d+)-(\d+)-(\d+)\.\w[\w.]*\Z")
ERRORS = ".errors"
LOCK = "lock"
IDENTITY = "job.json"
GROWING = "whole"
END = ".end"
"""How the name ends of a part that only says how many bytes of `GROWING` end with it."""
MADE = "made.json"
"""What says that the output was made of the parts, and which file that is."""


class OutputPart(NamedTuple):
    """A part of the output: how many documents of the input are in it and before it, how many came of them and how many
    failed, also counted from the beginning, and where the input goes on."""

    number: int
    read: int
    written: int
    failed: int
    end: Position

    @property
    def name(self) -> str:
        return f"part-{self.number:08d}-{self.read}-{self.written}-{self.failed}-{self.end.file}-{self.end.offset}"


class _Made(msgspec.Struct):
    """The output as it is when it is made, and the counts of all of it."""

    state: tuple[int, str]
    counts: tuple[int, int, int]


NOTHING = OutputPart(-1, 0, 0, 0, Position())


@dataclass
class Unwritten:
    """What has come since the last part: rows in the order of the input, and lines of the documents that have failed."""

    rows: list[OutputRows] = field(default_factory=list)
    failures: list[bytes] = field(default_factory=list)
    size: int = 0
    """Bytes of both."""

    def add(self, rows: OutputRows) -> None:
        self.rows.append(rows)
        self.size += rows.size

    def fail(self, record: dict[str, Any]) -> None:
        """Remember a document that has failed, and why."""
        self.failures.append(msgspec.json.encode(record) + b"\n")
        self.size += len(self.failures[-1])


class Output:
    """The parts of one job, in a folder beside what they become."""

    def __init__(self, place: FilePlace, form: OutputForm) -> None:
        self.place = place
        self.form = form
        self.folder = place.beside(f"{place.name}.parts")
        self.errors = place.beside(f"{place.name}.errors.jsonl")
        self._growing = self._grows()
        self._suffix = form.part_suffix if self._growing is None else END
        self._end: int | None = None

    def _grows(self) -> LocalFilePlace | None:
        """The file to which each part is added, to be moved to where the output belongs: nothing is copied in the end."""
        if not self.form.appended or not isinstance(self.place, LocalFilePlace) or not self.place.movable:
            return None
        return LocalFilePlace(self.place.path.with_name(self.folder.name) / GROWING)

    def begun(self) -> bytes | None:
        """What `begin` has written down here; None where nothing was."""
        place = self.folder.within(IDENTITY)
        if not place.exists():
            return None
        with place.reading() as file:
            return file.read()

    def begin(self, identity: bytes) -> None:
        """Forget all parts that are there, and write down whose the next ones are."""
        self._empty(LOCK)
        with self.folder.within(IDENTITY).writing() as file:
            file.write(identity)

    def _empty(self, *but: str) -> None:
        for name in self.folder.names():
            if name not in but:
                self.folder.within(name).remove()

    def last(self) -> OutputPart:
        """The last of the parts that are there, with all before it; `NOTHING` where there is none."""
        parts = self._parts()
        if parts and self._growing is not None and self._growing.size < self._end_of(parts[-1]):
            self._empty(LOCK, IDENTITY)  # it was moved, and somebody took it from there
            return NOTHING
        return parts[-1] if parts else NOTHING

    def _parts(self) -> list[OutputPart]:
        found = []
        for name in self.folder.names():
            match = PART.match(name)
            if match and name.endswith(self._suffix) and ERRORS not in name:
                number, read, written, failed, file, offset = map(int, match.groups())
                found.append(OutputPart(number, read, written, failed, Position(file, offset)))
        found.sort()
        missing = next((number for number, part in enumerate(found) if part.number != number), None)
        if missing is not None:
            raise ConfigurationError(f"{self.folder.shown} lacks part {missing}; begin anew with --restart.")
        return found

    def write(self, part: OutputPart, pending: Unwritten) -> None:
        """Write what is pending as that part. It is there when this returns, its errors before it."""
        if pending.failures:
            with self.folder.within(f"{part.name}{ERRORS}.jsonl").writing() as file:
                file.writelines(pending.failures)
        end = None if self._growing is None else self._grown(self._growing, pending)
        with self.folder.within(part.name + self._suffix).writing() as file:
            if end is None:
                self.form.write(pending.rows, file)
            else:
                file.write(b"%d" % end)

    def _grown(self, growing: LocalFilePlace, pending: Unwritten) -> int:
        """Where the growing file ends with what is pending, which is on the disk then."""
        with growing.appending(self._grown_to()) as file:
            self.form.write(pending.rows, file)
            end = file.tell()
        self._end = end
        return end

    def _grown_to(self) -> int:
        """Where the growing file ends as far as parts say."""
        if self._end is None:
            parts = self._parts()
            self._end = self._end_of(parts[-1]) if parts else 0
        return self._end

    def _end_of(self, part: OutputPart) -> int:
        with self.folder.within(part.name + END).reading() as file:
            return int(file.read())

    def made(self) -> OutputPart | None:
        """The end, where all parts are in the output already and are only still to be removed."""
        mark = self.folder.within(MADE)
        if not mark.exists() or not self.place.exists():
            return None
        with mark.reading() as file:
            made = msgspec.json.decode(file.read(), type=_Made)
        return OutputPart(0, *made.counts, Position()) if made.state == self.place.state() else None

    def join(self) -> None:
        """Make one file of all errors where there are any, one of all parts, and remove the parts."""
        parts = self._parts()
        names = [part.name for part in parts]
        there = set(self.folder.names())
        failed = [f"{name}{ERRORS}.jsonl" for name in names if f"{name}{ERRORS}.jsonl" in there]
        self.place.remove_unfinished()
        self.errors.remove()
        if failed:
            with self.errors.writing() as file:
                for name in failed:
                    with self.folder.within(name).reading() as content:
                        shutil.copyfileobj(content, file, COPY_BYTES)
        if self._growing is not None and isinstance(self.place, LocalFilePlace):
            with self._growing.appending(self._grown_to()):
                pass  # without what was written behind the last part
            self._mark(self._growing.state(), parts[-1])
            self._growing.move(self.place)
        else:
            self._copy([self.folder.within(name + self._suffix) for name in names], parts[-1])
        self.tidy()

    def _copy(self, parts: list[FilePlace], end: OutputPart) -> None:
        with self.place.writing() as file:
            self.form.join(parts, file)
            state = self.place.state_of(file)
            if state is not None:
                self._mark(state, end)
        if state is None:
            self._mark(self.place.state(), end)

    def _mark(self, state: tuple[int, str], end: OutputPart) -> None:
        with self.folder.within(MADE).writing() as file:
            file.write(msgspec.json.encode(_Made(state, (end.read, end.written, end.failed))))

    def tidy(self) -> None:
        """Remove the parts; last what says that they are in the output."""
        self._empty(LOCK, IDENTITY, MADE)
        self.folder.remove()
