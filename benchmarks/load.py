"""Driving HTTP services with wrk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

SCRIPT = Path(__file__).with_name("post.lua")


class LoadFailed(Exception):
    """wrk is missing or could not do its work."""


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw. Latencies in milliseconds."""

    requests: int
    seconds: float
    failures: int
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def read_summary(printed: str) -> Load:
    """The line of JSON that `post.lua` prints, among all that wrk printed.

    Raises:
        LoadFailed: there is none.
    """
    for line in reversed(printed.splitlines()):
        if line.startswith('{"requests"'):
            found = json.loads(line)
            failures = sum(found[name] for name in ("connect", "read", "write", "timeout", "status"))
            return Load(
                requests=found["requests"],
                seconds=found["microseconds"] / 1e6,
                failures=failures,
                p50=found["p50"] / 1e3,
                p99=found["p99"] / 1e3,
            )
    raise LoadFailed(f"wrk printed no summary:\n{printed[-2000:]}")


def require_wrk() -> str:
    """Path of wrk, installed with apt-get where that is possible.

    Raises:
        LoadFailed: there is none, and it could not be installed.
    """
    found = shutil.which("wrk")
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        for arguments in (["update"], ["install", "--yes", "wrk"]):
            subprocess.run(["apt-get", "--quiet", "--quiet", *arguments], check=False, stdin=subprocess.DEVNULL)
        found = shutil.which("wrk")
    if found is None:
        raise LoadFailed("wrk drives the HTTP measurements and is missing. Install it: apt-get install wrk")
    return found


def post(url: str, body: bytes, timeout: float = 30.0) -> bytes | None:
    """The answer to one POST, or None while nobody answers it with 200."""
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def wrk_command(url: str, body_file: str, *, connections: int, seconds: float) -> list[str]:
    """wrk with one thread, posting the content of `body_file` and printing a summary that `read_summary` understands."""
    command = [require_wrk(), "--threads", "1", "--connections", str(connections), "--timeout", "10s"]
    command += ["--duration", f"{max(1, round(seconds))}s", "--script", str(SCRIPT), url, "--", body_file]
    return command


def drive(url: str, body: bytes, *, connections: int, seconds: float) -> Load:
    """Post `body` to `url` over `connections` connections, each with one request under way, for `seconds`."""
    with NamedTemporaryFile(suffix=".json") as file:
        file.write(body)
        file.flush()
        command = wrk_command(url, file.name, connections=connections, seconds=seconds)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LoadFailed(f"wrk ended with code {done.returncode}: {done.stderr or done.stdout}")
    return read_summary(done.stdout)
