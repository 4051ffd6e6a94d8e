"""Every way in which a rollout can go, for small ones; and how it should."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from thalweg.orchestration.change.rollout import (
    Action,
    Drain,
    Finished,
    Launch,
    Replacement,
    Rollout,
    RolloutStage,
    Shift,
    TakenBack,
)

ONE = (Replacement("enc", ("a0",), ("a1",)),)
TWO = (Replacement("enc", ("a0", "b0"), ("a1", "b1")),)
THREE = (Replacement("enc", ("a0", "b0", "c0"), ("a1", "b1", "c1")),)


def test_new_ones_come_before_old_ones_go():
    rollout = Rollout(TWO)
    assert rollout.begin() == [Launch(("a1", "b1"))]
    assert rollout.ready("a1") == []
    assert rollout.ready("b1") == [Shift({"a1": 1.0, "b1": 1.0}, new=True)]
    assert rollout.shifted(0.0) == [Drain(("a0", "b0"))]
    assert rollout.drained("b0") == []
    assert rollout.drained("a0") == [Finished()]


def test_with_a_surge_of_one_there_is_never_more_than_one_too_many():
    rollout = Rollout(TWO, surge=1)
    assert rollout.begin() == [Launch(("a1",))]
    assert rollout.ready("a1") == [Shift({"b0": 1.0, "a1": 1.0}, new=True)]
    assert rollout.shifted(0.0) == [Drain(("a0",))]
    assert rollout.drained("a0") == [Launch(("b1",))]
    assert rollout.ready("b1") == [Shift({"a1": 1.0, "b1": 1.0}, new=True)]
    assert rollout.shifted(0.0) == [Drain(("b0",))]
    assert rollout.drained("b0") == [Finished()]


def test_without_a_surge_an_old_one_ends_before_its_new_one_starts():
    rollout = Rollout(TWO, surge=0)
    assert rollout.begin() == [Shift({"b0": 1.0}, new=True)]
    assert rollout.shifted(0.0) == [Drain(("a0",))]
    assert rollout.drained("a0") == [Launch(("a1",))]
    assert rollout.ready("a1") == [Shift({"b0": 1.0, "a1": 1.0}, new=True)]
    assert rollout.shifted(0.0) == [Shift({"a1": 1.0}, new=True)]
    assert rollout.shifted(0.0) == [Drain(("b0",))]
    assert rollout.drained("b0") == [Launch(("b1",))]
    assert rollout.ready("b1") == [Shift({"a1": 1.0, "b1": 1.0}, new=True)]
    assert rollout.shifted(0.0) == [Finished()]


def test_without_a_surge_an_old_one_is_started_again_where_its_new_one_fails():
    rollout = Rollout(ONE, surge=0)
    assert rollout.begin() == [Shift({}, new=True)]
    rollout.shifted(0.0)
    assert rollout.drained("a0") == [Launch(("a1",))]
    assert rollout.failed("a1", "no model") == [Drain(("a1",))]
    assert rollout.drained("a1") == [Launch(("a0",))]
    assert rollout.ready("a0") == [Shift({"a0": 1.0}, new=False)]
    assert rollout.shifted(0.0) == [TakenBack("no model")]


def test_one_that_does_not_become_ready_never_gets_a_request():
    rollout = Rollout(TWO)
    rollout.begin()
    rollout.ready("a1")
    assert rollout.failed("b1", "no model") == [Drain(("a1", "b1"))]
    rollout.drained("a1")
    assert rollout.drained("b1") == [TakenBack("no model")]


def test_one_that_fails_while_requests_are_shifted_has_them_shifted_back():
    rollout = Rollout(ONE)
    rollout.begin()
    rollout.ready("a1")
    assert rollout.failed("a1", "it died") == [Shift({"a0": 1.0}, new=False)]
    assert rollout.shifted(0.0) == [Drain(("a1",))]
    assert rollout.drained("a1") == [TakenBack("it died")]


def test_a_failure_in_a_later_wave_turns_the_earlier_ones_round():
    rollout = Rollout(TWO, surge=1)
    rollout.begin()
    rollout.ready("a1")
    rollout.shifted(0.0)
    rollout.drained("a0")
    assert rollout.failed("b1", "no memory") == [Drain(("b1",))]
    assert rollout.drained("b1") == [Launch(("a0",))]
    assert rollout.ready("a0") == [Shift({"b0": 1.0, "a0": 1.0}, new=False)]
    assert rollout.shifted(0.0) == [Drain(("a1",))]
    assert rollout.drained("a1") == [TakenBack("no memory")]


def test_where_also_the_way_back_fails_what_serves_goes_on_serving():
    rollout = Rollout(TWO, surge=1)
    rollout.begin()
    rollout.ready("a1")
    rollout.shifted(0.0)
    rollout.drained("a0")
    rollout.failed("b1", "no memory")
    rollout.drained("b1")
    assert rollout.failed("a0", "none at all") == [
        Drain(("a0",)),
        TakenBack("no memory; and on the way back: none at all", mixed=True),
    ]


def test_the_new_ones_must_stay_ready_for_a_while():
    rollout = Rollout(ONE, settle=5.0)
    rollout.begin()
    rollout.ready("a1")
    assert rollout.shifted(100.0) == []
    assert rollout.settles_at == 105.0
    assert rollout.look(104.9) == []
    assert rollout.look(105.0) == [Drain(("a0",))]


def test_one_that_fails_in_that_while_has_its_requests_taken_away():
    rollout = Rollout(ONE, settle=5.0)
    rollout.begin()
    rollout.ready("a1")
    rollout.shifted(100.0)
    assert rollout.failed("a1", "not ready") == [Shift({"a0": 1.0}, new=False)]


def test_a_canary_gets_its_share_until_it_is_promoted():
    rollout = Rollout(THREE, canary=0.1)
    assert rollout.begin() == [Launch(("a1",))]
    (shift,) = rollout.ready("a1")
    assert isinstance(shift, Shift)
    assert shift.weights == pytest.approx({"a0": 0.3, "b0": 0.3, "c0": 0.3, "a1": 0.1})
    assert rollout.shifted(0.0) == []
    assert rollout.stage is RolloutStage.CANARY
    assert rollout.promote() == [Launch(("b1", "c1"))]
    rollout.ready("b1")
    assert rollout.ready("c1") == [Shift({"a1": 1.0, "b1": 1.0, "c1": 1.0}, new=True)]


def test_a_canary_that_is_not_ready_any_more_is_taken_away():
    rollout = Rollout(ONE, canary=0.1)
    rollout.begin()
    rollout.ready("a1")
    rollout.shifted(0.0)
    assert rollout.failed("a1", "its probe failed") == [Shift({"a0": 1.0}, new=False)]
    assert rollout.shifted(0.0) == [Drain(("a1",))]
    assert rollout.drained("a1") == [TakenBack("its probe failed")]


def test_an_aborted_canary_leaves_all_as_it_was():
    rollout = Rollout(ONE, canary=0.5)
    rollout.begin()
    rollout.ready("a1")
    rollout.shifted(0.0)
    assert rollout.abort("called off") == [Shift({"a0": 1.0}, new=False)]
    assert rollout.shifted(0.0) == [Drain(("a1",))]
    assert rollout.drained("a1") == [TakenBack("called off")]


def test_more_replicas_only_start_and_fewer_only_end():
    more = Rollout((Replacement("enc", (), ("b0",)),))
    assert more.begin() == [Launch(("b0",))]
    assert more.ready("b0") == [Shift({"b0": 1.0}, new=True)]
    assert more.shifted(0.0) == [Finished()]
    fewer = Rollout((Replacement("enc", ("b0",), ()),))
    assert fewer.begin() == [Shift({}, new=True)]
    assert fewer.shifted(0.0) == [Drain(("b0",))]
    assert fewer.drained("b0") == [Finished()]


def test_a_change_of_the_graph_alone_only_shifts():
    rollout = Rollout(())
    assert rollout.begin() == [Shift({}, new=True)]
    assert rollout.shifted(0.0) == [Finished()]


def test_where_the_old_cannot_be_asked_for_it_is_asked_for_again():
    rollout = Rollout(ONE)
    rollout.begin()
    rollout.ready("a1")
    back = rollout.failed("a1", "it died")
    assert rollout.refused("nobody listens") == back


# every way there is ------------------------------------------------------------------------------------------------------


@dataclass
class World:
    """What a driver would have made of the actions so far. A process that was started may fail, each once at most."""

    rollout: Rollout = field(repr=False)
    running: set[str]
    up: set[str]
    serving: dict[str, float]
    pending: Shift | None = None
    ending: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    outcome: Finished | TakenBack | None = None

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Launch):
                assert not self.running.intersection(action.processes)
                self.running.update(action.processes)
            elif isinstance(action, Shift):
                assert self.up.issuperset(action.weights), "requests may go only where somebody is"
                self.pending = action
            elif isinstance(action, Drain):
                assert not set(self.serving).intersection(action.processes), "nobody who serves is ended"
                self.ending.update(self.running.intersection(action.processes))
                for process in set(action.processes) - self.running:
                    self.take(self.rollout.drained(process))
            else:
                assert self.outcome is None
                self.outcome = action

    def events(self) -> Iterator[Callable[[World], None]]:
        starting = self.running - self.up - self.ending
        for process in sorted(starting - self.failed):
            yield lambda world, process=process: world.becomes_ready(process)
            yield lambda world, process=process: world.fails(process)
        for process in sorted(self.ending):
            yield lambda world, process=process: world.ends(process)
        if self.pending is not None:
            yield World.shifts
            if self.rollout.stage is not RolloutStage.RESTORING:
                yield World.refuses
            for process in sorted(self.up - self.ending - self.failed - self.old):
                yield lambda world, process=process: world.fails(process)
        if self.rollout.stage is RolloutStage.CANARY:
            yield lambda world: world.take(world.rollout.promote())
            yield lambda world: world.take(world.rollout.abort("called off"))
            for process in sorted(self.up - self.ending - self.failed - self.old):
                yield lambda world, process=process: world.fails(process)
        if self.rollout.settles_at is not None:
            yield lambda world: world.take(world.rollout.look(1e9))

    old: frozenset[str] = frozenset()

    def becomes_ready(self, process: str) -> None:
        self.up.add(process)
        self.take(self.rollout.ready(process))

    def fails(self, process: str) -> None:
        self.failed.add(process)
        self.take(self.rollout.failed(process, f"{process} failed"))

    def ends(self, process: str) -> None:
        self.ending.discard(process)
        self.running.discard(process)
        self.up.discard(process)
        self.take(self.rollout.drained(process))

    def shifts(self) -> None:
        assert self.pending is not None
        self.serving, self.pending = dict(self.pending.weights), None
        self.take(self.rollout.shifted(0.0))

    def refuses(self) -> None:
        self.pending = None
        self.take(self.rollout.refused("nobody can reach it"))


def states(world: World, check: Callable[[World], None]) -> int:
    """How many states can be reached. Looks at each."""
    seen: set[str] = set()
    waiting = [world]
    while waiting:
        here = waiting.pop()
        check(here)
        for number in range(len(list(here.events()))):
            branch = copy.deepcopy(here)
            list(branch.events())[number](branch)
            state = repr((sorted(vars(branch.rollout).items(), key=str), branch))
            if state not in seen:
                seen.add(state)
                waiting.append(branch)
    return len(seen)


@pytest.mark.parametrize("canary", [None, 0.25])
@pytest.mark.parametrize("settle", [0.0, 1.0])
@pytest.mark.parametrize(
    "turns, surge",
    [
        (ONE, None),
        (TWO, 1),
        (TWO, None),
        (ONE, 0),
        (TWO, 0),
        ((Replacement("enc", ("a0",), ("a1", "b1")),), 0),
        ((Replacement("enc", ("a0", "b0"), ("a1",)),), 0),
        ((Replacement("enc", ("a0",), ("a1", "b1")),), 1),
        ((Replacement("enc", ("a0", "b0"), ("a1",)),), 1),
        (
            (Replacement("enc", ("a0",), ("a1",)), Replacement("index", ("x0",), ()), Replacement("rank", (), ("y1",))),
            None,
        ),
    ],
)
def test_whatever_happens_somebody_serves_and_the_end_is_the_old_or_the_new(
    turns: Sequence[Replacement], surge: int | None, settle: float, canary: float | None
):
    if surge == 0:  # no room for a canary, which the options refuse
        canary = None
    old = frozenset(process for turn in turns for process in turn.old)
    new = frozenset(process for turn in turns for process in turn.new)
    more = {turn.node: len(turn.new) if surge is None else surge for turn in turns}
    most = {turn.node: max(len(turn.old), len(turn.new)) + more[turn.node] for turn in turns}

    def check(world: World) -> None:
        for turn in turns:
            mine = world.running.intersection(turn.old + turn.new)
            assert len(mine) <= most[turn.node] + (1 if canary else 0)
            if turn.old and turn.new and (surge != 0 or len(turn.old) > 1):
                assert set(world.serving).intersection(turn.old + turn.new), "somebody serves at every moment"
        assert world.running.issuperset(world.serving)
        stuck = not list(world.events())
        assert not stuck or world.outcome is not None, "it never waits for what nobody will say"
        if stuck and isinstance(world.outcome, Finished):
            assert world.running == world.serving.keys() == new
        if stuck and isinstance(world.outcome, TakenBack) and not world.outcome.mixed:
            assert world.running == world.serving.keys() == old

    world = World(
        Rollout(turns, surge=surge, canary=canary, settle=settle), set(old), set(old), dict.fromkeys(old, 1.0), old=old
    )
    world.take(world.rollout.begin())
    assert states(world, check) > 3
