"""Search for words in main memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from heapq import nsmallest
from math import log

_WORD = re.compile(r"\w+")
SATURATION = 1.2
LENGTH_PENALTY = 0.75


def words_in(text: str) -> list[str]:
    """Letters and digits that stand together, upper and lower case alike."""
    return _WORD.findall(text.casefold())


class WordIndex:
    """Which texts have which words, and how well they answer a question.

    The relevance is Okapi BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009)
    in the form that never turns negative: the sum over the words w of the question of

        ln(1 + (N - n + 0.5) / (n + 0.5)) * f * (k + 1) / (f + k * (1 - b + b * length / mean length))

    with N texts, n of them with w, f times w in the text, k = 1.2 and b = 0.75.
    """

    def __init__(self) -> None:
        self._texts: dict[str, dict[str, int]] = {}
        self._lengths: dict[str, int] = {}
        self._counts: dict[str, Counter[str]] = {}
        self._total = 0

    def put(self, key: str, text: str | None) -> None:
        """Add a text, in place of the one with the same key; None only takes that one away."""
        self.remove(key)
        if text is None:
            return
        words = words_in(text)
        counts = Counter(words)
        for word, count in counts.items():
            self._texts.setdefault(word, {})[key] = count
        self._counts[key] = counts
        self._lengths[key] = len(words)
        self._total += len(words)

    def remove(self, key: str) -> None:
        """Forget a text, if there is one with this key."""
        for word in self._counts.pop(key, ()):
            texts = self._texts[word]
            del texts[key]
            if not texts:
                del self._texts[word]
        self._total -= self._lengths.pop(key, 0)

    def match(self, question: str, limit: int, wanted: Callable[[str], bool]) -> list[tuple[str, float]]:
        """Keys and relevance of the texts that have a word of `question`, best first."""
        relevance: dict[str, float] = {}
        number = len(self._lengths)
        mean = self._total / number if number else 1
        for word in dict.fromkeys(words_in(question)):
            texts = self._texts.get(word, {})
            weight = log(1 + (number - len(texts) + 0.5) / (len(texts) + 0.5))
            for key, count in texts.items():
                penalty = SATURATION * (1 - LENGTH_PENALTY + LENGTH_PENALTY * self._lengths[key] / mean)
                gain = weight * count * (SATURATION + 1) / (count + penalty)
                relevance[key] = relevance.get(key, 0) + gain
        found = ((key, score) for key, score in relevance.items() if wanted(key))
        return nsmallest(limit, found, key=lambda item: -item[1])
