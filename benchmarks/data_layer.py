"""Measures documents against DocArray's in the same run and prints one table: `python -m benchmarks.data_layer`.

The table also goes to the end of RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.environments import Environment, environment
from benchmarks.machine import describe
from benchmarks.report import as_markdown, as_text, ratio_text
from benchmarks.sections import write_section

FOLDER = Path(__file__).resolve().parent
PROGRAM = FOLDER / "clients" / "data_layer.py"
MARK = "\n## Documents\n"
"""Where the part of RESULTS.md begins that this program writes."""

HEAD = ("10,000 documents of a text and NdArray[128]", "Thalweg", "against", "its figure", "ratio", "goal", "reached")


@dataclass(frozen=True)
class Line:
    """One comparison. `ratio` above one means that Thalweg is better by so many times, unless `least` is set: then it is
    Thalweg's figure divided by the other's, and `goal` the most that it may be."""

    title: str
    ours: str
    peer: str
    theirs: str
    unit: str
    goal: float | None
    least: bool = False
    digits: int = 2

    def ratio(self, ours: float, theirs: float) -> float:
        return ours / theirs if self.least else theirs / ours

    def goal_text(self) -> str:
        return "" if self.goal is None else f"{'<=' if self.least else '>='} {self.goal:g}"

    def reached(self, ratio: float) -> str:
        if self.goal is None:
            return ""
        return "yes" if (ratio <= self.goal if self.least else ratio >= self.goal) else "NO"


DOCARRAY, NUMPY, OURSELVES = "docarray", "NumPy", "thalweg"
MICRO = "us/document"
LINES = (
    Line("construct", "construct", DOCARRAY, "construct", MICRO, 4),
    Line("JSON, encode", "json-encode", DOCARRAY, "json-encode", MICRO, 8),
    Line("JSON, decode (with the extra `simdjson`)", "json-decode", DOCARRAY, "json-decode", MICRO, 4),
    Line("JSON, decode, without that extra", "json-decode-without", DOCARRAY, "json-decode", MICRO, None),
    Line("DocArray's protobuf, encode", "protobuf-encode", DOCARRAY, "protobuf-encode", MICRO, 5),
    Line("DocArray's protobuf, decode", "protobuf-decode", DOCARRAY, "protobuf-decode", MICRO, 30),
    Line("columns against protobuf, encode", "columns-encode", DOCARRAY, "protobuf-encode", MICRO, 25),
    Line("columns against protobuf, decode to a DocList", "columns-decode", DOCARRAY, "protobuf-decode", MICRO, 50),
    Line("columns against protobuf, decode to a DocVec", "columns-decode-vec", DOCARRAY, "protobuf-decode", MICRO, 200),
    Line("columns, decode 1,000,000", "columns-decode-1000000", OURSELVES, "columns-decode-10000", MICRO, 1.5, True),
    Line("protobuf, decode 1,000,000", "protobuf-decode-1000000", OURSELVES, "protobuf-decode-10000", MICRO, 1.5, True),
    Line("find in a DocList of 100,000, again", "find-list", NUMPY, "find-bare", "ms", 1.1, True),
    Line("find in a DocVec of 100,000, again", "find-vec", NUMPY, "find-bare", "ms", 1.1, True),
    Line("the same by cosine", "find-cosine", NUMPY, "find-bare", "ms", None, True),
    Line("memory of a small document in a DocList", "memory-list", DOCARRAY, "memory-list", "bytes", 0.7, True, 0),
    Line("memory of a small document in a DocVec", "memory-vec", DOCARRAY, "memory-list", "bytes", 0.2, True, 0),
    Line("`import thalweg.docs` against `import docarray`", "import", DOCARRAY, "import", "s", 0.3, True, 3),
    Line(
        "the same and first use: `from ... import BaseDoc`", "import-name", DOCARRAY, "import-name", "s", None, True, 3
    ),
)

IMPORTS = {
    "thalweg": {"import": "import thalweg.docs", "import-name": "from thalweg.docs import BaseDoc"},
    "docarray": {"import": "import docarray", "import-name": "from docarray import BaseDoc"},
}


def measure(place: Environment) -> dict[str, float]:
    """The figures of one library, once. Imports are processor time of a fresh interpreter, byte code compiled."""
    found: dict[str, float] = json.loads(_output(place, [str(PROGRAM), place.name]))
    for key, statement in IMPORTS[place.name].items():
        script = f"import time; t = time.process_time(); {statement}; print(time.process_time() - t)"
        found[key] = min(float(_output(place, ["-c", script])) for _ in range(5))
    return found


def _output(place: Environment, arguments: list[str]) -> str:
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [place.python, "-W", "ignore", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=place.folder, env=settings).stdout


def table(figures: Mapping[str, Mapping[str, Sequence[float]]]) -> list[tuple[str, ...]]:
    """`figures`: library -> key -> one figure a round. The ratio is that of the medians."""
    lines = []
    for line in LINES:
        ours = figures["thalweg"][line.ours]
        theirs = figures["docarray" if line.peer == DOCARRAY else "thalweg"][line.theirs]
        ratio = line.ratio(median(ours), median(theirs))
        texts = [f"{_spread(found, line.digits)} {line.unit}" for found in (ours, theirs)]
        lines.append(
            (line.title, texts[0], line.peer, texts[1], ratio_text(ratio), line.goal_text(), line.reached(ratio))
        )
    return lines


def _spread(found: Sequence[float], digits: int) -> str:
    middle, low, high = (f"{value:,.{digits}f}" for value in (median(found), min(found), max(found)))
    return middle if low == high else f"{middle} ({low} - {high})"


def part(lines: Sequence[Sequence[str]], rounds: int, versions: str, load: float) -> str:
    """What RESULTS.md says."""
    machine = describe()
    return "\n".join(
        [
            MARK,
            f"Measured on {datetime.now(UTC):%Y-%m-%d} with `python -m benchmarks.data_layer`: {versions}; "
            f"{machine['processor']}, {machine['cores']} cores, load before the run {load:.2f}. Each figure is the median "
            f"of {rounds} rounds in which both take turns, least and most beside it; times are processor time, the least "
            "of several calls a round. Where a hundred times as many are decoded, the ratio is that of one document's cost.",
            "",
            as_markdown(HEAD, lines),
            "",
        ]
    )


def write(text: str, file: Path = FOLDER / "RESULTS.md") -> None:
    """Put `text` in place of the part that an earlier run wrote."""
    write_section(MARK.strip(), text, file)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    places = [environment(name) for name in ("docarray", "thalweg")]
    figures: dict[str, dict[str, list[float]]] = {place.name: {} for place in places}
    for turn in range(options.rounds):
        for place in places if turn % 2 == 0 else reversed(places):
            started = time.monotonic()
            for key, value in measure(place).items():
                figures[place.name].setdefault(key, []).append(value)
            print(f"round {turn + 1}, {place.name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    lines = table(figures)
    print(as_text(HEAD, lines))
    if not options.no_write:
        versions = ", ".join(_versions(place) for place in reversed(places))
        write(part(lines, options.rounds, versions, load))
    return 0


def _versions(place: Environment) -> str:
    wanted = {
        "thalweg": ("thalweg", "pydantic", "numpy", "orjson", "pysimdjson"),
        "docarray": ("docarray", "pydantic", "numpy"),
    }
    found = place.versions()
    return " ".join(f"{name} {found[name]}" for name in wanted[place.name])


if __name__ == "__main__":
    sys.exit(main())
