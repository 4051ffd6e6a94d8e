import pytest

from thalweg.errors import MalformedRequest, Overloaded
from thalweg.message import Context, Request, Response
from thalweg.service.meter import Meter, resident_bytes

REQUEST = Request("/do", (b"{}",))


class Service:
    """Answers when it is told to; `refuses` and `streams` say what else it does."""

    def __init__(self):
        self.replies = []
        self.refuses = self.streams = False
        self.called_off = 0

    def submit(self, request, context, reply):
        if self.refuses:
            raise Overloaded("too much")
        if self.streams:
            return None
        self.replies.append(reply)
        return self

    def cancel(self):
        self.called_off += 1

    async def handle(self, request, context):
        yield Response((b"1",))
        if self.refuses:
            raise MalformedRequest("no")
        yield Response((b"2",))


class Heard:
    def __init__(self):
        self.answers, self.errors = [], []

    def answer(self, response):
        self.answers.append(response)

    def fail(self, error):
        self.errors.append(error)


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def meter(service):
    return Meter(service)


def counts(meter):
    return meter.requests, meter.errors, meter.inflight, sum(meter.vitals().latencies.values())


def test_an_answer_counts_when_it_is_there(service, meter):
    heard = Heard()
    meter.submit(REQUEST, Context(), heard)
    assert counts(meter) == (0, 0, 1, 0)
    service.replies[0].answer(Response((b"1",)))
    assert counts(meter) == (1, 0, 0, 1)
    assert len(heard.answers) == 1


def test_errors_and_refusals_count_as_such(service, meter):
    meter.submit(REQUEST, Context(), Heard())
    service.replies[0].fail(MalformedRequest("no"))
    service.refuses = True
    with pytest.raises(Overloaded):
        meter.submit(REQUEST, Context(), Heard())
    assert counts(meter) == (2, 2, 0, 2)


def test_what_is_called_off_counts_once(service, meter):
    pending = meter.submit(REQUEST, Context(), Heard())
    pending.cancel()
    pending.cancel()
    assert counts(meter) == (1, 0, 0, 1)
    assert service.called_off == 1


def test_calling_off_what_has_ended_changes_nothing(service, meter):
    pending = meter.submit(REQUEST, Context(), Heard())
    service.replies[0].answer(Response((b"1",)))
    pending.cancel()
    assert counts(meter) == (1, 0, 0, 1)
    assert service.called_off == 0


def test_what_goes_the_long_way_is_not_counted_twice(service, meter):
    service.streams = True
    assert meter.submit(REQUEST, Context(), Heard()) is None
    assert counts(meter) == (0, 0, 0, 0)


async def test_a_stream_counts_at_its_end(service, meter):
    items = meter.handle(REQUEST, Context())
    await anext(items)
    assert counts(meter) == (0, 0, 1, 0)
    assert len([item async for item in items]) == 1
    assert counts(meter) == (1, 0, 0, 1)
    items = meter.handle(REQUEST, Context())
    await anext(items)
    await items.aclose()
    assert counts(meter) == (2, 0, 0, 2)
    service.refuses = True
    with pytest.raises(MalformedRequest):
        [item async for item in meter.handle(REQUEST, Context())]
    assert counts(meter) == (3, 1, 0, 3)


@pytest.mark.parametrize("microseconds", [0, 1, 7, 150, 20_000, 3_000_000])
def test_each_latency_is_under_the_bucket_that_it_is_counted_in(meter, microseconds, monkeypatch):
    moments = iter([5_000, 5_000 + microseconds * 1000])
    monkeypatch.setattr("thalweg.service.meter.perf_counter_ns", lambda: next(moments))
    heard = Heard()
    meter.submit(REQUEST, Context(), heard)
    meter._handler.replies[0].answer(Response((b"1",)))
    (bucket,) = meter.vitals().latencies
    assert microseconds * 0.95 <= 1.1**bucket <= max(1.1, microseconds * 1.15)


def test_vitals_tell_all_of_it(meter):
    meter.submit(REQUEST, Context(), Heard())
    meter.submit(REQUEST, Context(), Heard())
    vitals = meter.vitals(queued=1, batches=2, batched=9)
    assert (vitals.requests, vitals.in_flight, vitals.queued, vitals.batches, vitals.batched) == (0, 1, 1, 2, 9)
    assert vitals.memory_bytes == pytest.approx(resident_bytes(), rel=0.2)
    assert vitals.memory_bytes > 1 << 20
