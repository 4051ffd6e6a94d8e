"""Looking at a process from outside while it is busy: py-spy, perf and strace."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.layers import Stack, by_call, read_stacks

STACKS_A_SECOND = 250
KERNEL_SAMPLES_A_SECOND = 2999


class SamplingFailed(Exception):
    """A program that looks at processes is missing or may not look."""


@contextmanager
def _beside(command: Sequence[str]) -> Iterator[None]:
    """`command` runs beside the block and is told to finish at its end."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


@contextmanager
def stacks(pid: int) -> Iterator[list[Stack]]:
    """The list holds the stacks of the threads of `pid` that ran, once the block has ended.

    Raises:
        SamplingFailed: py-spy is missing or may not trace.
    """
    found: list[Stack] = []
    program = Path(sys.executable).with_name("py-spy")
    spy = str(program) if program.exists() else shutil.which("py-spy")
    if spy is None:
        raise SamplingFailed("py-spy samples the stacks and is missing. Install it: pip install 'thalweg[bench]'")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "stacks"
        command = [spy, "record", "--pid", str(pid), "--native", "--threads", "--format", "raw", "--full-filenames"]
        command += ["--rate", str(STACKS_A_SECOND), "--output", str(output)]
        with _beside(command):
            yield found
        if not output.exists():
            raise SamplingFailed("py-spy may not trace another process here: it needs root or ptrace_scope 0.")
        found += read_stacks(output.read_text())


@contextmanager
def kernel_samples(pid: int) -> Iterator[Counter[str]]:
    """The counter holds what the kernel did for `pid`, in samples, once the block has ended; nothing without perf."""
    found: Counter[str] = Counter()
    if shutil.which("perf") is None:
        yield found
        return
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder) / "samples")
        record = ["perf", "record", "-e", "cpu-clock", "-F", str(KERNEL_SAMPLES_A_SECOND), "-g", "-p", str(pid)]
        with _beside([*record, "-o", output]):
            yield found
        command = ["perf", "script", "-i", output, "-F", "ip,sym,dso"]
        found += by_call(subprocess.run(command, capture_output=True, text=True, check=False).stdout)


@contextmanager
def system_calls(pid: int) -> Iterator[Counter[str]]:
    """The counter holds the system calls of `pid` by name once the block has ended; nothing without strace."""
    found: Counter[str] = Counter()
    if shutil.which("strace") is None:
        yield found
        return
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "calls"
        with _beside(["strace", "-f", "-c", "-p", str(pid), "-o", str(output)]):
            yield found
        found += Counter(read_calls(output.read_text()))


def read_calls(text: str) -> dict[str, int]:
    """Calls by name in what `strace -c` prints."""
    calls: dict[str, int] = {}
    for line in text.splitlines():
        parts = line.split()
        if len(parts) >= 5 and parts[0].replace(".", "").isdigit() and parts[-1] != "total":
            calls[parts[-1]] = int(parts[3])
    return calls
