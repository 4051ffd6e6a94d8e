"""One entry of the log."""

from __future__ import annotations

import msgspec


class LogLine(msgspec.Struct, frozen=True):
    """What one process wrote: a line of its output, or a record of Python's logging. What belongs together, such as a
    traceback, is one of these, with line ends in `text`."""

    time: float
    """Seconds since 1970."""
    process: str
    """Who wrote it: `enc/0`, `gateway`."""
    text: str
    level: str = ""
    """DEBUG, INFO, WARNING, ERROR or CRITICAL; empty for what was printed."""
    logger: str = ""
    """Name of the logger; empty for what was printed."""
