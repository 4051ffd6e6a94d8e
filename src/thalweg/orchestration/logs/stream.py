"""What the processes of one Flow print, read by a thread of its own, kept, and shown."""

from __future__ import annotations

import logging
import os
import selectors
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import time
from typing import TextIO

from thalweg.orchestration.logs.assembly import LogAssembly
from thalweg.orchestration.logs.form import LogFormat, in_json, in_text
from thalweg.orchestration.logs.history import History
from thalweg.orchestration.logs.line import LogLine

CHUNK = 1 << 16
log = logging.getLogger("thalweg.supervisor")

Show = Callable[[LogLine], None]


class LogStream:
    """One pipe for each process. Its standard output, standard error and records of logging come out of it in the order in
    which they were written, also those from right before it was killed.

    The thread that reads also shows: where nobody takes what is shown, it stops reading, and the processes wait, as they
    would if they wrote there themselves. Nothing is lost and nothing grows.
    """

    def __init__(self, form: LogFormat = "text") -> None:
        self.history = History()
        self._show = Printer(form)
        self._selector = selectors.DefaultSelector()
        self._notes: deque[LogLine] = deque()
        self._new: deque[tuple[int, LogAssembly]] = deque()
        self._awake, self._wake = os.pipe()
        os.set_blocking(self._awake, False)
        os.set_blocking(self._wake, False)
        self._selector.register(self._awake, selectors.EVENT_READ)
        self._ending = False
        self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="thalweg-logs", daemon=True)
        self._thread.start()

    def pipe(self, process: str) -> int:
        """A descriptor to write to, for the process with this name: the caller's, who closes it."""
        self._show.expect(process)
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
        self._new.append((ours, LogAssembly(process)))
        self._call()
        return theirs

    def note(self, process: str, level: str, text: str) -> None:
        """Write an entry of our own, after all that the processes have written by now. It goes to the log of this program
        as well, and is shown there if that has been set up."""
        self._notes.append(LogLine(time(), process, text, level, log.name))
        self._call()

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def close(self) -> None:
        """Let the thread take in what is there still, and end. Returns at once; `ended` tells. Idempotent."""
        self._ending = True
        self._call()

    def _call(self) -> None:
        with self._lock, suppress(BlockingIOError):  # which says that it has been called often enough
            if not self._closed:
                os.write(self._wake, b"\0")

    def _run(self) -> None:
        while not self._ending:
            for key, _ in self._selector.select(self._patience()):
                if key.fd != self._awake:
                    self._read(key.fd, key.data)
            self._attend()
        self._attend()
        for key in list(self._selector.get_map().values()):
            if key.fd != self._awake:
                self._let_go(key.fd, key.data)
        self._selector.close()
        with self._lock:
            self._closed = True
            os.close(self._awake)
            os.close(self._wake)

    def _attend(self) -> None:
        """What others have asked for, and what has waited long enough."""
        with suppress(BlockingIOError):
            while os.read(self._awake, CHUNK):
                """Any number of calls is one."""
        while self._new:
            descriptor, assembly = self._new.popleft()
            self._selector.register(descriptor, selectors.EVENT_READ, assembly)
        pipes = [key for key in self._selector.get_map().values() if key.fd != self._awake]
        notes = len(self._notes)  # what is noted from now on may come after what is not read yet
        if notes or self._ending:
            for key in pipes:
                while self._read(key.fd, key.data):
                    """Whatever was written before it comes before it."""
        for _ in range(notes):
            self._tell(self._notes.popleft())
        now = time()
        for key in pipes:
            for line in key.data.settle(now):
                self._put(line)

    def _patience(self) -> float | None:
        """Seconds until something has waited long enough."""
        keys = (key for key in self._selector.get_map().values() if key.fd != self._awake)
        due = min((key.data.due for key in keys if key.data.due is not None), default=None)
        return None if due is None else max(0.0, due - time())

    def _read(self, descriptor: int, assembly: LogAssembly) -> bool:
        """Take in what has come. Returns whether there may be more."""
        try:
            data = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._let_go(descriptor, assembly)
            return False
        for line in assembly.feed(data, time()):
            self._put(line)
        return len(data) == CHUNK

    def _let_go(self, descriptor: int, assembly: LogAssembly) -> None:
        for line in assembly.end(time()):
            self._put(line)
        self._selector.unregister(descriptor)
        os.close(descriptor)

    def _put(self, line: LogLine) -> None:
        self.history.add(line)
        self._show.show(line)

    def _tell(self, line: LogLine) -> None:
        self.history.add(line)
        if log.hasHandlers():
            log.log(logging.getLevelNamesMapping()[line.level], "%s: %s", line.process, line.text)
        else:
            self._show.show(line)


class Printer:
    """Shows entries on standard error, whatever that is just now: notebooks and progress displays put their own there."""

    def __init__(self, form: LogFormat) -> None:
        self._form = form
        self._width = 0

    def expect(self, process: str) -> None:
        """Leave room for this name."""
        self._width = max(self._width, len(process))

    def show(self, line: LogLine) -> None:
        out = sys.stderr
        if out is None:
            return
        with suppress(Exception):  # it was closed, nobody reads it any more, or it is somebody's own: processes go on
            text = in_json(line) if self._form == "json" else self._text(line, out)
            out.write(f"{text}\n")
            out.flush()

    def _text(self, line: LogLine, out: TextIO) -> str:
        terminal = out.isatty()
        colours = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return in_text(line, width=self._width, colours=colours, date=not terminal)
