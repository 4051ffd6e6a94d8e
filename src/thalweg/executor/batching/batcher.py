"""When a batch is closed, and what is in it. Knows no clock, thread or loop."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from thalweg.executor.batching.pace import Pace

T = TypeVar("T", bound=Hashable)


class Reason(StrEnum):
    """Why a batch was closed."""

    FULL = "full"
    """Nothing more fits."""
    TIMEOUT = "timeout"
    """Its oldest document has waited for as long as it may."""
    REST = "rest"
    """It begins with the rest of a request whose first documents have gone already."""
    IDLE = "idle"
    """Nothing ran, and waiting for more company would have cost more than it brings. With a latency objective only."""
    FLUSH = "flush"
    """It was full, and `flush_all` takes everything that waits."""
    SHUTDOWN = "shutdown"
    """Nobody comes any more."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`size` is the most that one batch may count, and `wait` the seconds that a document waits for company at most.
    With `flush_all` a batch that reached its size takes all that waits. `slots` batches run side by side; None: any
    number. With `ahead` one full batch more is handed over, to somebody who lets it wait for a slot."""

    size: float
    wait: float
    flush_all: bool = False
    slots: int | None = 1
    ahead: bool = True


class Slice(NamedTuple, Generic[T]):
    """Documents `start` to `stop` of a request."""

    request: T
    start: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class Batch(Generic[T]):
    """What is to run in one call. `cost` is what its documents count together, `waited` the seconds that the oldest of
    them has waited."""

    slices: tuple[Slice[T], ...]
    reason: Reason
    cost: float
    waited: float

    @property
    def size(self) -> int:
        """Its documents."""
        return sum(part.stop - part.start for part in self.slices)


class Decision(NamedTuple, Generic[T]):
    """Run these, in this order, and call `tick` at `wake` where nothing else happens before."""

    batches: Sequence[Batch[T]]
    wake: float | None


class _Waiting(Generic[T]):
    """A request of which documents wait; those before `begin` have gone."""

    __slots__ = ("arrived", "begin", "costs", "count", "number", "queue", "request", "total")

    def __init__(
        self, request: T, number: int, queue: _Queue[T], count: int, costs: Sequence[float] | None, now: float
    ) -> None:
        self.request = request
        self.number = number
        self.queue = queue
        self.count = count
        self.costs = costs
        self.total: float = count if costs is None else sum(costs)
        self.arrived = now
        self.begin = 0

    def take(self, room: float, alone: bool) -> tuple[int, float]:
        """The end of what fits into `room`, and what it counts. `alone`: one document must go, however much it counts."""
        costs = self.costs
        if costs is None:
            stop = min(self.count, self.begin + max(int(room), 1 if alone else 0))
            return stop, stop - self.begin
        stop, used = self.begin, 0.0
        while stop < self.count and (used + costs[stop] <= room or (alone and stop == self.begin)):
            used += costs[stop]
            stop += 1
        return stop, used


class _Queue(Generic[T]):
    """What waits under one key, in the order in which it came. `total` is what it counts."""

    __slots__ = ("key", "total", "waiting")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.waiting: deque[_Waiting[T]] = deque()
        self.total: float = 0


class Batcher(Generic[T]):
    """Joins the documents of requests into batches: `(event, now) -> Decision`.

    * A batch never counts more than its size, except for a single document that counts more than that by itself, and
      with `flush_all`. A request that does not fit is split, and what is left of it goes next, without waiting again.
    * Requests with different keys never share a batch. Under one key documents go in the order in which they came.
    * A batch goes when it is full, or when its oldest document has waited for `wait` seconds, as soon as there is a slot
      for it. Until then it grows: while the slots are taken, waiting costs nothing. Of several that may go, the one with
      the oldest document goes first. One full batch is handed over ahead of time where somebody lets it wait, so that a
      slot never stands empty between the end of one and the begin of the next.
    * With a `pace` the size is what that one allows, and a batch also goes when waiting no longer pays.
    * What is empty is forgotten at once: keys, requests and timers.

    Times are seconds on any clock. A request is any hashable object, known from `arrive` until its last document went.
    """

    def __init__(self, rules: Rules, pace: Pace | None = None) -> None:
        self._rules = rules
        self._pace = pace
        self._queues: dict[Hashable, _Queue[T]] = {}
        self._ready: dict[_Queue[T], None] = {}
        self._waiting: OrderedDict[T, _Waiting[T]] = OrderedDict()
        self._number = 0
        self._running = 0
        self._free_since = float("-inf")
        self._draining = False

    @property
    def running(self) -> int:
        """Batches that were given out and are not complete."""
        return self._running

    @property
    def waiting(self) -> int:
        """Requests of which documents wait."""
        return len(self._waiting)

    @property
    def keys(self) -> int:
        """Different keys under which something waits."""
        return len(self._queues)

    @property
    def size(self) -> float:
        """What a batch may count now."""
        return self._rules.size if self._pace is None else self._pace.size

    def arrive(
        self, request: T, key: Hashable, count: int, now: float, costs: Sequence[float] | None = None
    ) -> Decision[T]:
        """`count` documents have come, at least one. `costs` says what each of them counts; one each where it is None."""
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = _Queue(key)
        entry = _Waiting(request, self._number, queue, count, costs, now)
        self._number += 1
        self._waiting[request] = entry
        queue.waiting.append(entry)
        queue.total += entry.total
        if self._pace is not None:
            self._pace.arrive(now)
        self._mark(queue)
        return self._decide(now)

    def withdraw(self, request: T, now: float) -> Decision[T]:
        """Nobody waits for `request` any more: its documents that have not gone stay away."""
        entry = self._waiting.pop(request, None)
        if entry is not None:
            queue = entry.queue
            queue.waiting.remove(entry)
            self._spend(queue, entry.total)
        return self._decide(now)

    def complete(self, batch: Batch[T], now: float, seconds: float | None = None) -> Decision[T]:
        """`batch` has ended; it ran for `seconds`, None where that says nothing about its cost."""
        self._running -= 1
        if not self._full_slots:
            self._free_since = now
        if self._pace is not None:
            before = self._pace.size
            self._pace.complete(batch.cost, batch.waited, seconds, now)
            if self._pace.size != before:
                for queue in self._queues.values():
                    self._mark(queue)
        return self._decide(now)

    def tick(self, now: float) -> Decision[T]:
        """Time has passed."""
        return self._decide(now)

    def drain(self, now: float) -> Decision[T]:
        """From now on nothing waits for company."""
        self._draining = True
        return self._decide(now)

    # --- deciding

    @property
    def _full_slots(self) -> bool:
        return self._rules.slots is not None and self._running >= self._rules.slots

    def _decide(self, now: float) -> Decision[T]:
        batches: list[Batch[T]] = []
        while True:
            chosen = self._next(now)
            if chosen is None:
                break
            batches.append(self._cut(*chosen, now))
        return Decision(batches, self._wake())

    def _next(self, now: float) -> tuple[_Queue[T], Reason] | None:
        """The queue whose batch goes now, and why."""
        slots = self._rules.slots
        if not self._waiting or (slots is not None and self._running >= slots + self._rules.ahead):
            return None
        chosen = self._due(now)
        if chosen is None or not self._full_slots or chosen[1] in (Reason.FULL, Reason.FLUSH):
            # A batch that may still grow is not given out ahead, and neither is one that came later than it.
            return chosen
        return None

    def _due(self, now: float) -> tuple[_Queue[T], Reason] | None:
        oldest = self._oldest()
        queue = oldest.queue
        if queue not in self._ready:
            if self._draining:
                return queue, Reason.SHUTDOWN
            moment, reason = self._closing(oldest)
            if moment <= now:
                return queue, reason
            if not self._ready:
                return None
            queue = min(self._ready, key=_head)
        if queue.total < self.size:
            return queue, Reason.REST
        return queue, Reason.FLUSH if self._rules.flush_all else Reason.FULL

    def _closing(self, oldest: _Waiting[T]) -> tuple[float, Reason]:
        """When the batch that begins with `oldest` goes, unless it is full before."""
        latest = oldest.arrived + self._rules.wait
        if self._pace is not None:
            queue = oldest.queue
            moment = self._pace.closing(len(queue.waiting), queue.total, oldest.arrived, self._free_since)
            if moment < latest:
                return moment, Reason.IDLE
        return latest, Reason.TIMEOUT

    def _wake(self) -> float | None:
        """While the slots are taken nothing but an event changes anything."""
        if not self._waiting or self._full_slots:
            return None
        return self._closing(self._oldest())[0]

    def _oldest(self) -> _Waiting[T]:
        return next(iter(self._waiting.values()))

    # --- cutting

    def _cut(self, queue: _Queue[T], reason: Reason, now: float) -> Batch[T]:
        room = float("inf") if self._rules.flush_all else self.size
        waited = now - queue.waiting[0].arrived
        slices: list[Slice[T]] = []
        cost: float = 0
        while queue.waiting:
            entry = queue.waiting[0]
            stop, used = (
                (entry.count, entry.total) if room == float("inf") else entry.take(room - cost, alone=not slices)
            )
            if stop == entry.begin:
                break
            slices.append(Slice(entry.request, entry.begin, stop))
            cost += used
            entry.begin = stop
            entry.total -= used
            if stop < entry.count:
                break
            queue.waiting.popleft()
            del self._waiting[entry.request]
        self._spend(queue, cost)
        self._running += 1
        return Batch(tuple(slices), reason, cost, waited)

    def _spend(self, queue: _Queue[T], cost: float) -> None:
        queue.total -= cost
        if queue.waiting:
            self._mark(queue)
            return
        self._ready.pop(queue, None)
        # An emptied queue is another's to make: a sum of fractions that came out a little beside zero goes with it.
        del self._queues[queue.key]

    def _mark(self, queue: _Queue[T]) -> None:
        """Remember whether `queue` may go without regard to time."""
        if queue.total >= self.size or queue.waiting[0].begin:
            self._ready[queue] = None
        else:
            self._ready.pop(queue, None)


def _head(queue: _Queue[T]) -> int:
    return queue.waiting[0].number
