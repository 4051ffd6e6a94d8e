"""How much one server takes on at once."""

import random

import pytest

from thalweg.config import Limits
from thalweg.errors import Overloaded, PayloadTooLarge
from thalweg.testing import VirtualClock
from thalweg.transport.admission import Admission


def test_requests_and_bytes_are_bounded() -> None:
    admission = Admission(Limits(max_inflight=2, max_inflight_bytes=100, max_message_bytes=150))
    with pytest.raises(PayloadTooLarge):
        admission.admit(151)
    admission.admit(150)  # one alone always may
    with pytest.raises(Overloaded, match="150 bytes"):
        admission.admit(1)
    admission.release(150)
    admission.admit(50)
    admission.admit(50)
    with pytest.raises(Overloaded, match="2 requests"):
        admission.admit(0)


def test_growing_too_much_changes_nothing() -> None:
    admission = Admission(Limits(max_inflight_bytes=100))
    admission.admit(10)
    admission.admit(60)
    with pytest.raises(Overloaded):
        admission.grow(10, 50)
    admission.grow(10, 40)
    assert (admission.inflight, admission.inflight_bytes, admission.ended) == (2, 100, 0)


@pytest.mark.parametrize("rate", [5.0, 100.0])
def test_who_is_refused_hears_when_what_is_under_way_is_worked_off(rate: float) -> None:
    clock = VirtualClock()
    chance = random.Random(3)
    admission = Admission(Limits(max_inflight=200), clock)
    for _ in range(200):
        admission.admit(1)
    told = 0.0
    for _ in range(int(rate * 10)):
        clock.advance(2 * chance.random() / rate)
        with pytest.raises(Overloaded) as refused:
            admission.admit(1)
        assert refused.value.retry_after is not None
        told = refused.value.retry_after
        admission.release(1)
        admission.admit(1)
    assert told == pytest.approx(200 / rate, rel=0.5)
