"""Records of Python's logging on their way out of a process.

They go where standard output and standard error go, so that all of it keeps its order. Each is a JSON text after the
character RS and before a line end, as in RFC 7464; in pieces where it is long, since only so much is written to a pipe at
once that nothing of another thread or process comes in between.
"""

from __future__ import annotations

import logging
import os
import threading

import msgspec

RS = b"\x1e"
LAST = b"."
MORE = b"+"
PIECE = 4000
"""Bytes of one piece. A pipe takes 4096 at once: PIPE_BUF of pipe(7)."""
LONGEST_TEXT = 1 << 16
"""Characters of one record; what is longer is cut, and says so."""
LEVEL = "THALWEG_LOG_LEVEL"
"""Environment variable with the level from which on records are kept."""
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
OURS = "thalweg"
"""The loggers below this one, those of Executors among them, begin at INFO where nothing else is said."""


class JournalRecord(msgspec.Struct, frozen=True, array_like=True):
    """One record of logging."""

    time: float
    level: str
    logger: str
    text: str


class JournalHandler(logging.Handler):
    """Writes records to `descriptor`."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._encoder = msgspec.json.Encoder()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = shortened_text(self.format(record))
            content = self._encoder.encode(JournalRecord(record.created, record.levelname, record.name, text))
            for piece in record_pieces(content, b"%x" % threading.get_ident()):
                self._write(piece)
        except Exception:
            self.handleError(record)

    def _write(self, piece: bytes) -> None:
        while piece:
            piece = piece[os.write(self._descriptor, piece) :]


def shortened_text(text: str) -> str:
    left = len(text) - LONGEST_TEXT
    return text if left <= 0 else f"{text[:LONGEST_TEXT]}\n[{left} more characters]"


def record_pieces(content: bytes, key: bytes) -> list[bytes]:
    """`content` as lines of at most `PIECE` bytes and a few; `key` tells which of them belong together."""
    cut = [content[start : start + PIECE] for start in range(0, len(content), PIECE)] or [b""]
    ends = [MORE] * (len(cut) - 1) + [LAST]
    return [RS + key + end + part + b"\n" for part, end in zip(cut, ends, strict=True)]


def keep_journal(level: str = "") -> None:
    """Have all records of this process go out. `level`, or THALWEG_LOG_LEVEL, is where they begin: else at WARNING, as
    Python's own do, and at INFO for loggers of Executors and our own."""
    handler = JournalHandler(os.dup(2))
    root = logging.getLogger()
    root.addHandler(handler)
    chosen = (level or os.environ.get(LEVEL, "")).upper()
    if chosen in LEVELS:
        root.setLevel(chosen)
    else:
        logging.getLogger(OURS).setLevel(logging.INFO)
