"""Requests that are sent more than once, to real servers."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import pytest

from tests.client.conftest import Service
from thalweg import AsyncClient, Client
from thalweg.client.portal import Portal
from thalweg.config import HedgePolicy, RetryPolicy
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import (
    ConfigurationError,
    DeadlineExceeded,
    InvalidDocument,
    Overloaded,
    PeerLost,
    Unavailable,
)
from thalweg.testing.leaks import eventually, no_leaks
from thalweg.transport.contract import Server


class Number(BaseDoc):
    n: int


QUICK = RetryPolicy(max_attempts=4, initial_backoff=0.01, max_backoff=0.02)


def test_a_request_is_sent_again_until_it_is_answered(everywhere: str, service: Service):
    service.failures.extend([Unavailable("one"), Overloaded("two")])
    with Client(everywhere) as client:
        out = client.post("/echo", Number(n=3), return_type=Number, max_attempts=3, initial_backoff=0.01)
    assert out.n == 3
    assert len(service.seen) == 3
    assert len({context.request_id for _, context in service.seen}) <= 3


def test_the_last_error_says_how_often_the_request_was_sent(everywhere: str, service: Service):
    service.failures.extend([Unavailable("it is not there")] * 10)
    with Client(everywhere, retry=QUICK) as client:
        with pytest.raises(Unavailable, match="it is not there") as caught:
            client.post("/echo", Number(n=3))
        assert caught.value.attempts == 4
        assert "4 times" in caught.value.__notes__[0]
        assert len(service.seen) == 4
        (answer,) = client.post("/echo", Number(n=3), continue_on_error=True, return_responses=True)
        assert answer.attempts == 4
        with pytest.raises(Unavailable) as caught:
            client.post("/echo", Number(n=3), max_attempts=1)
        assert caught.value.attempts == 1


def test_what_will_not_get_better_is_not_sent_again(everywhere: str, service: Service):
    service.failures.append(InvalidDocument("no"))
    with Client(everywhere, retry=QUICK) as client, pytest.raises(InvalidDocument):
        client.post("/echo", Number(n=3))
    assert len(service.seen) == 1


def test_a_stream_that_has_begun_is_not_asked_for_again(everywhere: str, service: Service):
    with Client(everywhere, retry=QUICK) as client:
        with pytest.raises(PeerLost, match="in the middle"):
            list(client.stream("/break", Number(n=3), return_type=Number))
        assert len(service.seen) == 1
        service.failures.append(Unavailable("before the first item"))
        assert [item.n for item in client.stream("/stream", Number(n=3), return_type=Number)] == [3, 3, 3]
        assert len(service.seen) == 3


def test_a_wait_that_the_server_asks_for_is_kept(everywhere: str, service: Service):
    service.failures.append(Overloaded("later", retry_after=1))
    with Client(everywhere) as client:
        began = monotonic()
        client.post("/echo", Number(n=3), max_attempts=2, initial_backoff=0)
        assert monotonic() - began >= 0.99


def test_the_deadline_is_for_all_attempts(everywhere: str, service: Service):
    service.failures.extend([Unavailable("gone", retry_after=2)] * 10)
    with Client(everywhere) as client:
        with pytest.raises(Unavailable) as caught:
            client.post("/echo", Number(n=3), max_attempts=10, timeout=1.5)
        assert caught.value.attempts == 1
        service.failures.clear()
        service.failures.append(Unavailable("gone"))
        with pytest.raises(DeadlineExceeded):
            client.post("/hold", Number(n=3), max_attempts=10, initial_backoff=0, timeout=0.3)
    remaining = [context.remaining() for _, context in service.seen]
    assert all(left is not None for left in remaining)


async def test_a_server_that_comes_back_is_found(server: Server, service: Service):
    async with AsyncClient(server.address, retry=RetryPolicy(max_attempts=100, initial_backoff=0.05)) as client:
        await client.post("/echo", Number(n=1))
        await asyncio.wrap_future(Portal.shared().submit(server.stop()))
        call = asyncio.ensure_future(client.post("/echo", Number(n=2), return_type=Number))
        await asyncio.sleep(0)
        await asyncio.wrap_future(Portal.shared().submit(server.start()))
        assert (await call).n == 2


async def numbers() -> AsyncIterator[Number]:
    for n in range(50):
        yield Number(n=n)


async def test_each_request_of_a_generator_has_its_own_attempts(server: Server, service: Service):
    service.failures.extend([Unavailable("gone")] * 20)
    async with AsyncClient(server.address, retry=QUICK) as client:
        out = await client.post("/echo", numbers(), request_size=5, max_attempts=30, return_type=DocList[Number])
    assert out.n == list(range(50))
    assert len(service.seen) == 30


def test_a_second_attempt_goes_over_another_connection_and_the_first_is_called_off(everywhere: str, service: Service):
    first = True
    handle = service.handle

    async def handled(request: Any, context: Any) -> AsyncIterator[Any]:
        nonlocal first
        if first:
            first, request.endpoint = False, "/hold"
        async for response in handle(request, context):
            yield response

    service.handle = handled  # type: ignore[method-assign]
    with Client(everywhere) as client:
        assert client.post("/echo", Number(n=3), return_type=Number, hedge_after=0.05).n == 3
        assert len(service.seen) == 2
        Portal.shared().run(eventually(lambda: service.under_way == 0))


def test_a_second_attempt_may_depend_on_how_long_others_took(server: Server, service: Service):
    with Client(server.address, hedge=HedgePolicy(percentile=50, samples=3)) as client:
        for n in range(3):
            client.post("/echo", Number(n=n))
        assert len(service.seen) == 3
        with pytest.raises(DeadlineExceeded):
            client.post("/echo", [Number(n=1)], timeout=1e-9)
        before = len(service.seen)
        client.post("/echo", Number(n=1), hedge_after="p99.9")
        assert len(service.seen) == before + 1


async def test_second_attempts_leave_nothing_behind(server: Server, service: Service):
    async with no_leaks(), AsyncClient(server.address) as client:
        with pytest.raises(DeadlineExceeded):
            await client.post("/hold", Number(n=1), hedge_after=0.01, timeout=0.2)
        await eventually(lambda: service.under_way == 0)
        assert len(service.seen) == 2


def test_policies_that_make_no_sense_are_refused(server: Server):
    with Client(server.address) as client:
        for wrong in (
            {"max_attempts": 0},
            {"initial_backoff": -1},
            {"backoff_multiplier": 0.5},
            {"hedge_after": 0},
            {"hedge_after": "p100"},
            {"hedge_after": "often"},
            {"hedge": {"after": 1}, "hedge_after": 1},
            {"hedge": {}},
            {"retry": 3},
            {"retry": {"max_atempts": 3}},
        ):
            with pytest.raises(ConfigurationError):
                client.post("/echo", Number(n=1), **wrong)  # type: ignore[call-overload]
