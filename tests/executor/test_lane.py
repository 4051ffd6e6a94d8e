"""What one endpoint takes on."""

import random

import pytest

from thalweg.executor.lane import Lane


def test_no_more_run_at_once_than_may() -> None:
    lane: Lane[str] = Lane(max_concurrency=2)
    assert [lane.enter(work, 1, 0, "") for work in "abcd"] == [True, True, False, False]
    assert lane.leave(1) == "c"
    assert lane.leave(1) == "d"
    assert lane.leave(1) is None
    assert lane.enter("e", 1, 0, "")


def test_what_waits_begins_in_order_of_priority() -> None:
    lane: Lane[str] = Lane(max_concurrency=1)
    lane.enter("first", 1, 0, "")
    lane.enter("low", 1, -1, "")
    lane.enter("high", 1, 1, "")
    assert [lane.leave(1), lane.leave(1)] == ["high", "low"]


def test_it_is_full_by_requests_and_by_bytes() -> None:
    lane: Lane[str] = Lane(max_inflight=2, max_inflight_bytes=100)
    assert not lane.refusal(1_000)  # one alone always may
    lane.enter("a", 90, 0, "")
    assert "90 bytes" in lane.refusal(11)
    assert not lane.refusal(10)
    lane.enter("b", 10, 0, "")
    assert "2 requests" in lane.refusal(0)


@pytest.mark.parametrize("seed", range(50))
def test_the_counts_are_right_under_any_schedule(seed: int) -> None:
    chance = random.Random(seed)
    most = chance.randint(1, 4)
    lane: Lane[int] = Lane(max_concurrency=most)
    running: set[int] = set()
    waiting: set[int] = set()
    for work in range(400):
        what = chance.random()
        if what < 0.5:
            (running if lane.enter(work, work, 0, str(work % 3)) else waiting).add(work)
        elif what < 0.8 and running:
            ended = chance.choice(sorted(running))
            running.remove(ended)
            following = lane.leave(ended)
            if following is not None:
                waiting.remove(following)
                running.add(following)
        elif waiting:
            gone = chance.choice(sorted(waiting))
            assert lane.withdraw(gone, gone, 0, str(gone % 3))
            waiting.remove(gone)
        elif running:
            begun = chance.choice(sorted(running))
            assert not lane.withdraw(begun, begun, 0, str(begun % 3))
        assert len(running) <= most
        assert not waiting or len(running) == most
        assert lane.inflight == len(running) + len(waiting)
        assert lane.inflight_bytes == sum(running) + sum(waiting)
        assert set(lane.waiting()) == waiting
