"""Shards whose workers listen at sockets in this very process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.service.shards.executors import Sleeper
from thalweg.config import GatewayOptions, NodeOptions
from thalweg.docs import DocList
from thalweg.docs.codecs.content import decode_content, encode_content
from thalweg.executor.source import ExecutorSource
from thalweg.graph.parts import AFTER, BEFORE
from thalweg.message import JSON, Context, Request, Response
from thalweg.routing.replica import Replica
from thalweg.service.shards.division import Division
from thalweg.service.shards.pools import pools
from thalweg.service.shards.shards import Shards
from thalweg.service.worker.worker import Worker
from thalweg.testing.leaks import no_leaks
from thalweg.testing.reply import AwaitedReply
from thalweg.transport import registry
from thalweg.transport.contract import Server, Serving


class House:
    """The shards of one Executor, called `e`, and what they stand on."""

    def __init__(self, folder: Path, options: NodeOptions) -> None:
        self._folder = folder
        self._options = options
        self.workers: dict[str, Worker] = {}
        self._servers: dict[str, Server] = {}
        self.shards: Shards

    async def open(self) -> None:
        options, descriptions, replicas = self._options, {}, {}
        for shard in range(options.shards):
            await self.add("e", options.uses, options, shard)
            replicas.setdefault("e", []).append(Replica(self._address("e", shard), shard))
        for part, uses in ((BEFORE, options.uses_before), (AFTER, options.uses_after)):
            if uses is not None:
                await self.add("e" + part, uses, NodeOptions(name="e" + part), 0)
                replicas["e" + part] = [Replica(self._address("e" + part, 0))]
        for title, worker in self.workers.items():
            descriptions[title.rpartition("/")[0]] = worker.description
        quick = GatewayOptions(replica_wait=0.2, retries=0)
        self._pools = pools(descriptions, replicas, quick, {}, {"e": Division.of(options)})
        found = self._pools["e"]
        assert isinstance(found, Shards)
        self.shards = found
        for pool in self._pools.values():
            await pool.start()
            await pool.connected()

    async def add(self, name: str, uses: Any, options: NodeOptions, shard: int) -> None:
        title = f"{name}/{shard}"
        worker = Worker(ExecutorSource(uses), options, shard=shard)
        await worker.start()
        server = registry.server(self._address(name, shard), Serving(worker, ready=lambda: worker.ready))
        await server.start()
        self.workers[title], self._servers[title] = worker, server

    async def lose(self, shard: int) -> None:
        """The only replica of a shard goes away."""
        await self._servers[f"e/{shard}"].stop()

    def executor(self, shard: int) -> Any:
        return self.workers[f"e/{shard}"].executor

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.close()
        for server in self._servers.values():
            await server.stop()
        for worker in self.workers.values():
            await worker.close()

    def _address(self, name: str, shard: int) -> str:
        return f"unix://{self._folder}/{name.replace('/', '-')}-{shard}"

    async def post(
        self, path: str, docs: Any = (), parameters: dict[str, Any] | None = None, timeout: float | None = None
    ) -> tuple[list[Any], Response]:
        """The documents of the answer, and the answer."""
        body, beside = encode_content(JSON, DocList(docs), parameters or {})
        return await self.send(Request(path, body, JSON, parameters=beside), timeout)

    async def send(self, request: Request, timeout: float | None = None) -> tuple[list[Any], Response]:
        answer = AwaitedReply()
        pending = self.shards.submit(request, Context.with_timeout(timeout), answer)
        assert pending is not None
        response = await answer.future
        documents, parameters = decode_content(response.content_type, response.body, None)
        response.parameters = {**response.parameters, **parameters}
        return list(documents), response


@pytest.fixture(scope="session", autouse=True)
def _loop_of_coroutines() -> None:
    """What runs coroutines of user code is made once in a process, and stays: so it is no leak of the first test."""

    async def work() -> None:
        worker = Worker(ExecutorSource(Sleeper), NodeOptions(name="e"))
        await worker.start()
        request = Request("/one", (b'{"data":[{}]}',), JSON)
        assert [answer async for answer in worker.handle(request, Context())]
        await worker.close()

    asyncio.run(work())


Sharded = Callable[..., AbstractAsyncContextManager[House]]


@pytest.fixture
def sharded(tmp_path: Path) -> Sharded:
    """Opens shards of an Executor: `async with sharded(uses=Index, shards=3) as house`."""

    @asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[House]:
        async with no_leaks():
            house = House(tmp_path, NodeOptions(name="e", **options))
            await house.open()
            try:
                yield house
            finally:
                await house.close()

    return opened
