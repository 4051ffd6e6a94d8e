"""How an entry of the log is shown: to people, or to programs."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import Literal, TypeAlias, cast

import msgspec

from thalweg.errors import ConfigurationError
from thalweg.orchestration.logs.line import LogLine

FORMAT = "THALWEG_LOG_FORMAT"
"""Environment variable that says how the log is printed: text or json."""
LogFormat: TypeAlias = Literal["text", "json"]
FORMATS = ("text", "json")

NAMES = (36, 33, 35, 32, 34, 96, 93, 95, 92, 94)
"""Colours of names, by ECMA-48 (SGR)."""
SEVERE = {"WARNING": 33, "ERROR": 31, "CRITICAL": 31}
DIM = 2
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def log_format(given: str = "") -> LogFormat:
    """What an option says, else what the environment variable says.

    Raises:
        ConfigurationError: it is none of `FORMATS`.
    """
    chosen = (given or os.environ.get(FORMAT) or "text").lower()
    if chosen not in FORMATS:
        raise ConfigurationError(f"{FORMAT}={os.environ.get(FORMAT)!r}: there are {' and '.join(FORMATS)}.")
    return cast(LogFormat, chosen)


def in_json(line: LogLine) -> str:
    """One JSON object: `time` as in RFC 3339, `process`, `level`, `logger` and `message`; without those that are empty."""
    time = datetime.fromtimestamp(line.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    values = {"time": time, "process": line.process, "level": line.level, "logger": line.logger, "message": line.text}
    return msgspec.json.encode({name: value for name, value in values.items() if value or name == "message"}).decode()


def in_text(line: LogLine, *, width: int = 0, colours: bool = False, date: bool = True) -> str:
    """Time, name and text. Further lines of the same entry stand below the first. `width` is that of the longest name."""
    moment = datetime.fromtimestamp(line.time)
    time = moment.strftime("%Y-%m-%d %H:%M:%S" if date else "%H:%M:%S") + f".{moment.microsecond // 1000:03d}"
    blank = " " * len(time)
    name = line.process.ljust(width)
    label = f"{line.level} {line.logger}: " if line.level else ""
    first, *further = _harmless(line.text, colours).split("\n")
    if colours:
        time, name = _painted(time, DIM), _painted(name, NAMES[sum(line.process.encode()) % len(NAMES)])
        label = _painted(label, SEVERE[line.level]) if line.level in SEVERE else label
    return "\n".join([f"{time} {name} | {label}{first}", *(f"{blank} {name} | {text}" for text in further)])


def _painted(text: str, colour: int) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if text else text


def _harmless(text: str, colours: bool) -> str:
    """`text` without what moves the cursor or changes the terminal: a caller may have had it printed. Colours may stay."""
    if text.isprintable():
        return text
    if not colours:
        return _escaped(_COLOURS.sub("", text))
    kept = _COLOURS.findall(text)
    parts = [_escaped(part) for part in _COLOURS.split(text)]
    coloured = "".join(part + colour for part, colour in zip(parts, [*kept, ""], strict=True))
    return f"{coloured}\x1b[0m" if kept else coloured


def _escaped(text: str) -> str:
    return "".join(char if char.isprintable() or char in "\n\t" else f"\\x{ord(char):02x}" for char in text)
