"""Which waiting request has its turn next."""

import random
from collections import Counter

import pytest

from thalweg.executor.queue import FairQueue


class Model:
    """The same in the plainest way: lists, and the order in which the keys of each priority have their turn."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, int, str]] = []  # item, priority, share
        self.turns: dict[int, list[str]] = {0: [""]}

    def put(self, item: int, priority: int, share: str) -> None:
        self.waiting.append((item, priority, share))
        turns = self.turns.setdefault(priority, [])
        if share not in turns:
            turns.append(share)

    def line(self, priority: int, share: str) -> list[int]:
        return [
            item for item, its_priority, its_share in self.waiting if (its_priority, its_share) == (priority, share)
        ]

    def take_out(self, item: int) -> None:
        found = next(entry for entry in self.waiting if entry[0] == item)
        self.waiting.remove(found)
        _, priority, share = found
        if not self.line(priority, share) and (priority, share) != (0, ""):
            self.turns[priority].remove(share)

    def take(self) -> int | None:
        if not self.waiting:
            return None
        # Where nobody else waits the order of turns does not change: there is nobody to be fair to.
        only_plain = all(entry[1:] == (0, "") for entry in self.waiting)
        priority = max(entry[1] for entry in self.waiting)
        share = next(share for share in self.turns[priority] if self.line(priority, share))
        item = self.line(priority, share)[0]
        if not only_plain:
            self.turns[priority].remove(share)
            self.turns[priority].append(share)
        self.take_out(item)
        return item

    def displaced(self, priority: int, share: str) -> int | None:
        if not self.waiting:
            return None
        lowest = min(entry[1] for entry in self.waiting)
        if lowest > priority:
            return None
        longest = max(self.turns[lowest], key=lambda key: len(self.line(lowest, key)))
        line = self.line(lowest, longest)
        if lowest == priority and len(line) - 1 <= len(self.line(priority, share)):
            return None
        self.take_out(line[-1])
        return line[-1]


@pytest.mark.parametrize("seed", range(300))
def test_it_does_what_the_model_does_under_any_schedule(seed: int) -> None:
    chance = random.Random(seed)
    priorities = chance.choice([(0,), (0, 1), (-5, 0, 0, 3), (0, 0, 0, 0, 7)])
    shares = chance.choice([("",), ("", "a"), ("a", "b", "c"), ("", "", "", "a", "b")])
    queue: FairQueue[int] = FairQueue()
    model = Model()
    placed: dict[int, tuple[int, str]] = {}
    for item in range(300):
        what = chance.random()
        if what < 0.5:
            place = placed[item] = (chance.choice(priorities), chance.choice(shares))
            queue.put(item, *place)
            model.put(item, *place)
        elif what < 0.85:
            assert queue.take() == model.take()
        elif what < 0.93 and placed:
            gone = chance.choice(list(placed))
            waits = any(entry[0] == gone for entry in model.waiting)
            assert queue.remove(gone, *placed[gone]) is waits
            if waits:
                model.take_out(gone)
        else:
            place = (chance.choice(priorities), chance.choice(shares))
            assert queue.displaced(*place, lambda _: True) == model.displaced(*place)
        assert len(queue) == len(model.waiting)
        assert sorted(queue) == sorted(entry[0] for entry in model.waiting)
    while model.waiting:
        assert queue.take() == model.take()
    assert queue.take() is None


def test_the_higher_priority_goes_first() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.put("low", -3)
    queue.put("usual")
    queue.put("high", 5)
    assert [queue.take(), queue.take(), queue.take()] == ["high", "usual", "low"]


def test_a_key_with_much_waiting_does_not_hold_up_the_others() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(1000):
        queue.put(f"greedy-{number}", 0, "greedy")
    queue.put("modest-0", 0, "modest")
    queue.put("modest-1", 0, "modest")
    first = [queue.take() for _ in range(4)]
    assert first == ["greedy-0", "modest-0", "greedy-1", "modest-1"]


def test_keys_that_always_have_something_waiting_get_equal_parts() -> None:
    chance = random.Random(7)
    queue: FairQueue[object] = FairQueue()
    whose: dict[object, str] = {}

    def put(share: str) -> None:
        item = object()
        whose[item] = share
        queue.put(item, 0, share)

    for share, number in (("a", 500), ("b", 50), ("c", 5), ("", 100)):
        for _ in range(number):
            put(share)
    served: Counter[str] = Counter()
    for _ in range(400):
        item = queue.take()
        assert item is not None
        served[whose[item]] += 1
        put(whose[item])
        if chance.random() < 0.5:
            put("a")
    assert set(served.values()) == {100}


def test_nothing_is_kept_of_keys_that_have_gone() -> None:
    queue: FairQueue[int] = FairQueue()
    for item in range(1000):
        queue.put(item, item % 7 - 3, f"key-{item}")
    for item in range(0, 1000, 2):
        assert queue.remove(item, item % 7 - 3, f"key-{item}")
    while queue.take() is not None:
        pass
    assert queue._levels == {0: {"": {}}}
    assert queue._order == [0]


def test_one_that_may_not_go_keeps_its_place() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.put("begun", 0, "a")
    assert queue.displaced(1, "", lambda _: False) is None
    assert queue.take() == "begun"


def test_a_newcomer_takes_no_place_from_its_equals() -> None:
    queue: FairQueue[str] = FairQueue()
    for share in ("a", "a", "b"):
        queue.put(f"{share}{len(queue)}", 0, share)
    assert queue.displaced(0, "a", lambda _: True) is None
    assert queue.displaced(-1, "c", lambda _: True) is None
    assert queue.displaced(0, "b", lambda _: True) is None
    assert queue.displaced(0, "c", lambda _: True) == "a1"


def test_who_goes_before_a_newcomer_is_known_and_true() -> None:
    chance = random.Random(5)
    for _ in range(300):
        queue: FairQueue[int] = FairQueue()
        for item in range(chance.randrange(12)):
            queue.put(item, chance.randrange(-1, 2), chance.choice(("", "a", "b")))
        priority, share = chance.randrange(-1, 2), chance.choice(("", "a", "b", "c"))
        expected = queue.ahead(priority, share)
        queue.put(-1, priority, share)
        turns = [queue.take() for _ in range(len(queue))]
        # A key whose turn it is not yet in this round may stand behind the newcomer's own.
        assert expected - 2 <= turns.index(-1) <= expected
