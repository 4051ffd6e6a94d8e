"""Fuzzes every decoder and every port for as long as is asked: `python -m tests.docs.fuzzing.soak [--seconds 600] [TARGET]`.

Each target has a process and its share of the time, guided by coverage (atheris) where that is installed, otherwise by
hypothesis. Bytes that end in anything but documents or an error of ours are left in a file, and the exit code is 1.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.docs.fuzzing.targets import Target

MEGABYTES = 2048
"""What a process may take."""
SLOWEST = 10
"""Seconds that one input may take."""
DECODERS = "tests/docs/fuzzing/test_targets.py::test_hostile_bytes_end_in_documents_or_in_an_error_of_ours"
PORTS = "tests/transport/fuzzing/test_strangers.py::test_strange_bytes_leave_nothing_behind"
LONGEST = 4096
"""Bytes of an input, where it does not begin with more."""


def main() -> int:
    """Fuzz all targets one after the other, or be the process that fuzzes one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        fuzz(given.targets[0], given.seconds)
        return 0
    names = given.targets or [*targets("tests.docs.fuzzing.targets"), *targets("tests.transport.fuzzing.targets")]
    kind = "atheris" if find_spec("atheris") else "hypothesis"
    print(f"{len(names)} targets, {given.seconds} seconds in all, with {kind}", flush=True)
    share = max(1, given.seconds // len(names))
    failed = [name for name in names if not passes(name, share, kind)]
    print(f"failed: {', '.join(failed)}" if failed else "nothing found", flush=True)
    return bool(failed)


def targets(module: str) -> dict[str, "Target"]:
    """Those of a module; its service, where it has one, is started by the first that is asked for."""
    found: dict[str, Target] = import_module(module).TARGETS
    return found


def passes(name: str, seconds: int, kind: str) -> bool:
    """Whether fuzzing a target finds nothing."""
    if kind == "atheris":
        command = [sys.executable, "-m", "tests.docs.fuzzing.soak", "--one", "--seconds", str(seconds), name]
        environment = dict(os.environ)
    else:
        decoder = name in targets("tests.docs.fuzzing.targets")
        test = f"{DECODERS if decoder else PORTS}[{name}]"
        command = [sys.executable, "-m", "pytest", "-q", "--timeout", str(20 * seconds + 60), test]
        environment = {**os.environ, "EXAMPLES": str(100 * seconds if decoder else 30 * seconds)}
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    last = next((line for line in reversed(done.stdout.splitlines()) if "exec" in line or "passed" in line), "")
    print(f"{name}: {'nothing found' if done.returncode == 0 else 'FAILED'}  {last}", flush=True)
    if done.returncode:
        print(done.stdout[-6000:], flush=True)
    return done.returncode == 0


def fuzz(name: str, seconds: int) -> None:
    """Give one target inputs that take new paths through our code. Never returns."""
    import atheris

    with atheris.instrument_imports(include=["thalweg.docs", "thalweg.transport"]):
        target = targets("tests.docs.fuzzing.targets").get(name) or targets("tests.transport.fuzzing.targets")[name]

    def once(data: bytes) -> None:
        with suppress(*target.errors):
            target.read(data)

    with tempfile.TemporaryDirectory(prefix="thalweg-soak-") as folder:
        corpus = Path(folder)
        for number, seed in enumerate(target.seeds):
            (corpus / str(number)).write_bytes(seed)
        bounds = [f"-max_total_time={seconds}", f"-rss_limit_mb={MEGABYTES}", f"-timeout={SLOWEST}"]
        left = f"-artifact_prefix={tempfile.gettempdir()}/thalweg-{name}-"
        longest = max(LONGEST, 2 * max(map(len, target.seeds)))
        atheris.Setup([sys.argv[0], *bounds, f"-max_len={longest}", left, folder], once)
        atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
