"""What the supervisor makes of what the Gateway and the replicas say."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from thalweg.message.vitals import Demand, Vitals
from thalweg.orchestration.autoscaler import Load
from thalweg.orchestration.scaling import LoadHistory


@dataclass
class Replica:
    key: str
    answers: bool = True
    latencies: dict[int, int] = field(default_factory=dict)

    @property
    def member(self) -> Any:
        return SimpleNamespace(answers=self.answers, vitals=Vitals(latencies=self.latencies))


def test_counts_become_what_is_new_since_the_last_look():
    history = LoadHistory()
    posts: Any = [Replica("a"), Replica("b", answers=False)]
    assert history.load(Demand(3, 10, 7), posts) == Load(3, 10, 7, None, 1, 1)
    assert history.load(Demand(1, 14, 13), posts) == Load(1, 4, 6, None, 1, 1)


def test_a_gateway_that_has_begun_anew_counts_for_nothing_once():
    history = LoadHistory()
    history.load(Demand(3, 100, 97), [])
    assert history.load(Demand(2, 5, 3), []) == Load(2, 0, 0, None, 0, 0)
    assert history.load(Demand(2, 9, 7), []) == Load(2, 4, 4, None, 0, 0)


def test_the_latency_is_that_of_95_of_100_of_all_replicas_since_the_last_look():
    history = LoadHistory()
    one, other = Replica("a", latencies={100: 1000}), Replica("b")
    history.load(Demand(), [one, other])  # type: ignore[list-item]
    one.latencies, other.latencies = {100: 1000, 120: 94}, {150: 1, 130: 5}
    load = history.load(Demand(), [one, other])  # type: ignore[list-item]
    assert load.latency == pytest.approx(1.1**130 * 1e-6)
    assert history.load(Demand(), [one, other]).latency is None  # type: ignore[list-item]
