"""What a command says when it fails, and the code with which it ends."""

from __future__ import annotations

from thalweg.cli.output import coloured
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
TERMINATED = 143

MEANINGS = {
    0: "done: answered, ready, fine",
    SERVER: "the service failed, or what should be started is wrong",
    USAGE: "the command line is wrong",
    CLIENT: "the request is wrong: no such endpoint, a document that does not fit, too large",
    UNAVAILABLE: "nobody is there, or too busy; the same may succeed later",
    DEADLINE: "the time was over",
    INTERRUPTED: "interrupted; of serve: while it started, or twice",
    TERMINATED: "terminated; of serve: while it started, or twice",
}
"""Every exit code of every command but plugins, whose own are passed on."""

EXIT_CODES = "\n\b\nExit codes:\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())


def exit_code(error: ThalwegError) -> int:
    """The code that tells a script what kind of error it was; see `EXIT_CODES`."""
    if isinstance(error, (Unavailable, Overloaded)):
        return UNAVAILABLE
    if isinstance(error, DeadlineExceeded):
        return DEADLINE
    return CLIENT if isinstance(error, ClientError) else SERVER


def tell(error: ThalwegError, as_json: bool) -> None:
    """Write the error to standard error: for people, or as one line of JSON."""
    import json
    import sys

    if as_json:
        told = {"code": error.code, "message": error.message, "exit_code": exit_code(error)}
        more = {
            "executor": error.executor,
            "request_id": error.request_id,
            "retry_after": error.retry_after,
            "details": error.details,
        }
        told.update((name, value) for name, value in more.items() if value)
        print(json.dumps({"error": told}, default=str), file=sys.stderr)
        return
    text = explanation(error)
    if coloured(sys.stderr):
        text = text.replace("error:", "\x1b[31;1merror:\x1b[0m", 1)
    print(text, file=sys.stderr)


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
    if isinstance(error, StartupFailed):
        lines += [error.traceback.rstrip()] if error.traceback else []
    else:
        lines += [f"  {note}" for note in getattr(error, "__notes__", ())]
    return "\n".join(lines)


def _place(item: dict[str, object]) -> str:
    location = item.get("loc")
    return f"{'.'.join(str(part) for part in location)}: " if isinstance(location, (list, tuple)) and location else ""
