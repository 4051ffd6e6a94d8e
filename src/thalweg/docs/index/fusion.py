"""Several rankings made into one."""

from __future__ import annotations

from collections.abc import Sequence

DAMPING = 60


def fused(rankings: Sequence[Sequence[str]], weights: Sequence[float]) -> list[tuple[str, float]]:
    """Keys and scores, best first, by reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).

    The score of a key is the sum of `weight / (60 + rank)` over the rankings that have it; the first rank is 1.
    """
    scores: dict[str, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, key in enumerate(ranking, 1):
            scores[key] = scores.get(key, 0.0) + weight / (DAMPING + rank)
    return sorted(scores.items(), key=lambda item: -item[1])
