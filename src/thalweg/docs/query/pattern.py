"""Regular expressions from strangers: those whose search may take forever are found before they are run.

Python's `re` tries one way to match after the other. Where a loop can read the same text in several ways, as in `(a+)+b`,
their number doubles with each character. Such a pattern is recognised by its automaton: two different ways that lead from
a place in a loop back to it over the same text (Weber and Seidl, "On the degree of ambiguity of finite automata", 1991).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import chain, product
from typing import Any, NamedTuple

import numpy as np

LONGEST_PATTERN = 1_000
"""How many characters a pattern may have."""

_MOST_PLACES = 300
_MOST_STEPS = 200_000
_COPIES = 16
_REPEATS = re.compile(r"[*+?{]")
_TOO_LONG = "takes a simpler pattern: this one is too long to be checked"
_WAYS, _STEPS = 1e5, 32

# Python's own parser of patterns: private, but the only one that reads them as `re` does, and the same since 3.11.
_parser: Any = import_module("re._parser")


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that does not compile, or whose search may take exponential time.

    What passes takes time that is at most a power of the text's length: patterns such as `.*.*x` are slow on long text.
    A few harmless patterns are refused as well, where nothing after the loop could ever fail.

    Raises:
        ValueError: it says which.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"takes a pattern of at most {LONGEST_PATTERN:,} characters, not {len(pattern):,}")
    try:
        re.compile(pattern)
        if not _REPEATS.search(pattern):
            return
        automaton = _Automaton(_parser.parse(pattern))
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"cannot read the pattern {pattern!r}: {error}") from None
    if automaton.ambiguous():
        raise ValueError(
            f"refuses the pattern {pattern!r}: a repetition in it can read the same text in many ways, "
            "and a search could take forever"
        )


class _Part(NamedTuple):
    """A piece of the pattern: the places it may begin and end with, and whether it may be empty."""

    first: tuple[int, ...] = ()
    last: tuple[int, ...] = ()
    empty: bool = True


class _Automaton:
    """Glushkov's automaton: one place for each character class of the pattern, and which may follow which.

    An edge counts how many loops or sequences lead along it. `reads[place]` has one bit for each character of a small
    alphabet: ASCII, some others, and what the pattern names.
    """

    def __init__(self, tree: Any) -> None:
        flags = tree.state.flags
        self._ignores_case = bool(flags & re.IGNORECASE)
        self._flags = flags & (re.ASCII | re.DOTALL | re.IGNORECASE)
        self._alphabet = sorted({*map(chr, range(128)), *"é٣中\u00a0\u2028😀", *_named(tree)})
        self.reads: list[int] = []
        self.edges: Counter[tuple[int, int]] = Counter()
        self._steps = 0
        self._known: dict[tuple[str, str], int] = {}
        self._sequence(tree)

    # --- built from the tree

    def _sequence(self, items: Iterable[Any]) -> _Part:
        return self._joined(self._part(str(operator), argument) for operator, argument in items)

    def _joined(self, parts: Iterable[_Part]) -> _Part:
        """The parts one after the other."""
        whole = _Part()
        for part in parts:
            self._connect(whole.last, part.first)
            whole = _Part(
                whole.first + part.first if whole.empty else whole.first,
                whole.last + part.last if part.empty else part.last,
                whole.empty and part.empty,
            )
        return whole

    def _part(self, operator: str, argument: Any) -> _Part:
        match operator:
            case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN":
                part = self._place(operator, argument)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                part = self._repeated(*argument)
            case "SUBPATTERN":
                part = self._sequence(argument[3])
            case "ATOMIC_GROUP":
                part = self._sequence(argument)
            case "BRANCH":
                part = self._choice(argument[1])
            case "GROUPREF":
                part = self._place("ANY", None)._replace(empty=True)
            case "GROUPREF_EXISTS":
                part = self._choice([argument[1], argument[2] or ()])
            case "ASSERT" | "ASSERT_NOT":
                self._sequence(argument[1])
                part = _Part()
            case _:  # a position, such as ^ or \b
                part = _Part()
        return part

    def _choice(self, branches: Iterable[Any]) -> _Part:
        parts = [self._sequence(branch) for branch in branches]
        return _Part(
            tuple(place for part in parts for place in part.first),
            tuple(place for part in parts for place in part.last),
            any(part.empty for part in parts),
        )

    def _repeated(self, least: int, most: Any, items: Any) -> _Part:
        before = len(self.reads)
        part = self._sequence(items)
        size = len(self.reads) - before
        most = int(most)
        if most <= 1:
            return part._replace(empty=part.empty or least == 0) if most else _Part()
        if most > _COPIES or most * size > _MOST_PLACES // 2:
            self._connect(part.last, part.first)
            return part._replace(empty=part.empty or least == 0)
        copies = chain([part], (self._sequence(items) for _ in range(1, most)))
        return self._joined(copy._replace(empty=copy.empty or number >= least) for number, copy in enumerate(copies))

    def _place(self, operator: str, argument: Any) -> _Part:
        if len(self.reads) >= _MOST_PLACES:
            raise ValueError(_TOO_LONG)
        key = (operator, str(argument))
        if key not in self._known:
            self._known[key] = self._characters(operator, argument)
        self.reads.append(self._known[key])
        place = (len(self.reads) - 1,)
        return _Part(place, place, False)

    def _connect(self, ends: tuple[int, ...], starts: tuple[int, ...]) -> None:
        self.edges.update((end, start) for end in ends for start in starts)

    def _characters(self, operator: str, argument: Any) -> int:
        if operator == "ANY":
            return (1 << len(self._alphabet)) - 1
        members = argument if operator == "IN" else [(operator, argument)]
        negated = str(members[0][0]) in ("NEGATE", "NOT_LITERAL")
        found = 0
        for number, character in enumerate(self._alphabet):
            if any(self._is_member(character, str(kind), value) for kind, value in members) is not negated:
                found |= 1 << number
        return found

    def _is_member(self, character: str, kind: str, value: Any) -> bool:
        forms = {character, character.lower(), character.upper()} if self._ignores_case else {character}
        if kind in ("LITERAL", "NOT_LITERAL"):
            return chr(value) in forms
        if kind == "RANGE":
            return any(len(form) == 1 and value[0] <= ord(form) <= value[1] for form in forms)
        if kind == "CATEGORY":
            return re.match(_CATEGORIES[str(value)], character, self._flags) is not None
        return False

    # --- judged

    def ambiguous(self) -> bool:
        """Whether some text can be read in a number of ways that grows without reasonable bounds."""
        return bool(self.reads) and (any(map(self._doubles, self._loops())) or self._many_ways())

    def _loops(self) -> Iterator[list[int]]:
        """The sets of places that all lead to each other."""
        reach = np.zeros((len(self.reads), len(self.reads)), np.float32)
        for edge in self.edges:
            reach[edge] = 1
        for _ in range(len(self.reads).bit_length()):
            reach = np.minimum(reach + reach @ reach, 1)
        together = (reach * reach.T) > 0
        seen: set[int] = set()
        for place in np.flatnonzero(together.diagonal()).tolist():
            if place not in seen:
                loop = np.flatnonzero(together[place]).tolist()
                seen.update(loop)
                yield loop

    def _doubles(self, loop: list[int]) -> bool:
        """Whether two different ways lead from a place of the loop back to it over the same text."""
        inside = set(loop)
        following: dict[int, list[int]] = defaultdict(list)
        for (place, after), count in self.edges.items():
            if place in inside and after in inside:
                if count > 1:
                    return True
                following[place].append(after)
        before: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        waiting = [(place, place) for place in loop]
        seen = set(waiting)
        while waiting:
            left, right = pair = waiting.pop()
            self._steps += len(following[left]) * len(following[right])
            if self._steps > _MOST_STEPS:
                raise ValueError(_TOO_LONG)
            for both in product(following[left], following[right]):
                if self.reads[both[0]] & self.reads[both[1]]:
                    before[both].append(pair)
                    if both not in seen:
                        seen.add(both)
                        waiting.append(both)
        return _parted_before(loop, before)

    def _many_ways(self) -> bool:
        """Whether one character, repeated, can be read in very many ways, as `a?a?a?...` or `a*a*a*...` can."""
        step = np.zeros((len(self.reads), len(self.reads)))
        for edge, count in self.edges.items():
            step[edge] = count
        for places in {tuple(self._reading(number)) for number in range(len(self._alphabet))}:
            own = step[np.ix_(places, places)]
            ways = np.ones(len(places))
            for _ in range(_STEPS):
                ways = ways @ own
                if ways.sum() > _WAYS:
                    return True
        return False

    def _reading(self, character: int) -> Iterator[int]:
        return (place for place, reads in enumerate(self.reads) if reads >> character & 1)


def _parted_before(loop: list[int], before: dict[tuple[int, int], list[tuple[int, int]]]) -> bool:
    """Whether a pair of equal places can be reached from a pair of different ones."""
    waiting = [(place, place) for place in loop]
    seen = set(waiting)
    while waiting:
        for earlier in before[waiting.pop()]:
            if earlier[0] != earlier[1]:
                return True
            if earlier not in seen:
                seen.add(earlier)
                waiting.append(earlier)
    return False


def _named(items: Any) -> Iterator[str]:
    """The characters that a parsed pattern names, wherever they stand."""
    if isinstance(items, int) and 0 <= items < 0x110000:
        yield chr(items)
    elif isinstance(items, (list, tuple)) or hasattr(items, "data"):
        for item in items:
            yield from _named(item)


_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}
