"""What a command says when it fails, and the code with which it ends."""

from __future__ import annotations

from thalweg.errors import (
    ClientError,
    ConfigurationError,
    DeadlineExceeded,
    Overloaded,
    StartupFailed,
    ThalwegError,
    Unavailable,
)

SERVER = 1
USAGE = 2
CLIENT = 3
UNAVAILABLE = 4
DEADLINE = 5
INTERRUPTED = 130

EXIT_CODES = """
\b
Exit codes:
    0  answered
    1  the service failed, or what should be started is wrong
    2  the command line is wrong
    3  the request is wrong: no such endpoint, a document that does not fit, too large
    4  the service cannot be reached or is overloaded; the same request may succeed later
    5  the time was over
  130  interrupted
"""


def exit_code(error: ThalwegError) -> int:
    """The code that tells a script what kind of error it was; see `EXIT_CODES`."""
    if isinstance(error, (Unavailable, Overloaded)):
        return UNAVAILABLE
    if isinstance(error, DeadlineExceeded):
        return DEADLINE
    return CLIENT if isinstance(error, ClientError) else SERVER


def explanation(error: ThalwegError) -> str:
    """The error for people: its code, its message, and whatever else is known, a line each."""
    lines = [f"error: {error}" if isinstance(error, ConfigurationError) else f"error: {error.code}: {error}"]
    if not isinstance(error, ConfigurationError):
        findings = (f"{_place(item)}{item['msg']}" for item in error.details if "msg" in item)
        lines += [f"  {finding}" for finding in findings if finding not in error.message]
    if error.executor and not isinstance(error, ConfigurationError):
        lines.append(f"  Executor: {error.executor}")
    if error.request_id:
        lines.append(f"  request id: {error.request_id}")
    if error.retry_after is not None:
        lines.append(f"  try again after {error.retry_after:g} s")
    if isinstance(error, StartupFailed) and error.traceback:
        lines.append(error.traceback.rstrip())
    return "\n".join(lines)


def _place(item: dict[str, object]) -> str:
    location = item.get("loc")
    return f"{'.'.join(str(part) for part in location)}: " if isinstance(location, (list, tuple)) and location else ""
