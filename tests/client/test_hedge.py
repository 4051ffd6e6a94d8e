"""When a request is sent a second time: the decision, and the race."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from pydantic import ValidationError

from thalweg.client.attempts import hedged
from thalweg.client.hedge import ENDPOINTS, LATENCIES, HedgeSchedule
from thalweg.config import HedgePolicy
from thalweg.errors import ExecutorFailed, Unavailable
from thalweg.message import Response
from thalweg.testing.clock import VirtualClock, run


def test_a_policy_says_when_in_one_way():
    with pytest.raises(ValidationError, match="one of 'after'"):
        HedgePolicy()
    with pytest.raises(ValidationError, match="one of 'after'"):
        HedgePolicy(after=1, percentile=95)


def test_a_percentile_is_one_when_enough_is_known():
    schedule = HedgeSchedule(HedgePolicy(percentile=90, samples=10))
    for number in range(1, 10):
        schedule.answered("/a", number)
        assert schedule.delay("/a") is None
    schedule.answered("/a", 10)
    assert schedule.delay("/a") == 10
    assert schedule.delay("/b") is None


def test_old_answers_are_forgotten():
    schedule = HedgeSchedule(HedgePolicy(percentile=50, samples=1))
    for _ in range(LATENCIES):
        schedule.answered("/a", 100.0)
    for _ in range(LATENCIES):
        schedule.answered("/a", 1.0)
    assert schedule.delay("/a") == 1.0
    for number in range(ENDPOINTS):
        schedule.answered(f"/{number}", 1.0)
    assert schedule.delay("/a") is None


def test_second_attempts_are_a_share_of_all_requests():
    schedule = HedgeSchedule(HedgePolicy(after=1, budget=0.1, reserve=5))
    taken = 0
    for _ in range(1000):
        schedule.delay("/a")
        taken += schedule.allowed()
    assert 100 <= taken <= 106


class Attempts:
    """Attempts that take `seconds`, and then answer or fail."""

    def __init__(self) -> None:
        self.begun: list[float] = []
        self.called_off = 0

    async def answer(
        self, seconds: float, name: str, error: Exception | None = None, items: int = 1
    ) -> AsyncGenerator[Response, None]:
        self.begun.append(asyncio.get_running_loop().time())
        try:
            await asyncio.sleep(seconds)
            if error is not None:
                raise error
            for number in range(items):
                yield Response((f"{name}{number}".encode(),))
        except (asyncio.CancelledError, GeneratorExit):
            self.called_off += 1
            raise


async def collected(answers: AsyncGenerator[Response, None]) -> list[str]:
    return [bytes(response.body[0]).decode() async for response in answers]


def race(
    first: float,
    second: float,
    *,
    after: float = 1.0,
    errors: tuple[Exception | None, Exception | None] = (None, None),
    reserve: float = 10,
) -> tuple[list[str], float, Attempts]:
    """What came out, after how long, and what was begun."""
    attempts, clock = Attempts(), VirtualClock()
    schedule = HedgeSchedule(HedgePolicy(after=after, budget=0, reserve=reserve))

    async def main() -> list[str]:
        return await collected(
            hedged(
                attempts.answer(first, "a", errors[0], 3),
                lambda: attempts.answer(second, "b", errors[1], 3),
                schedule,
                "/a",
            )
        )

    return run(main(), clock), clock(), attempts


def test_a_quick_answer_needs_no_second_attempt():
    found, _, attempts = race(0.5, 0.1)
    assert found == ["a0", "a1", "a2"]
    assert len(attempts.begun) == 1


def test_the_second_attempt_wins_where_it_is_quicker_and_the_first_is_called_off():
    found, seconds, attempts = race(10, 0.5)
    assert found == ["b0", "b1", "b2"]
    assert seconds == pytest.approx(1.5)
    assert attempts.begun == pytest.approx([0.0, 1.0])
    assert attempts.called_off == 1


def test_the_first_attempt_may_still_win():
    found, seconds, attempts = race(1.2, 5)
    assert found == ["a0", "a1", "a2"]
    assert seconds == pytest.approx(1.2)
    assert attempts.called_off == 1


def test_a_second_attempt_that_fails_leaves_the_first_one_alone():
    found, _, _ = race(3, 0.5, errors=(None, Unavailable("x")))
    assert found == ["a0", "a1", "a2"]


def test_a_first_attempt_that_fails_late_leaves_the_second_one_alone():
    found, _, _ = race(1.5, 2, errors=(Unavailable("x"), None))
    assert found == ["b0", "b1", "b2"]


def test_where_both_fail_the_error_is_that_of_the_first():
    with pytest.raises(ExecutorFailed, match="first"):
        race(1.5, 2, errors=(ExecutorFailed("first"), Unavailable("second")))
    with pytest.raises(ExecutorFailed, match="first"):
        race(2, 0.1, errors=(ExecutorFailed("first"), Unavailable("second")))


def test_a_failure_before_the_time_is_the_answer():
    with pytest.raises(ExecutorFailed, match="first"):
        race(0.5, 0.1, errors=(ExecutorFailed("first"), None))


def test_without_a_budget_there_is_no_second_attempt():
    found, seconds, attempts = race(10, 0.1, reserve=0)
    assert (found, len(attempts.begun)) == (["a0", "a1", "a2"], 1)
    assert seconds == pytest.approx(10)


def test_both_attempts_are_called_off_with_the_request():
    attempts = Attempts()

    async def main() -> None:
        schedule = HedgeSchedule(HedgePolicy(after=1))
        answers = hedged(attempts.answer(50, "a"), lambda: attempts.answer(50, "b"), schedule, "/a")
        task = asyncio.ensure_future(collected(answers))
        await asyncio.sleep(5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await answers.aclose()

    run(main())
    assert attempts.called_off == 2
