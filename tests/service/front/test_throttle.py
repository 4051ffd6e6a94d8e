"""The handler that lets in as many requests as are answered in time."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from thalweg.config import AdaptiveConcurrency, Limits
from thalweg.errors import DeadlineExceeded, ExecutorFailed, InvalidDocument, Overloaded, ThalwegError
from thalweg.message import Context, Pending, Reply, Request, Response
from thalweg.service.front.adaptive import AdaptiveLimit
from thalweg.service.front.throttle import Throttle, throttled
from thalweg.testing import VirtualClock


class Service:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.cancelled = 0

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        if request.endpoint == "/stream":
            return None
        if request.endpoint == "/wrong":
            raise InvalidDocument("wrong")
        self.replies.append(reply)
        return self

    def cancel(self) -> None:
        self.cancelled += 1

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response()
        yield Response()


class Nobody:
    def answer(self, response: Response) -> None: ...

    def fail(self, error: ThalwegError) -> None: ...


def made(initial: int = 2) -> tuple[Throttle, Service, AdaptiveLimit, VirtualClock]:
    clock = VirtualClock()
    service = Service()
    limit = AdaptiveLimit(AdaptiveConcurrency(latency=0.1, initial=initial), 100, clock())
    return Throttle(service, limit, clock), service, limit, clock


def test_without_the_option_nothing_stands_between() -> None:
    service = Service()
    assert throttled(service, Limits()) is service
    assert throttled(service, Limits(adaptive_concurrency={"latency": 1.0})) is not service


def test_past_the_limit_requests_are_refused() -> None:
    throttle, service, _, _ = made()
    for _ in range(2):
        assert throttle.submit(Request("/x"), Context(), Nobody()) is not None
    with pytest.raises(Overloaded, match="2 requests are under way") as refused:
        throttle.submit(Request("/x"), Context(), Nobody())
    assert refused.value.retry_after is not None
    service.replies[0].answer(Response())
    assert throttle.submit(Request("/x"), Context(), Nobody()) is not None


def test_whatever_the_end_a_request_is_counted_out() -> None:
    throttle, service, _, _ = made()
    for end in ("answer", "fail", "cancel"):
        pending = throttle.submit(Request("/x"), Context(), Nobody())
        assert pending is not None
        assert throttle.inflight == 1
        if end == "answer":
            service.replies.pop().answer(Response())
        elif end == "fail":
            service.replies.pop().fail(ExecutorFailed("no"))
        pending.cancel()
        pending.cancel()
        assert throttle.inflight == 0
    assert service.cancelled == 1
    with pytest.raises(InvalidDocument):
        throttle.submit(Request("/wrong"), Context(), Nobody())
    assert throttle.submit(Request("/stream"), Context(), Nobody()) is None
    assert throttle.inflight == 0


@pytest.mark.parametrize("error", [DeadlineExceeded("late"), Overloaded("full")])
def test_what_says_that_there_is_too_much_lowers_the_limit(error: ThalwegError) -> None:
    throttle, service, limit, clock = made(initial=50)
    for _ in range(100):
        clock.advance(0.01)
        throttle.submit(Request("/x"), Context(), Nobody())
        service.replies.pop().fail(error)
    assert limit.limit < 50


async def test_a_stream_counts_until_its_end_and_by_its_first_item() -> None:
    throttle, _, limit, clock = made()
    async with aclosing(throttle.handle(Request("/stream"), Context())) as answers:
        await anext(answers)
        clock.advance(1000.0)
        assert throttle.inflight == 1
        assert [item async for item in answers]
    assert throttle.inflight == 0
    assert limit.limit == 2
