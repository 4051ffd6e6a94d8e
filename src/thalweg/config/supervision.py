"""When a process is replaced, and what it writes into the log."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from thalweg.config.options import Options

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>[KMGT]?)(i?B)?", re.IGNORECASE)


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def memory_size(value: Any) -> Any:
    """Bytes, from a number or a text such as `512M` or `1.5 GiB`; units are powers of 1024."""
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"{value!r} is no size: write it as 512M, 2G or 1.5GiB")
    return int(float(found["number"]) * UNITS[found["unit"].upper()])


LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]
MemorySize = Annotated[int, BeforeValidator(memory_size), Field(ge=1 << 20)]


class LogLevelOptions(Options):
    """What a process writes into the log."""

    log_level: LogLevel | None = Field(
        None, description="From which level on is logged; THALWEG_LOG_LEVEL where it is not given."
    )


class LifetimeOptions(LogLevelOptions):
    """When a replica is replaced by a new process, although it answers. It drains first, and nothing is lost."""

    max_requests: Annotated[int, Field(gt=0)] | None = Field(
        None, description="Requests after which a replica is replaced by a new process; null: never."
    )
    memory_limit: MemorySize | None = Field(
        None, description="Memory at which a replica is replaced by a new process, such as 2G; null: never."
    )
