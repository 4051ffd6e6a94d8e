import math

import pytest

from thalweg.message.vitals import Vitals
from thalweg.orchestration.control.trend import BUCKET, WINDOW_SECONDS, Figures, Trend, quantile


def test_without_anything_heard_there_is_nothing_to_tell():
    assert Trend().figures() == Figures()
    assert Trend().last == Vitals()


def test_rates_are_those_of_the_last_seconds():
    trend = Trend()
    trend.restart(0.0)
    for second in range(1, 31):
        trend.add(
            float(second), Vitals(requests=10 * second if second < 20 else 200 + 100 * (second - 20), errors=second)
        )
    figures = trend.figures()
    assert figures.rate == pytest.approx(100.0)
    assert figures.error_rate == pytest.approx(1.0)


def test_what_a_process_did_before_it_was_started_again_does_not_count():
    trend = Trend()
    trend.add(0.0, Vitals(requests=1000))
    trend.restart(5.0)
    trend.add(6.0, Vitals(requests=3))
    assert trend.figures().rate == pytest.approx(3.0)


def test_little_is_kept():
    trend = Trend()
    for second in range(10_000):
        trend.add(float(second), Vitals(requests=second))
    assert len(trend._seen) <= WINDOW_SECONDS + 2


def test_batches_are_averaged():
    trend = Trend()
    trend.restart(0.0)
    assert trend.figures().batch is None
    trend.add(1.0, Vitals(batches=4, batched=30))
    assert trend.figures().batch == 7.5


@pytest.mark.parametrize("milliseconds", [0.01, 0.5, 3.0, 250.0, 60_000.0])
def test_a_latency_is_known_to_a_tenth(milliseconds):
    bucket = math.ceil(math.log(milliseconds * 1000) / math.log(BUCKET))
    found = quantile({bucket: 10}, 0.5)
    assert milliseconds <= found <= milliseconds * 1.1


def test_quantiles_are_of_the_window_alone():
    trend = Trend()
    trend.add(0.0, Vitals(requests=1000, latencies={10: 1000}))
    trend.add(5.0, Vitals(requests=1100, latencies={10: 1000, 50: 98, 90: 2}))
    figures = trend.figures()
    assert figures.p50 == pytest.approx(BUCKET**50 / 1000)
    assert figures.p99 == pytest.approx(BUCKET**90 / 1000)
