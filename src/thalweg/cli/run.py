"""`thalweg run`: a whole collection through a Flow."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from thalweg.cli.calling.call import parse_headers, parse_parameters
from thalweg.cli.calling.encryption import encryption, encryption_options
from thalweg.cli.completion import complete_target
from thalweg.cli.failure import EXIT_CODES
from thalweg.cli.output import as_seconds, json_option, print_json

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from thalweg.jobs import BatchJob, Summary
    from thalweg.jobs.job import JobProgress

TELL_SECONDS = 10.0
"""How often a line says how far it is, where there is no terminal to draw on."""


@click.command("run", epilog=EXIT_CODES)
@click.argument("target", shell_complete=complete_target)
@click.option("--on", required=True, metavar="ENDPOINT", help="Where the documents go, such as /encode.")
@click.option("--input", "inputs", required=True, multiple=True, metavar="FILE", help="What to read; may be repeated.")
@click.option("--output", required=True, metavar="FILE", help="What to write; its name says how.")
@click.option("--parameters", default="{}", metavar="JSON", callback=parse_parameters, help="Of the endpoint.")
@click.option("-p", "--parameter", "pairs", multiple=True, metavar="KEY=VALUE", help="One of them; may be repeated.")
@click.option(
    "--header", "headers", multiple=True, metavar="'NAME: VALUE'", callback=parse_headers, help="May be repeated."
)
@click.option("--request-size", default=100, show_default=True, help="Documents that are sent at once.")
@click.option("--prefetch", default=32, show_default=True, help="Requests that are under way at once.")
@click.option("--part-size", default=10_000, show_default=True, help="Documents after which results are written down.")
@click.option("--timeout", type=float, metavar="SECONDS", help="For each request.")
@click.option("--skip-failed", is_flag=True, help="Write documents that fail to a file of errors, and go on.")
@click.option("--restart", is_flag=True, help="Forget what an interrupted run has done.")
@click.option("--overwrite", is_flag=True, help="Replace an output that is there already.")
@encryption_options
@json_option
def run_command(
    target: str, pairs: tuple[str, ...], as_json: bool, restart: bool, overwrite: bool, **given: Any
) -> None:
    """Send a whole collection through a Flow and write what comes of it.

    TARGET is what `thalweg serve` takes, and is started for as long as it is needed; or the address of a service that runs.
    Inputs end with .jsonl, .ndjson, .csv (each also with .gz) or .parquet, the output with .jsonl, .ndjson, .jsonl.gz or
    .parquet. Both may be addresses such as s3://bucket/corpus.parquet.

    \b
    thalweg run flow.yml --on /encode --input corpus.jsonl --output vectors.parquet
    thalweg run grpc://host:50051 --on /encode --input s3://bucket/a.parquet --output b.jsonl.gz

    However a run ends, the same command goes on where it was: every document is in the output once.
    """
    from thalweg.cli.words import OptionShape, value_of_words
    from thalweg.jobs import BatchJob, check_job, run_job

    trust = encryption(*(given.pop(name) for name in ("tls", "ca", "certfile", "keyfile", "no_verify")))
    if pairs:
        given["parameters"] |= value_of_words(pairs, OptionShape.MAPPING, {})
    job = BatchJob(**given)
    check_job(job, restart=restart, overwrite=overwrite)  # before anything is started
    with _service(target) as address, _shown(job, as_json) as tell:
        summary = run_job(job, address, tls=trust, restart=restart, overwrite=overwrite, tell=tell)
    _report(summary, as_json)
    if summary.failed:
        sys.exit(1)


def _service(target: str) -> AbstractContextManager[str]:
    """Where the documents go: the service at that address, or one that is started and runs as long as the block."""
    if "://" in target:
        return nullcontext(target)
    return _started(target)


@contextmanager
def _started(target: str) -> Iterator[str]:
    from thalweg.cli.serve import runnable
    from thalweg.cli.target import find, open_working_directory

    open_working_directory()
    # Its own ports may be taken by the service that it is beside: this one is reached by its private socket.
    with runnable(find(target, {"port": (), "host": "127.0.0.1"})) as running:
        yield running.private_address


@contextmanager
def _shown(job: BatchJob, as_json: bool) -> Iterator[Callable[[JobProgress], None] | None]:
    """Who hears how far it is."""
    if as_json:
        yield None
    elif sys.stderr.isatty():
        with _bar(job) as tell:
            yield tell
    else:
        yield _Lines()


class _Lines:
    """A line now and then."""

    def __init__(self) -> None:
        self._began = self._told = monotonic()
        self._first: int | None = None

    def __call__(self, progress: JobProgress) -> None:
        now = monotonic()
        if self._first is None:
            self._first = progress.read
        if now - self._told < TELL_SECONDS:
            return
        self._told = now
        rate = (progress.read - self._first) / (now - self._began)
        share = f"{progress.done / progress.extent:.0%} of the input, " if progress.extent else ""
        failed = f", {progress.failed} failed" if progress.failed else ""
        print(f"{share}{progress.read} documents{failed}, {rate:.0f}/s", file=sys.stderr, flush=True)


@contextmanager
def _bar(job: BatchJob) -> Iterator[Callable[[JobProgress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[read]} documents{task.fields[failed]}, {task.fields[rate]}/s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    began = monotonic()
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(job.on, total=None, read=0, failed="", rate=0)
        first: list[int] = []

        def tell(progress: Any) -> None:
            if not first:  # what was done before is there at once, and says nothing of how fast it goes
                first.append(progress.read)
                shown.reset(task, total=progress.extent or None, completed=progress.done)
            shown.update(
                task,
                total=progress.extent or None,
                completed=progress.done,
                read=progress.read,
                failed=f", {progress.failed} failed" if progress.failed else "",
                rate=f"{(progress.read - first[0]) / max(1e-9, monotonic() - began):.0f}",
            )

        yield tell


def _report(summary: Summary, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "output": summary.output,
                "read": summary.read,
                "written": summary.written,
                "failed": summary.failed,
                "resumed": summary.resumed,
                "seconds": round(summary.seconds, 3),
                "rate": round(summary.rate, 1),
            }
        )
        return
    took = f"{as_seconds(summary.seconds)}, {summary.rate:.0f}/s"
    print(f"{summary.output}: {summary.written} documents of {summary.read}, {took}")
    if summary.resumed:
        print(f"  {summary.resumed} were done before")
    if summary.failed:
        print(f"  {summary.failed} failed; why stands in {summary.output}.errors.jsonl")
