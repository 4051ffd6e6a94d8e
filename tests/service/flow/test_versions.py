"""One version of a Flow follows another, over real connections to handlers that stand in for workers."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from thalweg.config import GatewayOptions, NodeOptions
from thalweg.graph import Topology
from thalweg.message import Context, EndpointDescription, Request, Response, ServiceDescription
from thalweg.routing.replica import Replica
from thalweg.service.control import Replicas, Report, Shifted, Unshifted, Vacated
from thalweg.service.flow import versions
from thalweg.service.flow.shifting import Shifting
from thalweg.service.role import GatewayContent
from thalweg.testing.leaks import eventually, no_leaks
from thalweg.testing.reply import AwaitedReply
from thalweg.transport import registry
from thalweg.transport.contract import Server, Serving


class Worker:
    """Puts its name behind what it gets, as soon as it may."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.address = f"unix://{folder}/{name}.sock"
        self.hold = asyncio.Event()
        self.hold.set()
        self.seen = 0
        self.ready = True

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.seen += 1
        await self.hold.wait()
        yield Response((b"".join(request.body) + self.name.encode(),), request.content_type)

    def serve(self) -> Server:
        return registry.server(self.address, Serving(self, ready=lambda: self.ready))


class Gateway:
    """A Gateway's own part, and what it reports."""

    def __init__(self, content: GatewayContent, replicas: dict[str, list[Replica]], version: int = 0) -> None:
        self.reports: list[Report] = []
        self.number = 0
        self.shifting = Shifting("flow", content, said(replicas, version), replicas, self.reports.append)
        self.versions = self.shifting.versions

    def order(self, replicas: dict[str, list[Replica]], version: int = 0, content: bytes = b"") -> int:
        self.number += 1
        self.shifting.obey(Replicas(self.number, replicas, said(replicas, version), content))
        return self.number

    async def shift(self, replicas: dict[str, list[Replica]], version: int = 0) -> None:
        number = self.order(replicas, version)
        await eventually(lambda: Shifted(number) in self.reports)

    async def ask(self) -> str:
        answers = [bytes(a.body[0]) async for a in self.versions.handle(Request("/do", (b"-",)), Context())]
        return answers[0].decode()

    def submit(self) -> "asyncio.Future[Response]":
        reply = AwaitedReply()
        assert self.versions.submit(Request("/do", (b"-",)), Context(), reply) is not None
        return reply.future


def said(replicas: dict[str, list[Replica]], version: int) -> dict[str, ServiceDescription]:
    """What Executors of that version say of themselves."""
    return {
        name: ServiceDescription(name, (EndpointDescription("/do", description=f"{version}"),)) for name in replicas
    }


def at(**workers: Worker) -> dict[str, list[Replica]]:
    return {name: [Replica(worker.address)] for name, worker in workers.items()}


@asynccontextmanager
async def gateway(folder: Path, *names: str) -> AsyncIterator[tuple[Gateway, dict[str, Worker]]]:
    """One with a chain of `one` and `two`, and workers of these names, of which the first two begin."""
    async with no_leaks():
        workers = {name: Worker(folder, name) for name in names}
        servers = [worker.serve() for worker in workers.values()]
        for server in servers:
            await server.start()
        topology = Topology.of((NodeOptions(name="one", uses="a:B"), NodeOptions(name="two", uses="a:B")))
        made = Gateway(GatewayContent(topology, GatewayOptions()), at(one=workers[names[0]], two=workers[names[1]]))
        await made.versions.start()
        try:
            yield made, workers
        finally:
            await made.shifting.close()
            await made.versions.close()
            for server in servers:
                await server.stop()


async def test_other_replicas_take_over_in_the_pools_that_there_are(tmp_path: Path):
    async with gateway(tmp_path, "a", "b", "c") as (made, workers):
        assert await made.ask() == "-ab"
        pools = dict(made.versions._current.pools)
        await made.shift(at(one=workers["c"], two=workers["b"]))
        assert await made.ask() == "-cb"
        assert made.versions._current.pools == pools
        await eventually(lambda: Vacated(made.number) in made.reports)


@pytest.mark.parametrize("submitted", [False, True])
async def test_a_request_goes_on_with_the_version_that_it_began_with(tmp_path: Path, submitted: bool):
    async with gateway(tmp_path, "a", "b", "c", "d") as (made, workers):
        workers["a"].hold.clear()
        asked = made.submit() if submitted else asyncio.ensure_future(made.ask())
        await eventually(lambda: workers["a"].seen == 1)
        await made.shift(at(one=workers["c"], two=workers["d"]), version=1)
        assert await made.ask() == "-cd"
        assert Vacated(made.number) not in made.reports
        workers["a"].hold.set()
        found = await asked
        assert (bytes(found.body[0]).decode() if isinstance(found, Response) else found) == "-ab"
        await eventually(lambda: Vacated(made.number) in made.reports)
        assert made.versions.description.endpoints[0].description == "1"


async def test_a_request_that_is_called_off_keeps_no_version_alive(tmp_path: Path):
    async with gateway(tmp_path, "a", "b", "c", "d") as (made, workers):
        workers["a"].hold.clear()
        reply = AwaitedReply()
        pending = made.versions.submit(Request("/do", (b"-",)), Context(), reply)
        assert pending is not None
        await eventually(lambda: workers["a"].seen == 1)
        await made.shift(at(one=workers["c"], two=workers["d"]), version=1)
        pending.cancel()
        await eventually(lambda: Vacated(made.number) in made.reports)


@pytest.mark.parametrize("version", [0, 1])
async def test_replicas_that_are_not_ready_in_time_get_nothing(
    tmp_path: Path, version: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(versions, "READY_SECONDS", 0.05)
    async with gateway(tmp_path, "a", "b", "c") as (made, workers):
        workers["c"].ready = False
        made.order(at(one=workers["c"], two=workers["b"]), version)
        await eventually(lambda: any(isinstance(report, Unshifted) for report in made.reports))
        assert await made.ask() == "-ab"
        assert workers["c"].seen == 0
        await made.versions.vacated()


async def test_a_later_order_takes_the_place_of_one_that_waits(tmp_path: Path):
    async with gateway(tmp_path, "a", "b", "c") as (made, workers):
        workers["c"].ready = False
        first = made.order(at(one=workers["c"], two=workers["b"]), version=1)
        await asyncio.sleep(0.02)
        await made.shift(at(one=workers["a"], two=workers["b"]))
        assert await made.ask() == "-ab"
        assert Shifted(first) not in made.reports


async def test_nobody_is_asked_any_more_who_has_left(tmp_path: Path):
    async with gateway(tmp_path, "a", "b", "c", "d") as (made, workers):
        await made.shift(at(one=workers["c"], two=workers["d"]), version=1)
        await eventually(lambda: Vacated(made.number) in made.reports)
        before = workers["a"].seen
        for _ in range(5):
            assert await made.ask() == "-cd"
        assert workers["a"].seen == before
