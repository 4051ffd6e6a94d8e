"""The table, as text for a terminal, as RESULTS.md, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median

from benchmarks.contestants import CONTESTANTS
from benchmarks.figures import Cell, Comparison, Figure, cell, comparisons, contestants, headline
from benchmarks.rows import ROWS, Row

HEAD = ("work", "Thalweg", "against", "its figure", "ratio", "goal", "reached")


@dataclass(frozen=True)
class Run:
    """One run of the benchmark, with all that a reader needs to judge and repeat it."""

    command: str
    date: str
    rounds: int
    seconds: float
    machine: Mapping[str, str]
    versions: Mapping[str, Mapping[str, str]]
    """For each environment the versions of what matters in it."""
    figures: Sequence[Figure]


def number(value: float, row: Row) -> str:
    """`value` as the row's digits want it."""
    return "-" if math.isnan(value) else f"{value:,.{row.digits}f}"


def figure_text(found: Cell | None, row: Row) -> str:
    """Median and range, with the unit."""
    if found is None:
        return "not measured"
    if not found.count:
        return "no valid figure"
    spread = f" ({number(found.least, row)} - {number(found.most, row)})" if found.count > 1 else ""
    return f"{number(found.middle, row)}{spread} {row.unit}"


def ratio_text(ratio: float | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}"


def reached_text(reached: bool | None) -> str:
    return {True: "yes", False: "NO", None: ""}[reached]


def lines(found: Sequence[Comparison]) -> list[tuple[str, ...]]:
    """The table of ratios, one tuple a line."""
    table: list[tuple[str, ...]] = []
    title = ""
    for one in found:
        first, title = one.row.title != title, one.row.title
        table.append(
            (
                title if first else "",
                figure_text(one.ours, one.row) if first else "",
                one.peer.contestant,
                figure_text(one.peer, one.row),
                ratio_text(one.ratio),
                one.row.goal(one.peer.contestant),
                reached_text(one.reached),
            )
        )
    return table


def as_text(head: Sequence[str], table: Sequence[Sequence[str]]) -> str:
    """Columns side by side for a terminal."""
    widths = [max(len(line[i]) for line in (head, *table)) for i in range(len(head))]
    ruled = [head, ["-" * width for width in widths], *table]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in ruled
    )


def as_markdown(head: Sequence[str], table: Sequence[Sequence[str]]) -> str:
    body = [head, ["---"] * len(head), *table]
    return "\n".join("| " + " | ".join(line) + " |" for line in body)


def every_figure(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """One line for each row and contestant: all that was seen, faults included."""
    return [_seen(figures, row, name) for row in ROWS for name in contestants(figures, row.key)]


def _seen(figures: Sequence[Figure], row: Row, name: str) -> tuple[str, ...]:
    found = cell(figures, row.key, name)
    if found is None:
        raise ValueError(f"{name} has no figure in row {row.key}")
    own = [one for one in figures if one.row == row.key and one.contestant == name]
    return (
        row.key,
        name,
        row.unit,
        number(found.middle, row),
        number(found.least, row),
        number(found.most, row),
        _detail(own, "p50_ms", 2),
        _detail(own, "p99_ms", 2),
        _detail(own, "cpu_us", 0),
        f"{found.count} of {len(own)}",
    )


def _detail(figures: Sequence[Figure], name: str, digits: int) -> str:
    values = [one.details[name] for one in figures if name in one.details and not one.fault]
    return f"{median(values):,.{digits}f}" if values else ""


def faults(figures: Sequence[Figure]) -> list[str]:
    """What went wrong, one line each; such figures are in no median."""
    return [
        f"{one.row}, {one.contestant}, round {one.round + 1}: {headline(one.fault)}" for one in figures if one.fault
    ]


def summary(run: Run) -> str:
    """What the terminal shows at the end."""
    text = as_text(HEAD, lines(comparisons(run.figures)))
    found = faults(run.figures)
    return "\n".join([text, *(["", "Not counted:", *found] if found else [])])


def results(run: Run) -> str:
    """The text of RESULTS.md."""
    measured = dict.fromkeys(one.contestant for one in run.figures)
    settings = [(name, _version(run, name), CONTESTANTS[name].settings) for name in CONTESTANTS if name in measured]
    seen = ("row", "contestant", "unit", "median", "least", "most", "p50 ms", "p99 ms", "server CPU us", "valid rounds")
    parts = [
        "# Results",
        f"Measured on {run.date} with `{run.command}`. Every figure is the median of {run.rounds} rounds, least and most "
        "beside it. A ratio is Thalweg's median divided by the other's, from the same run.",
        as_markdown(HEAD, lines(comparisons(run.figures))),
        "## The machine",
        "\n".join(f"- {name}: {value}" for name, value in run.machine.items()),
        "## Who was measured",
        as_markdown(("contestant", "versions", "settings"), settings),
        "## How",
        METHOD.format(seconds=run.seconds),
        "## Every figure",
        "`server CPU us` is the processor time of all of the contestant's processes together, per request or document.",
        as_markdown(seen, every_figure(run.figures)),
    ]
    found = faults(run.figures)
    if found:
        parts += ["## Not counted", "\n".join(f"- {line}" for line in found)]
    return "\n\n".join(parts) + "\n"


def _version(run: Run, name: str) -> str:
    versions = run.versions.get(CONTESTANTS[name].environment, {})
    return ", ".join(f"{package} {version}" for package, version in versions.items())


def as_json(run: Run) -> str:
    """All of `run`; of a fault its headline, as the rest of it may name folders of this machine."""
    figures = [replace(one, fault=headline(one.fault), details=dict(one.details)) for one in run.figures]
    return json.dumps(asdict(replace(run, figures=figures)), indent=1) + "\n"


METHOD = """\
- Each contestant has a virtual environment of its own. One runs at a time; in every round all have their turn, each
  time in another order.
- The document is `{{"id": 32 hexadecimal digits, "text": 78 characters}}`; the first Executor answers it with its text in
  capitals, the second one adds an exclamation mark. Thalweg and Jina take it in `{{"data": [...]}}`, the others bare.
- A service has to give the right answer before and after each run of wrk. One failed request makes a figure invalid.
- HTTP: one second of warm-up, then {seconds:g} s of `wrk` with one thread, on the same machine: it takes its share of the
  processor from everybody.
- gRPC: each framework's own Python client posts about one second's worth of documents at a time, until {seconds:g} s are
  over; each document that comes back is checked. The client's own time is part of the figure.
- Start: from the `with` statement to ready, in a process that has already imported the framework; imports: a fresh
  interpreter each time, byte code compiled.
- Memory: what the kernel says of the process that runs the Executor (it tells its process id through an endpoint),
  after two requests and before any load.
- Access logs and telemetry are off everywhere."""
