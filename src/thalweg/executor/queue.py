"""Which of the requests that wait has its turn next; pure.

The higher priority goes first, always. Within a priority the keys of sharing take turns, one request each (round robin, the
case of equal sizes of M. Shreedhar and G. Varghese, "Efficient Fair Queuing Using Deficit Round Robin", SIGCOMM 1995):
one caller with a thousand requests holds another with two up by two requests, not by a thousand. Within a key, who came
first goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")

Line: TypeAlias = "OrderedDict[T, None]"
"""What waits under one key, in order of arrival. A dictionary, since whoever is called off leaves from the middle."""


class FairQueue(Generic[T]):
    """Items are compared by identity or by what they are equal to, and each is in the queue at most once. Every operation
    takes the same time however much waits, except `ahead` and `displaced`, which look at each key of one priority.

    Most requests have priority 0 and no key. Their line is always there, so that nothing is made or thrown away for them.
    """

    __slots__ = ("_levels", "_order", "_others", "_plain")

    def __init__(self) -> None:
        self._plain: Line[T] = OrderedDict()
        self._others = 0
        """Items that are not in the plain line."""
        self._levels: dict[int, OrderedDict[str, Line[T]]] = {0: OrderedDict({"": self._plain})}
        """Priority -> key -> line. The key that has its turn next stands first."""
        self._order: list[int] = [0]
        """The priorities that there are, the highest first."""

    def __len__(self) -> int:
        return len(self._plain) + self._others

    def __iter__(self) -> Iterator[T]:
        """Everything that waits, in no order that means anything."""
        for level in self._levels.values():
            for line in level.values():
                yield from line

    def put(self, item: T, priority: int = 0, share: str = "") -> None:
        """`item` waits from now on."""
        if not priority and not share:
            self._plain[item] = None
            return
        level = self._levels.get(priority)
        if level is None:
            level = self._levels[priority] = OrderedDict()
            self._order.append(priority)
            self._order.sort(reverse=True)
        line = level.get(share)
        if line is None:
            line = level[share] = OrderedDict()
        line[item] = None
        self._others += 1

    def take(self) -> T | None:
        """Take out what has its turn; None where nothing waits."""
        if not self._others:
            return self._plain.popitem(last=False)[0] if self._plain else None
        for priority in self._order:
            level = self._levels[priority]
            for share, line in level.items():
                if line:
                    item, _ = line.popitem(last=False)
                    level.move_to_end(share)
                    self._left(priority, share, line)
                    return item
        return None

    def remove(self, item: T, priority: int = 0, share: str = "") -> bool:
        """Take out `item`, which was put with this priority and key; False where it does not wait any more."""
        level = self._levels.get(priority)
        line = level.get(share) if level is not None else None
        if line is None or item not in line:
            return False
        del line[item]
        self._left(priority, share, line)
        return True

    def ahead(self, priority: int, share: str) -> int:
        """How many of those that wait now have their turn before a newcomer with this priority and key."""
        count = 0
        for level in self._order:
            if level < priority:
                break
            lines = self._levels[level]
            if level > priority:
                count += sum(map(len, lines.values()))
            else:
                own = len(lines.get(share, ()))
                count += own + sum(min(len(line), own + 1) for key, line in lines.items() if key != share)
        return count

    def displaced(self, priority: int, share: str, may_go: Callable[[T], bool]) -> T | None:
        """Take out what should give its place to a newcomer: the last of the longest line of the lowest priority below
        the newcomer's; where there is none, that of the newcomer's own priority, if it stays at least as long as the
        newcomer's with it. None where the newcomer has to go, or where `may_go` says no to the one that would."""
        for lowest in reversed(self._order):
            if lowest > priority:
                return None
            level = self._levels[lowest]
            longest = max(level, key=lambda key: len(level[key]))
            line = level[longest]
            if not line:
                continue
            if lowest == priority and len(line) - 1 <= len(level.get(share, ())):
                return None
            item = next(reversed(line))
            if not may_go(item):
                return None
            del line[item]
            self._left(lowest, longest, line)
            return item
        return None

    def _left(self, priority: int, share: str, line: Line[T]) -> None:
        """An item has left `line`."""
        if line is self._plain:
            return
        self._others -= 1
        if line:
            return
        level = self._levels[priority]
        del level[share]
        if not level:
            del self._levels[priority]
            self._order.remove(priority)
