"""Measures Thalweg and its peers on this machine and prints one table: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

if __package__ in {None, ""}:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.contestants import CONTESTANTS
from benchmarks.data_layer import MARK
from benchmarks.environments import Environment, EnvironmentFailed, environment
from benchmarks.figures import Figure, cell, headline
from benchmarks.load import LoadFailed, require_wrk
from benchmarks.machine import describe
from benchmarks.measure import Measuring
from benchmarks.plan import Session, sessions
from benchmarks.report import Run, as_json, figure_text, results, summary
from benchmarks.rows import BY_KEY

FOLDER = Path(__file__).resolve().parent
QUICK = ("thalweg", "mosec", "jina", "fastapi")
PACKAGES = {
    "thalweg": ("thalweg", "pydantic", "uvloop", "grpcio", "httptools"),
    "jina": ("jina", "docarray", "pydantic", "fastapi", "uvicorn", "grpcio"),
    "mosec": ("mosec", "msgspec"),
    "litserve": ("litserve", "fastapi", "uvicorn"),
    "bentoml": ("bentoml", "uvicorn"),
    "ray": ("ray", "fastapi", "uvicorn"),
    "fastapi": ("fastapi", "uvicorn", "uvloop", "httptools", "pydantic"),
}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each contestant has its turn (3)")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each figure is measured (4)")
    parser.add_argument("--quick", action="store_true", help="1 round of 1 second, only the peers that have a goal")
    parser.add_argument("--rows", type=_choice(BY_KEY), default=(), help=f"some of: {','.join(BY_KEY)}")
    parser.add_argument(
        "--contestants", type=_choice(CONTESTANTS), default=(), help=f"some of: {','.join(CONTESTANTS)}"
    )
    parser.add_argument(
        "--write", action="store_true", help="write RESULTS.md and results.json also for a part of it all"
    )
    parser.add_argument("--install", action="store_true", help="only make the environments")
    given = parser.parse_args(arguments)
    if given.quick:
        given.rounds, given.seconds = 1, 1.0
        given.contestants = given.contestants or QUICK
    return given


def _choice(names: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        chosen = tuple(text.split(","))
        unknown = [name for name in chosen if name not in names]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose from {', '.join(names)}")
        return chosen

    return read


def _prepare(plan: Sequence[tuple[int, Session]]) -> dict[str, Environment]:
    """The environments that `plan` needs. A peer that cannot be installed is left out, and said so."""
    made: dict[str, Environment] = {}
    for name in dict.fromkeys(CONTESTANTS[session.contestant].environment for _, session in plan):
        try:
            made[name] = environment(name, say)
        except EnvironmentFailed as error:
            if name == "thalweg":
                raise
            say(f"{error}\n{name} is left out.")
    return made


def say(text: str) -> None:
    print(text, flush=True)


def _measure(measuring: Measuring, plan: Sequence[tuple[int, Session]]) -> list[Figure]:
    figures: list[Figure] = []
    begin = time.monotonic()
    for position, (number, session) in enumerate(plan, 1):
        elapsed = time.monotonic() - begin
        place = f"[{position}/{len(plan)} {elapsed // 60:.0f}:{elapsed % 60:02.0f}]"
        for figure in measuring.figures(number, session):
            if figure.fault not in {"", *(one.fault for one in figures)}:
                say(figure.fault)
            figures.append(figure)
            say(f"{place} {_progress(figure)}")
    return figures


def _progress(figure: Figure) -> str:
    row = BY_KEY[figure.row]
    text = headline(figure.fault) or figure_text(cell([figure], figure.row, figure.contestant), row)
    details = "  ".join(f"{name} {value:,.2f}" for name, value in figure.details.items())
    return f"{figure.row:17} {figure.contestant:15} {text}  {details}".rstrip()


def _versions(environments: dict[str, Environment]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, made in environments.items():
        versions = made.versions()
        found[name] = {package: versions[package] for package in PACKAGES[name] if package in versions}
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 where everything was measured, 1 where something was not, 2 where nothing could be, 130 when stopped."""
    given = parse(arguments)
    # Ended from outside, it ends its services first, as with Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    plan = list(sessions(given.rounds, given.rows, given.contestants))
    try:
        require_wrk()
        environments = _prepare(plan)
    except (LoadFailed, EnvironmentFailed) as error:
        print(error, file=sys.stderr)
        return 2
    if given.install:
        return 0
    plan = [
        (number, session) for number, session in plan if CONTESTANTS[session.contestant].environment in environments
    ]
    load = os.getloadavg()[0]
    if load > 0.5:
        say(f"The machine is not quiet (load {load:.1f}): trust the ratios, not the figures.")
    try:
        figures = _measure(Measuring(environments, given.seconds), plan)
    except KeyboardInterrupt:
        print("\nStopped; nothing was written and nothing is left running.", file=sys.stderr)
        return 130
    run = Run(
        command=" ".join(["python -m benchmarks", *(sys.argv[1:] if arguments is None else arguments)]),
        date=datetime.now(UTC).date().isoformat(),
        rounds=given.rounds,
        seconds=given.seconds,
        machine=describe() | {"load before the run": f"{load:.2f}"},
        versions=_versions(environments),
        figures=figures,
    )
    say("\n" + summary(run))
    if given.write or not (given.quick or given.rows or given.contestants):
        documents = (FOLDER / "RESULTS.md").read_text("utf-8").partition(MARK)  # the other program's part stays
        (FOLDER / "RESULTS.md").write_text(results(run) + "".join(documents[1:]))
        (FOLDER / "results.json").write_text(as_json(run))
        say("\nwritten: benchmarks/RESULTS.md, benchmarks/results.json")
    return 1 if any(figure.fault for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
