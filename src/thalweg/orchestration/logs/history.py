"""The last lines of the log, and who reads on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from itertools import islice

from thalweg.orchestration.logs.line import LogLine

MOST_LINES = 10_000
MOST_BYTES = 4 << 20

Reader = Callable[[LogLine], None]


class History:
    """The last `MOST_LINES` entries, fewer where they are long. For any thread."""

    def __init__(self, most_lines: int = MOST_LINES, most_bytes: int = MOST_BYTES) -> None:
        self._most_lines = most_lines
        self._most_bytes = most_bytes
        self._lines: deque[LogLine] = deque()
        self._bytes = 0
        self._readers: list[Reader] = []
        self._lock = threading.Lock()

    def add(self, line: LogLine) -> None:
        """Keep it, and show it to those who read on."""
        with self._lock:
            self._lines.append(line)
            self._bytes += len(line.text)
            while len(self._lines) > self._most_lines or (self._bytes > self._most_bytes and len(self._lines) > 1):
                self._bytes -= len(self._lines.popleft().text)
            for read in self._readers:
                read(line)

    def last(self, count: int) -> list[LogLine]:
        """The last `count` entries, oldest first."""
        with self._lock:
            return list(islice(self._lines, max(0, len(self._lines) - count), None))

    def follow(self, count: int, read: Reader) -> list[LogLine]:
        """The last `count` entries; `read` gets each one after them, on the thread that adds it, until `leave`. It must
        return at once."""
        with self._lock:
            self._readers.append(read)
            return list(islice(self._lines, max(0, len(self._lines) - count), None))

    def leave(self, read: Reader) -> None:
        with self._lock:
            self._readers.remove(read)
