import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from thalweg.config import GatewayOptions
from thalweg.errors import DeadlineExceeded, ExecutorFailed, PeerLost, ThalwegError, Unavailable
from thalweg.message import Buffer, Context, Request, Response
from thalweg.routing import ReplicaPool, lineup
from thalweg.routing.replica import Replica as At
from thalweg.routing.replica import spoken
from thalweg.testing.leaks import eventually, no_leaks
from thalweg.testing.reply import AwaitedReply
from thalweg.transport import registry
from thalweg.transport.contract import Server, Serving
from thalweg.transport.local import LocalServer


class Replica:
    """Answers with its name once `hold` is set; may raise instead, or break off after a first item."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.address = f"unix://{folder}/{name}"
        self.hold = asyncio.Event()
        self.hold.set()
        self.seen = 0
        self.error: ThalwegError | None = None
        self.first_item = False
        self.ready = True
        self.server: Server | None = None

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.seen += 1
        if self.first_item:
            yield Response((b"first",))
        await self.hold.wait()
        if self.error is not None:
            raise self.error
        yield Response((self.name.encode(),))

    async def start(self) -> None:
        self.server = registry.server(self.address, Serving(self, ready=lambda: self.ready))
        await self.server.start()

    async def stop(self) -> None:
        if self.server is not None:
            await self.server.stop()

    def break_connections(self) -> None:
        """As when its process dies, and comes back at once."""
        assert isinstance(self.server, LocalServer)
        for connection in list(self.server._connections):
            connection.abort()

    async def busy(self, requests: int) -> None:
        await eventually(lambda: self.seen >= requests)


@asynccontextmanager
async def pool(
    folder: Path, *names: str, started: bool = True, **options: Any
) -> AsyncIterator[tuple[ReplicaPool, list[Replica]]]:
    async with no_leaks():
        replicas = [Replica(name, folder) for name in names]
        for replica in replicas:
            if started:
                await replica.start()
        places = [At(replica.address, number=number) for number, replica in enumerate(replicas)]
        made = ReplicaPool("enc", places, GatewayOptions(**options))
        await made.start()
        try:
            if started:
                await all_connected(made, len(names))
            yield made, replicas
        finally:
            await made.close()
            for replica in replicas:
                await replica.stop()


async def all_connected(made: ReplicaPool, replicas: int) -> None:
    await eventually(lambda: made.connections >= replicas)


async def by_handle(made: ReplicaPool, timeout: float | None = None) -> str:
    (response,) = [r async for r in made.handle(Request("/e", (b"{}",)), Context.with_timeout(timeout))]
    return bytes(response.body[0]).decode()


async def by_submit(made: ReplicaPool) -> str:
    answer = AwaitedReply()
    assert made.submit(Request("/e", (b"{}",)), Context(), answer) is not None
    return bytes((await answer.future).body[0]).decode()


BOTH = pytest.mark.parametrize("call", [by_handle, by_submit])


@BOTH
async def test_requests_spread_over_the_replicas(tmp_path: Path, call: Any):
    async with pool(tmp_path, "a", "b") as (made, _):
        assert sorted([await call(made) for _ in range(4)]) == ["a", "a", "b", "b"]


@BOTH
async def test_a_busy_replica_gets_nothing_while_another_is_idle(tmp_path: Path, call: Any):
    async with pool(tmp_path, "a", "b") as (made, (a, b)):
        a.hold.clear()
        b.hold.clear()
        held = asyncio.ensure_future(call(made))
        await eventually(lambda: a.seen + b.seen > 0)
        busy, idle = (a, b) if a.seen else (b, a)
        idle.hold.set()
        assert [await call(made) for _ in range(3)] == [idle.name] * 3
        busy.hold.set()
        assert await held == busy.name


@BOTH
async def test_a_request_whose_replica_goes_away_unanswered_is_repeated_on_another(tmp_path: Path, call: Any):
    async with pool(tmp_path, "a", "b") as (made, (a, b)):
        a.hold.clear()
        b.hold.clear()
        calls = [asyncio.ensure_future(call(made)) for _ in range(2)]
        await a.busy(1)
        await b.busy(1)
        b.hold.set()
        await a.stop()
        assert [await one for one in calls] == ["b", "b"]


@BOTH
async def test_an_only_replica_that_is_lost_and_comes_back_answers_what_it_had_not(tmp_path: Path, call: Any):
    async with pool(tmp_path, "a", retries=1) as (made, (a,)):
        a.hold.clear()
        calls = [asyncio.ensure_future(call(made)) for _ in range(3)]
        await a.busy(3)
        a.hold.set()
        a.break_connections()
        assert [await one for one in calls] == ["a"] * 3


@BOTH
async def test_the_error_of_a_lost_replica_says_which_it_was_and_not_where(tmp_path: Path, call: Any):
    async with pool(tmp_path, "a", "b", retries=0) as (made, (a, b)):
        a.hold.clear()
        b.hold.clear()
        calls = [asyncio.ensure_future(call(made)) for _ in range(2)]
        await a.busy(1)
        await b.busy(1)
        b.break_connections()
        b.hold.set()
        a.hold.set()
        (error,) = [found for found in await asyncio.gather(*calls, return_exceptions=True) if found != "a"]
        assert isinstance(error, PeerLost)
        assert str(error) == "The connection to executor 'enc', replica 1 was lost."
        assert str(tmp_path) not in repr(error)
        assert (error.executor, error.replica) == ("enc", 1)


async def test_on_hold_a_request_waits_for_whoever_comes(tmp_path: Path):
    async with pool(tmp_path, "a", replica_wait=0.01) as (made, (a,)):
        made.hold(True)
        made.settle([])
        held = asyncio.ensure_future(by_handle(made))
        await eventually(lambda: made.asleep and made._waiting == 1)
        assert made.ready
        place = [At(a.address)]
        await made.join(place)
        made.settle(place)
        made.hold(False)
        assert await held == "a"
        assert not made.asleep


async def test_when_nobody_comes_those_on_hold_wait_no_longer(tmp_path: Path):
    async with pool(tmp_path, "a", replica_wait=0.01) as (made, _):
        made.hold(True)
        made.settle([])
        held = asyncio.ensure_future(by_handle(made))
        await eventually(lambda: made._waiting == 1)
        made.hold(False)
        with pytest.raises(Unavailable, match="'enc' could be started"):
            await held
        with pytest.raises(Unavailable, match="'enc' is there"):
            await by_handle(made)


def test_a_replica_of_a_shard_is_called_by_both_numbers():
    assert spoken("enc/2", At("unix:///run/x", shard=2, number=1)) == "executor 'enc', shard 2, replica 1"
    assert spoken("enc/before", At("unix:///run/x")) == "executor 'enc/before', replica 0"


async def test_a_request_with_part_of_its_answer_is_not_repeated(tmp_path: Path):
    async with pool(tmp_path, "a", "b") as (made, replicas):
        for replica in replicas:
            replica.first_item = True
            replica.hold.clear()
        answers = made.handle(Request("/e", (b"{}",)), Context())
        assert (await anext(answers)).body == (b"first",)
        for replica in replicas:
            await replica.stop()
        with pytest.raises(Unavailable) as caught:
            await anext(answers)
        assert caught.value.executor == "enc"
        assert sum(replica.seen for replica in replicas) == 1


async def test_a_conversation_is_not_repeated_once_something_was_said(tmp_path: Path):
    async def said() -> AsyncGenerator[tuple[Buffer, ...], None]:
        yield (b"{}",)
        await asyncio.Event().wait()

    async with pool(tmp_path, "a", "b") as (made, replicas):
        for replica in replicas:
            replica.first_item = True
            replica.hold.clear()
        spoken = said()
        answers = made.handle(Request("/e", inflow=spoken), Context())
        assert (await anext(answers)).body == (b"first",)
        for replica in replicas:
            await replica.stop()
        with pytest.raises(Unavailable):
            await anext(answers)
        assert sum(replica.seen for replica in replicas) == 1
        await spoken.aclose()


async def test_a_conversation_whose_replica_went_away_before_it_heard_anything_goes_on_with_another(tmp_path: Path):
    async def said() -> AsyncGenerator[tuple[Buffer, ...], None]:
        yield (b"{}",)

    async with pool(tmp_path, "a", "b") as (made, (a, _)):
        # between two turns of the loop, so that the pool has not heard of it yet
        assert a.server is not None
        stopping = asyncio.ensure_future(a.stop())
        spoken = said()
        found = [response async for response in made.handle(Request("/e", inflow=spoken), Context())]
        assert bytes(found[-1].body[0]).decode() in ("a", "b")
        await stopping
        await spoken.aclose()


@BOTH
async def test_an_error_of_the_executor_is_not_repeated(tmp_path: Path, call: Any):
    async with pool(tmp_path, "a", "b") as (made, replicas):
        for replica in replicas:
            replica.error = ExecutorFailed("it broke")
        with pytest.raises(ExecutorFailed):
            await call(made)
        assert sum(replica.seen for replica in replicas) == 1


@BOTH
async def test_a_request_is_not_repeated_for_ever(tmp_path: Path, call: Any):
    async with pool(tmp_path, "a", "b", retries=2) as (made, replicas):
        for replica in replicas:
            replica.error = PeerLost("gone")
        with pytest.raises(PeerLost) as caught:
            await call(made)
        assert caught.value.retry_after is not None
        assert sum(replica.seen for replica in replicas) == 3


async def test_a_socket_that_nobody_reads_is_no_replica(tmp_path: Path):
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "a"))
        deaf.listen()
        async with pool(tmp_path, "a", "b", started=False) as (made, (_, b)):
            connection, _ = await asyncio.to_thread(deaf.accept)
            with connection:
                await b.start()
                await all_connected(made, 1)
                assert [await by_handle(made) for _ in range(4)] == ["b"] * 4


async def test_a_request_waits_for_a_replica_to_come(tmp_path: Path):
    async with pool(tmp_path, "a", started=False) as (made, (a,)):
        assert made.submit(Request("/e"), Context(), AwaitedReply()) is None
        call = asyncio.ensure_future(by_handle(made))
        await a.start()
        async with asyncio.timeout(60):
            assert await call == "a"
        assert made.ready


async def test_with_no_replica_for_too_long_the_answer_is_unavailable(tmp_path: Path):
    async with pool(tmp_path, "a", started=False, replica_wait=0.02) as (made, _):
        assert not made.ready
        with pytest.raises(Unavailable, match="'enc'") as caught:
            await by_handle(made)
        assert caught.value.retry_after is not None


async def test_the_deadline_holds_while_waiting_for_a_replica(tmp_path: Path):
    async with pool(tmp_path, "a", started=False, replica_wait=60.0) as (made, _):
        with pytest.raises(DeadlineExceeded):
            await by_handle(made, timeout=0.02)


@BOTH
async def test_a_replica_that_comes_back_at_its_address_is_used_again(tmp_path: Path, call: Any):
    async with pool(tmp_path, "a") as (made, (a,)):
        assert await call(made) == "a"
        await a.stop()
        await eventually(lambda: not made.ready)
        await a.start()
        await all_connected(made, 1)
        assert await call(made) == "a"


async def test_calling_off_gives_the_replica_back(tmp_path: Path):
    async with pool(tmp_path, "a", "b") as (made, (a, b)):
        a.hold.clear()
        b.hold.clear()
        answer = AwaitedReply()
        pending = made.submit(Request("/e", (b"{}",)), Context(), answer)
        assert pending is not None
        pending.cancel()
        pending.cancel()
        call = asyncio.ensure_future(by_handle(made))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        a.hold.set()
        b.hold.set()
        assert sorted([await by_submit(made), await by_submit(made)]) == ["a", "b"]
        assert not answer.future.done()


async def test_one_that_says_it_is_not_ready_gets_nothing_while_another_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lineup, "ASK_SECONDS", 0.01)
    async with pool(tmp_path, "a", "b") as (made, replicas):
        replicas[0].ready = False
        await eventually(lambda: made.connections == 1)
        assert made.ready
        assert {await by_handle(made) for _ in range(10)} == {"b"}
        replicas[1].ready = False
        await eventually(lambda: not made.ready)
        assert {await by_handle(made) for _ in range(10)} == {"a", "b"}  # better than nobody
        replicas[0].ready = True
        await eventually(lambda: made.ready)
        assert {await by_handle(made) for _ in range(10)} == {"a"}


async def test_a_request_that_cannot_even_be_submitted_is_refused_and_not_answered(tmp_path: Path):
    async with pool(tmp_path, "a", retries=0) as (made, _):
        made._seats[0].channel.session.lost()  # type: ignore[attr-defined]  # before the pool's own task may hear of it
        answer = AwaitedReply()
        with pytest.raises(Unavailable) as caught:
            made.submit(Request("/e", (b"{}",)), Context(), answer)
        assert not answer.future.done()
        assert caught.value.executor == "enc"
        assert caught.value.retry_after


async def test_a_submitted_request_never_has_its_answer_before_it_is_submitted(tmp_path: Path):
    async with pool(tmp_path, "a", retries=1, replica_wait=0.0) as (made, _):
        made._seats[0].channel.session.lost()  # type: ignore[attr-defined]
        answer = AwaitedReply()
        assert made.submit(Request("/e", (b"{}",)), Context(), answer) is not None
        assert not answer.future.done()
        with pytest.raises(Unavailable):
            await answer.future


# replicas come and go ---------------------------------------------------------------------------------------------------


def at(*replicas: Replica, weight: float = 1.0, version: int = 0) -> list[At]:
    return [At(replica.address, weight=weight, version=version) for replica in replicas]


async def test_a_replica_that_joins_gets_requests_once_it_is_settled(tmp_path: Path):
    async with pool(tmp_path, "a") as (made, (a,)):
        b = Replica("b", tmp_path)
        await b.start()
        await made.join(at(a, b))
        assert {await by_submit(made) for _ in range(4)} == {"a"}
        made.settle(at(a, b))
        assert {await by_submit(made) for _ in range(4)} == {"a", "b"}
        await b.stop()


@BOTH
async def test_a_replica_that_leaves_finishes_what_it_has_and_gets_nothing_new(tmp_path: Path, call: Any):
    async with pool(tmp_path, "a", "b") as (made, (a, b)):
        a.hold.clear()
        held = [asyncio.ensure_future(call(made)) for _ in range(2)]
        await a.busy(1)
        made.settle(at(b))
        leaving = asyncio.ensure_future(made.vacated())
        assert {await call(made) for _ in range(6)} == {"b"}
        assert a.seen == 1
        assert not leaving.done()
        a.hold.set()
        assert sorted(await asyncio.gather(*held)) == ["a", "b"]
        await leaving
        assert made.replicas == at(b)
        assert isinstance(a.server, LocalServer)
        await eventually(lambda: not a.server._connections)  # type: ignore[union-attr]


async def test_a_stream_from_a_replica_that_leaves_is_read_to_its_end(tmp_path: Path):
    async with pool(tmp_path, "a", "b") as (made, (a, b)):
        a.first_item = b.first_item = True
        a.hold.clear()
        answers = made.handle(Request("/e", (b"{}",)), Context())
        assert bytes((await anext(answers)).body[0]) == b"first"
        made.settle(at(b))
        a.hold.set()
        assert [bytes(answer.body[0]) async for answer in answers] == [b"a"]
        await made.vacated()


async def test_versions_share_by_weight_and_the_weights_may_change(tmp_path: Path):
    async with pool(tmp_path, "a", "b") as (made, (a, b)):
        made.settle(at(a, weight=0.75) + at(b, weight=0.25, version=1))
        assert [await by_submit(made) for _ in range(40)].count("b") == 10
        made.settle(at(a, weight=0.0) + at(b, version=1))
        assert {await by_submit(made) for _ in range(10)} == {"b"}


async def test_joining_waits_until_the_new_replica_says_that_it_is_ready(tmp_path: Path):
    async with pool(tmp_path, "a") as (made, (a,)):
        b = Replica("b", tmp_path)
        b.ready = False
        await b.start()
        joining = asyncio.ensure_future(made.join(at(a, b)))
        await eventually(lambda: len(made._seats) == 2 and made._seats[1].channel.connected)
        assert {await by_submit(made) for _ in range(4)} == {"a"}
        assert not joining.done()
        b.ready = True
        await joining
        await b.stop()


async def test_a_request_waits_where_all_have_left_until_somebody_joins(tmp_path: Path):
    async with pool(tmp_path, "a") as (made, (a,)):
        made.settle([])
        await made.vacated()
        await made.connected()
        waiting = asyncio.ensure_future(by_handle(made))
        await asyncio.sleep(0)
        await made.join(at(a))
        made.settle(at(a))
        assert await waiting == "a"


async def test_the_seat_of_one_that_left_is_taken_by_the_next(tmp_path: Path):
    async with pool(tmp_path, "a", "b") as (made, (a, b)):
        for _ in range(3):
            made.settle(at(b))
            await made.vacated()
            await made.join(at(a, b))
            made.settle(at(a, b))
            assert sorted([await by_submit(made) for _ in range(2)]) == ["a", "b"]
        assert len(made._seats) == 2


async def test_a_pool_that_is_closed_while_somebody_leaves_leaves_nothing_open(tmp_path: Path):
    async with pool(tmp_path, "a", "b", retries=0) as (made, (a, b)):
        a.hold.clear()
        held = [asyncio.ensure_future(by_handle(made)) for _ in range(2)]
        await a.busy(1)
        made.settle(at(b))
        await made.close()
        ended = await asyncio.gather(*held, return_exceptions=True)
        assert any(isinstance(end, PeerLost) for end in ended)


async def test_it_is_told_who_is_ready_and_who_is_not_any_more(tmp_path: Path):
    async with no_leaks():
        a = Replica("a", tmp_path)
        heard: list[bool] = []
        made = ReplicaPool("enc", at(a), GatewayOptions(), tell=lambda _, ready: heard.append(ready))
        await a.start()
        await made.start()
        await made.connected()
        await a.stop()
        await eventually(lambda: heard == [True, False])
        await made.close()
