"""`thalweg bench`: how much an endpoint does, and how long its callers wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from thalweg.cli.calling.call import parse_headers, parse_parameters
from thalweg.cli.calling.encryption import checked_address
from thalweg.cli.output import json_option, print_json

if TYPE_CHECKING:
    from thalweg.cli.load.drivers import Driver
    from thalweg.cli.load.result import Result

FILE = click.Path(dir_okay=False, path_type=Path)
FOUND = click.Path(exists=True, dir_okay=False, path_type=Path)
POSITIVE = click.FloatRange(min=0, min_open=True)
MOST_SELECTED = 900
"""Connections that `select` can watch; it alone wakes to the microsecond, where other loops round to milliseconds."""


@dataclass(frozen=True)
class Trial:
    """What the command line asks for."""

    address: str
    endpoint: str
    data: Path | None
    concurrency: int
    rate: float | None
    poisson: bool
    seconds: float
    requests: int | None
    warm_up: float
    batch: int
    parameters: Mapping[str, Any]
    headers: Mapping[str, str]
    seed: int

    @property
    def load(self) -> str:
        """In words."""
        if self.rate is None:
            return f"{self.concurrency} under way"
        return f"{self.rate:g}/s at {'random' if self.poisson else 'even'} times"


@click.command("bench")
@click.argument("address", callback=checked_address)
@click.argument("endpoint")
@click.option("--data", type=FOUND, help="Documents: JSON or JSON lines. Without it they are made up.")
@click.option("-c", "--concurrency", type=click.IntRange(min=1), default=16, help="Requests under way; 16 by default.")
@click.option("-r", "--rate", type=POSITIVE, metavar="N", help="Send N requests a second, whether answers come or not.")
@click.option("--poisson", is_flag=True, help="With --rate: at random times, as many callers do.")
@click.option("-s", "--seconds", type=POSITIVE, default=10.0, help="How long to measure; 10 by default.")
@click.option("-n", "--requests", type=click.IntRange(min=1), help="Measure so many requests instead.")
@click.option("--warm-up", type=click.FloatRange(min=0), default=1.0, help="Seconds before that; 1 by default.")
@click.option("--batch", type=click.IntRange(min=1), default=1, help="Documents in each request; 1 by default.")
@click.option("--parameters", default="{}", metavar="JSON", callback=parse_parameters, help="Of the endpoint.")
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", callback=parse_headers)
@click.option("--seed", type=int, default=0, help="Of what is made up.")
@click.option("--save", type=FILE, help="Keep the result in a file, to compare with.")
@click.option("--compare", type=FOUND, help="An earlier result, to be shown beside this one.")
@click.option("--svg", type=FILE, help="Write a chart of the percentiles.")
@json_option
def bench_command(save: Path | None, compare: Path | None, svg: Path | None, as_json: bool, **given: Any) -> None:
    """Put an endpoint under load and measure rate and latency.

    ADDRESS is http://, grpc://, ws://host:port or unix:///path, ENDPOINT a path such as /encode. Without --data, documents
    are made up after what the service says that it takes.

    Without --rate so many requests are under way as --concurrency says: how much can it do? With --rate they are sent
    at that rate: how long do callers wait? Their latency begins when they should have been sent, so that a stall counts
    for everybody who would have met it.

    \b
    thalweg bench http://localhost:8080 /encode
    thalweg bench grpc://localhost:50051 /search --rate 200 --seconds 30 --save before.json
    thalweg bench grpc://localhost:50051 /search --rate 200 --seconds 30 --compare before.json --svg bench.svg
    """
    from thalweg.cli.failure import SERVER
    from thalweg.cli.graph import write_out
    from thalweg.cli.load.chart import chart
    from thalweg.cli.load.result import Result, report

    trial = Trial(**given)
    if trial.poisson and trial.rate is None:
        raise click.UsageError("--poisson says when to send at a rate: give --rate too.")
    if not trial.endpoint.startswith("/"):
        raise click.BadParameter(
            f"An endpoint begins with '/': did you mean '/{trial.endpoint}'?", param_hint="'ENDPOINT'"
        )
    before = None if compare is None else Result.read(compare)
    result = _measured(trial)
    if save is not None:
        import json

        write_out(json.dumps(result.to_plain()), save)
    if svg is not None:
        write_out(chart(result, before), svg)
    if as_json:
        print_json(result.to_plain())
    else:
        click.echo("\n".join(report(result, before)))
    if not result.answered:
        raise SystemExit(SERVER)


def _measured(trial: Trial) -> Result:
    import asyncio
    import selectors

    def precise() -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop(selectors.SelectSelector())

    def fast() -> asyncio.AbstractEventLoop:
        import uvloop

        return uvloop.new_event_loop()

    open_loop = trial.rate is not None and trial.concurrency <= MOST_SELECTED
    with asyncio.Runner(loop_factory=precise if open_loop else fast) as runner:
        return runner.run(_run(trial))


async def _run(trial: Trial) -> Result:
    import gc
    import json
    from time import process_time

    from thalweg.cli.load.loops import ClosedLoop, OpenLoop
    from thalweg.cli.load.result import Result
    from thalweg.cli.load.source import made_up, read_documents

    if trial.data is not None:
        documents = read_documents(trial.data)
        lists = [documents[start : start + trial.batch] for start in range(0, len(documents), trial.batch)]
    else:
        lists = await made_up(trial.address, trial.endpoint, trial.batch, trial.seed)
    bodies = [json.dumps({"data": one, "parameters": trial.parameters}).encode() for one in lists]
    driver = _driver(trial, bodies)
    await driver.open()
    try:
        loop = (
            ClosedLoop(driver, trial.concurrency)
            if trial.rate is None
            else OpenLoop(driver, trial.rate, trial.poisson, trial.seed)
        )
        if trial.warm_up:
            await loop.run(trial.warm_up)
        gc.freeze()  # looking through all that is loaded would be measured as stalls of the service
        began = process_time()
        outcomes = await loop.run(trial.seconds, trial.requests)
        processor = process_time() - began
    finally:
        gc.unfreeze()
        await driver.close()
    spent = max(outcomes.end - outcomes.begin, 1e-9)
    return Result(
        target=f"{trial.address}{trial.endpoint}",
        load=trial.load,
        documents=trial.batch,
        seconds=spent,
        latency=outcomes.latency,
        service=outcomes.service,
        failures=dict(outcomes.failures),
        per_second=[outcomes.per_second[second] for second in range(int(spent) + 1)],
        processor=processor,
    )


def _driver(trial: Trial, bodies: list[bytes]) -> Driver:
    from thalweg.cli.load.drivers import ChannelDriver, HttpDriver

    if trial.address.startswith(("http://", "https://")):
        return HttpDriver(trial.address, trial.endpoint, bodies, trial.headers, trial.concurrency)
    return ChannelDriver(trial.address, trial.endpoint, bodies, trial.headers)
