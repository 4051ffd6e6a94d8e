"""How new processes take the place of old ones without a request being lost; pure: moments are seconds of any one clock.

Processes are known by a text each. What becomes of a rollout is in the actions that its events give:

    begin -> Launch(new)            they are launched, and checked, and become ready
    ready -> Shift(weights)        once all of the wave are: from now on these take the requests
    shifted -> Drain(old)          those without a request any more end
    drained -> Launch(next wave)    until nothing is left of the old: Finished

Where a new process does not become ready, or is not ready any more before the old ones are let go, everything goes back:
`Shift` to what was, `Drain(new)`, and `TakenBack`. Waves that were through already are turned round in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from typing import TypeAlias


@dataclass(frozen=True)
class Replacement:
    """The processes of one Executor: those that go, and those that come in their place."""

    node: str
    old: tuple[str, ...] = ()
    new: tuple[str, ...] = ()

    def turned(self) -> Replacement:
        return Replacement(self.node, self.new, self.old)


@dataclass(frozen=True)
class Launch:
    """Launch these, and say `ready` of each, or `failed`."""

    processes: tuple[str, ...]


@dataclass(frozen=True)
class Shift:
    """Have requests go to these, by their weights beside each other within one Executor, and say `shifted`; or `refused`.
    Who is not among them gets no more. `new` says whether what the new ones say of themselves holds from now on."""

    weights: Mapping[str, float]
    new: bool


@dataclass(frozen=True)
class Drain:
    """Let these finish what they have, end them, and say `drained` of each."""

    processes: tuple[str, ...]


@dataclass(frozen=True)
class Finished:
    """All is as it was to become."""


@dataclass(frozen=True)
class TakenBack:
    """It is as it was before, unless `mixed` says that also the way back has failed."""

    reason: str
    mixed: bool = False


Action: TypeAlias = Launch | Shift | Drain | Finished | TakenBack


class RolloutStage(StrEnum):
    """What a rollout waits for."""

    STARTING = "starting"
    SHIFTING = "shifting"
    SETTLING = "settling"
    CANARY = "canary"
    DRAINING = "draining"
    RESTORING = "restoring"
    CLEARING = "clearing"
    DONE = "done"


@dataclass
class _Wave:
    turns: tuple[Replacement, ...]
    test: bool = False
    """Whether it is the canary, for which nobody leaves."""
    ready: set[str] = field(default_factory=set)

    @property
    def old(self) -> tuple[str, ...]:
        return tuple(process for turn in self.turns for process in turn.old)

    @property
    def new(self) -> tuple[str, ...]:
        return tuple(process for turn in self.turns for process in turn.new)


class Rollout:
    """One change, from `begin` to `Finished` or `TakenBack`.

    Args:
        turns: whose processes are to be replaced, added or taken away.
        surge: how many more processes of one Executor there may be at a time; None for as many as there are. With a number
            the change goes through in waves; with 0 an old one ends before its new one is launched, so that of an only one
            nobody serves meanwhile.
        canary: which part of the requests the new ones get until `promote` or `abort`, by one process of each Executor;
            None for no such stage. Not with a surge of 0.
        settle: seconds that the new ones must stay ready with all requests before the old ones are let go.
    """

    def __init__(
        self,
        turns: Sequence[Replacement],
        *,
        surge: int | None = None,
        canary: float | None = None,
        settle: float = 0.0,
    ) -> None:
        self._turns = tuple(turns)
        self._canary = canary
        self._settle = settle
        self._waves = _waves(self._turns, surge)
        self._through: list[_Wave] = []
        self._serving = [process for turn in self._turns for process in turn.old]
        self._tested: frozenset[str] = frozenset()
        """New ones that were the canary."""
        self._until: float | None = None
        self._waiting: set[str] = set()
        self._reason = ""
        self._back = False
        self.stage = RolloutStage.STARTING

    @property
    def settles_at(self) -> float | None:
        """The moment at which to `look` next; None where nothing depends on time."""
        return self._until

    @property
    def _wave(self) -> _Wave:
        return self._waves[0]

    def begin(self) -> list[Action]:
        """Nothing has happened yet."""
        if self._canary is not None:
            test = tuple(Replacement(turn.node, (), turn.new[:1]) for turn in self._turns if turn.old and turn.new)
            if test:
                self._waves.insert(0, _Wave(test, test=True))
        return self._next()

    def ready(self, process: str) -> list[Action]:
        """It answers."""
        if self.stage is not RolloutStage.STARTING or process not in self._wave.new:
            return []
        self._wave.ready.add(process)
        return self._shift() if self._wave.ready.issuperset(self._wave.new) else []

    def failed(self, process: str, reason: str) -> list[Action]:
        """It did not become ready, or is not ready any more."""
        if process not in self._wave_or_tested():
            return []
        if self.stage in (RolloutStage.STARTING, RolloutStage.SHIFTING, RolloutStage.SETTLING, RolloutStage.CANARY):
            return self._roll_back(reason)
        return []

    def refused(self, reason: str) -> list[Action]:
        """What was to be started or shifted cannot be: it does not fit, or nobody can reach it."""
        if (
            self.stage is RolloutStage.RESTORING
        ):  # those that served before have never left: only the asking can have failed
            return [self._restoring()]
        return self._roll_back(reason) if self.stage in (RolloutStage.STARTING, RolloutStage.SHIFTING) else []

    def shifted(self, now: float) -> list[Action]:
        """Requests go where the last `Shift` said."""
        if self.stage is RolloutStage.RESTORING:
            return self._clear()
        if self.stage is not RolloutStage.SHIFTING:
            return []
        if self._wave.test:
            self.stage = RolloutStage.CANARY
            return []
        if self._settle > 0 and self._wave.new and not self._back:
            self.stage = RolloutStage.SETTLING
            self._until = now + self._settle
            return []
        return self._drain()

    def look(self, now: float) -> list[Action]:
        """Time has passed."""
        if self.stage is RolloutStage.SETTLING and self._until is not None and now >= self._until:
            return self._drain()
        return []

    def promote(self) -> list[Action]:
        """The canary is fine: all the rest follows."""
        if self.stage is not RolloutStage.CANARY:
            return []
        self._tested = frozenset(self._wave.new)
        self._waves.pop(0)
        return self._next()

    def abort(self, reason: str) -> list[Action]:
        """Go back, as long as that is possible: until the old ones of the last wave are being let go."""
        if (
            self.stage in (RolloutStage.STARTING, RolloutStage.SHIFTING, RolloutStage.SETTLING, RolloutStage.CANARY)
            and not self._back
        ):
            return self._roll_back(reason)
        return []

    def drained(self, process: str) -> list[Action]:
        """It has ended."""
        self._waiting.discard(process)
        if self._waiting:
            return []
        if self.stage is RolloutStage.DRAINING:
            self._through.append(self._waves.pop(0))
            return self._next()
        return self._go_back() if self.stage is RolloutStage.CLEARING else []

    # onwards -------------------------------------------------------------------------------------------------------------

    def _next(self) -> list[Action]:
        """Begin the wave that is first now."""
        if not self._waves:
            self.stage = RolloutStage.DONE
            return [TakenBack(self._reason)] if self._back else [Finished()]
        self.stage = RolloutStage.STARTING
        self._wave.ready |= self._tested.intersection(self._wave.new)
        missing = tuple(process for process in self._wave.new if process not in self._wave.ready)
        return [Launch(missing)] if missing else self._shift()

    def _shift(self) -> list[Action]:
        self.stage = RolloutStage.SHIFTING
        if self._wave.test:
            return [Shift(self._canary_weights(), new=False)]
        return [Shift(dict.fromkeys(self._after(), 1.0), new=not self._back)]

    def _after(self) -> list[str]:
        """Who serves once this wave is through."""
        gone = set(self._wave.old)
        stay = [process for process in self._serving if process not in gone]
        tested = [process for process in sorted(self._tested) if process not in self._wave.new]
        return list(dict.fromkeys([*stay, *tested, *self._wave.new]))

    def _canary_weights(self) -> dict[str, float]:
        share = self._canary or 0.0
        weights = dict.fromkeys(self._serving, 1.0)
        for turn in self._wave.turns:
            old = next(other.old for other in self._turns if other.node == turn.node)
            weights |= dict.fromkeys(old, (1.0 - share) / len(old))
            weights |= dict.fromkeys(turn.new, share / len(turn.new))
        return weights

    def _drain(self) -> list[Action]:
        self.stage = RolloutStage.DRAINING
        self._until = None
        self._serving = self._after()
        self._tested -= set(self._wave.new)
        return self._send_off(self._wave.old)

    def _send_off(self, processes: Sequence[str]) -> list[Action]:
        self._waiting = set(processes)
        return [Drain(tuple(processes))] if processes else self.drained("")

    # back ----------------------------------------------------------------------------------------------------------------

    def _wave_or_tested(self) -> set[str]:
        return set(self._tested).union(self._wave.new) if self._waves else set()

    def _roll_back(self, reason: str) -> list[Action]:
        if self._back:  # what served before cannot be had again: what serves now goes on doing so
            self.stage = RolloutStage.DONE
            return [Drain(self._wave.new), TakenBack(f"{self._reason}; and on the way back: {reason}", mixed=True)]
        self._reason = reason
        self._until = None
        if self.stage is RolloutStage.STARTING and not self._tested:
            return self._clear()
        self.stage = RolloutStage.RESTORING
        return [self._restoring()]

    def _restoring(self) -> Shift:
        return Shift(dict.fromkeys(self._serving, 1.0), new=bool(self._through))

    def _clear(self) -> list[Action]:
        """Nobody needs the new ones of this wave any more."""
        self.stage = RolloutStage.CLEARING
        return self._send_off(tuple(dict.fromkeys([*sorted(self._tested), *self._wave.new])))

    def _go_back(self) -> list[Action]:
        """Replacement those waves round that are through."""
        self._back = True
        self._tested = frozenset()
        self._waves = [_Wave(tuple(turn.turned() for turn in wave.turns)) for wave in reversed(self._through)]
        self._through = []
        return self._next()


def _waves(turns: Sequence[Replacement], surge: int | None) -> list[_Wave]:
    """The turns, at most `surge` processes of each at a time; with 0, one that goes and one that comes in turns."""
    most = max((max(len(turn.old), len(turn.new)) for turn in turns), default=0)
    size = max(1, most if surge is None else surge)
    waves = []
    for number in range(ceil(most / size)):
        part = slice(number * size, (number + 1) * size)
        cut = [Replacement(turn.node, turn.old[part], turn.new[part]) for turn in turns]
        if surge == 0:
            waves.append(_wave(Replacement(turn.node, turn.old, ()) for turn in cut))
            waves.append(_wave(Replacement(turn.node, (), turn.new) for turn in cut))
        else:
            waves.append(_wave(cut))
    return [wave for wave in waves if wave.turns] or [_Wave(())]


def _wave(turns: Iterable[Replacement]) -> _Wave:
    return _Wave(tuple(turn for turn in turns if turn.old or turn.new))
