"""Runs a program written for Jina or DocArray: `python -m thalweg.compat app.py ...`, or `-m package ...` in its place.

Processes that it starts find Thalweg too: the path that they inherit begins with packages `jina` and `docarray` that stand
for it. `--only docarray` leaves a real Jina in its place.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from thalweg.compat import install
from thalweg.compat.table import PACKAGES

CHILDREN = Path(__file__).parent / "children"
"""What is put before everything else in the path of processes that the program starts: a folder for each package."""
USAGE = "usage: python -m thalweg.compat [--only PACKAGE] [-m] PROGRAM [ARGUMENT ...]"


def main() -> None:
    """Run the program that the command line names as Python itself would, Thalweg standing for what it was written for."""
    arguments = sys.argv[1:]
    packages = tuple(PACKAGES)
    if arguments[:1] == ["--only"]:
        packages, arguments = tuple(arguments[1:2]), arguments[2:]
    by_name = arguments[:1] == ["-m"]
    program = arguments[by_name : by_name + 1]
    if not program or not set(packages) <= PACKAGES.keys() or (program[0].startswith("-") and not by_name):
        print(USAGE, file=sys.stderr)
        sys.exit(0 if program in (["-h"], ["--help"]) else 2)
    install(*packages)
    children = [str(CHILDREN / package) for package in packages]
    # A process is told the path by its environment, or, where multiprocessing spawns it, has that of its parent.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (*children, os.environ.get("PYTHONPATH"))))
    sys.path[1:1] = children
    sys.argv = arguments[by_name:]
    if by_name:
        sys.path[0] = str(Path.cwd())
        runpy.run_module(program[0], run_name="__main__", alter_sys=True)
        return
    if not Path(program[0]).exists():
        print(f"{program[0]}: there is no such file", file=sys.stderr)
        sys.exit(2)
    sys.path[0] = str(Path(program[0]).resolve().parent)
    runpy.run_path(program[0], run_name="__main__")


if __name__ == "__main__":
    main()
