"""From the bytes that a process wrote to entries of the log; pure, moments are seconds since 1970."""

from __future__ import annotations

import msgspec

from thalweg.orchestration.logs.line import LogLine
from thalweg.service.journal import LAST, MORE, RS, JournalRecord

LONGEST_LINE = 1 << 16
"""Bytes; what is longer is cut into several lines."""
LONGEST_BLOCK = 2_000
"""Lines that are kept together at most."""
LONGEST_RECORD = 1 << 20
MOST_RECORDS = 64
"""Records that may be under way in pieces at once: each thread has one."""
QUIET_SECONDS = 0.05
"""What may still go on, such as a traceback with a cause, has so long to do so."""
CLOCK_SET_BACK = 60.0
"""A record that is so many seconds older than what was read before it was not made before it."""
PROGRESS_SECONDS = 5.0
"""How often a progress bar, which is drawn over and over on one line, makes an entry."""

BEGINNINGS = (
    "Traceback (most recent call last):",
    "Exception in thread ",
    "Exception ignored in",
    "Fatal Python error: ",
)
LINKS = ("During handling of the above exception", "The above exception was the direct cause")
CRASH = "Fatal Python error: "
_RECORD = msgspec.json.Decoder(JournalRecord)


class LogAssembly:
    """The output of one process. Lines become entries, and so do records of logging; a traceback becomes one entry."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._line = bytearray()
        self._records: dict[bytes, bytearray] = {}
        self._block: list[str] = []
        self._block_ends = False
        """Whether the exception itself was there: only another one that it caused may follow."""
        self._heard = 0.0
        self._progress = 0.0
        self._last = 0.0
        """The time of the last entry: those of one process never go back."""

    @property
    def due(self) -> float | None:
        """When to call `settle` next; None where nothing waits."""
        return self._heard + QUIET_SECONDS if self._block else None

    def feed(self, data: bytes, now: float) -> list[LogLine]:
        """The entries that are complete with `data`."""
        found: list[LogLine] = []
        self._heard = now
        self._line += data
        *whole, rest = self._line.split(b"\n")
        for line in whole:
            self._take(bytes(line), now, found)
        self._line = rest
        if b"\r" in rest:
            self._draw(now, found)
        while len(self._line) > LONGEST_LINE:
            self._take(bytes(self._line[:LONGEST_LINE]), now, found)
            del self._line[:LONGEST_LINE]
        return found

    def settle(self, now: float) -> list[LogLine]:
        """What has waited for more that did not come."""
        found: list[LogLine] = []
        if self.due is not None and now >= self.due:
            self._end_block(now, found)
        return found

    def end(self, now: float) -> list[LogLine]:
        """What is left when the process has ended, its last words without a line end among it."""
        found: list[LogLine] = []
        rest, self._line = bytes(self._line), bytearray()
        if rest:
            self._take(rest, now, found)
        self._end_block(now, found)
        found += [self._entry(now, _text(bytes(parts))) for parts in self._records.values()]
        self._records.clear()
        return found

    def _take(self, line: bytes, now: float, found: list[LogLine]) -> None:
        if line.startswith(RS) and self._take_piece(line, now, found):
            return
        text = _text(line)
        if self._block and self._goes_on(text):
            self._block.append(text)
            if len(self._block) >= LONGEST_BLOCK:
                self._end_block(now, found)
            return
        self._end_block(now, found)
        if text.startswith(BEGINNINGS):
            self._block, self._block_ends = [text], False
        else:
            found.append(self._entry(now, text))

    def _goes_on(self, text: str) -> bool:
        """Whether `text` belongs to the block before it."""
        if self._block[0].startswith(CRASH):
            return True
        if not text or text.startswith(LINKS):
            return True
        if text.startswith(BEGINNINGS):
            self._block_ends = False
            return not self._block[-1] or self._block[-1].startswith(("Exception in thread ", "Exception ignored in"))
        if text.startswith((" ", "\t")):
            return not self._block_ends
        if self._block_ends:
            return False
        self._block_ends = True
        return True

    def _end_block(self, now: float, found: list[LogLine]) -> None:
        block, self._block = self._block, []
        while block and not block[-1]:
            block.pop()
        if block:
            found.append(self._entry(now, "\n".join(block)))

    def _take_piece(self, line: bytes, now: float, found: list[LogLine]) -> bool:
        """Take a piece of a record. False where it is none."""
        end = next((at for at in range(1, min(len(line), 34)) if line[at : at + 1] in (LAST, MORE)), 0)
        if not end:
            return False
        key, mark, content = line[1:end], line[end : end + 1], line[end + 1 :]
        parts = self._records.setdefault(key, bytearray())
        parts += content
        if mark == MORE and len(parts) <= LONGEST_RECORD and len(self._records) <= MOST_RECORDS:
            return True
        del self._records[key]
        try:
            record = _RECORD.decode(parts)
        except msgspec.MsgspecError:
            return False
        self._end_block(now, found)
        found.append(self._entry(record.time, record.text, record.level, record.logger))
        return True

    def _entry(self, time: float, text: str, level: str = "", logger: str = "") -> LogLine:
        """A record knows when it was made, a line only when it was read, which may be after the record that follows it was
        made: no entry is earlier than the one before it, unless the clock was set back."""
        self._last = time if self._last - time > CLOCK_SET_BACK else max(time, self._last)
        return LogLine(self._last, self._process, text, level, logger)

    def _draw(self, now: float, found: list[LogLine]) -> None:
        """A line that is drawn over: the last state of it counts, and is told from time to time."""
        drawn, _, following = bytes(self._line).rpartition(b"\r")
        if now - self._progress >= PROGRESS_SECONDS and _text(drawn):
            self._progress = now
            self._end_block(now, found)
            found.append(self._entry(now, _text(drawn)))
        self._line = bytearray(drawn.rpartition(b"\r")[2] + b"\r" + following)


def _text(line: bytes) -> str:
    """`line` as one sees it: of what was drawn over, the last state."""
    shown = next((part for part in reversed(line.split(b"\r")) if part), b"")
    return shown.decode("utf-8", "replace")
