"""Puts what several shards found into one order, best first; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from thalweg.docs import AnyDoc, BaseDocWithoutId, DocList

SCORES = ("score", "distance", "scores")
"""Fields that tell how good a find is. `scores` is a mapping, of which the first number counts, as in
DocArray up to 0.21."""
NOTHING: Mapping[str, Any] = {}
FARTHER = "distance"
"""The one of them of which less is better, where the shards' own order does not say it."""


def ranked(lists: Sequence[Sequence[Any]], limit: int | None = None) -> list[Any] | None:
    """What several searches found, best first, each document once, and `limit` of them at most; None where they have no
    scores.

    Each list comes best first, and so tells whether more or less is better.
    """
    finds = [find for found in lists for find in found]
    for name in SCORES if finds else ():
        scores = [_score(find, name) for find in finds]
        if None not in scores:
            break
    else:
        return None
    sizes = [len(found) for found in lists]
    known = [score for score in scores if score is not None]
    sign = 1.0 if _ascending(known, sizes, name) else -1.0
    order = sorted(range(len(finds)), key=lambda place: math.inf if math.isnan(known[place]) else sign * known[place])
    once: dict[Any, Any] = {}
    for place in order:
        once.setdefault(_identity(finds[place]), finds[place])
    return list(once.values())[:limit]


def rank(merged: DocList[Any], answers: Sequence[DocList[Any]], limit: int | None) -> None:
    """Rank, in each of the `merged` documents, the lists of scored documents that the shards' `answers` have under its id;
    `merged` is changed. `limit` None means: what a document has as its field `limit`."""
    same: dict[str, list[Any]] = {}
    for answer in answers:
        for document in answer:
            same.setdefault(document.id, []).append(document)
    for document in merged:
        most = limit if limit is not None else limit_in(fields(document))
        parts = same.get(document.id, [])
        for name, value in list(fields(document).items()):
            if isinstance(value, (list, DocList)) and len(value):
                lists = [
                    part for part in (fields(other).get(name) for other in parts) if isinstance(part, (list, DocList))
                ]
                found = ranked(lists, most)
                if found is not None:
                    setattr(document, name, DocList[AnyDoc](found) if isinstance(value, DocList) else found)


def limit_in(values: Mapping[str, Any], *names: str) -> int | None:
    """The first of `names`, else `limit`, that is a number of documents."""
    for name in (*names, "limit"):
        value = values.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 and value == int(value):
            return int(value)
    return None


def fields(document: Any) -> Mapping[str, Any]:
    """The fields of a document, or of the mapping that stands for one."""
    if isinstance(document, BaseDocWithoutId):
        return {**document.__dict__, **(document.__pydantic_extra__ or {})}
    return document if isinstance(document, Mapping) else {}


def _field(find: Any, name: str) -> Any:
    if isinstance(find, AnyDoc):  # looked up by hand: most finds are such documents, and pydantic takes its time
        held = find.__dict__
        return held[name] if name in held else (find.__pydantic_extra__ or NOTHING).get(name)
    return find.get(name) if isinstance(find, Mapping) else getattr(find, name, None)


def _score(find: Any, name: str) -> float | None:
    value = _field(find, name)
    if name == "scores" and isinstance(value, Mapping):
        value = next(iter(value.values()), None)
        if not isinstance(value, (int, float)):
            value = _field(value, "value")
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _ascending(scores: Sequence[float], sizes: Iterable[int], name: str) -> bool:
    """Whether less is better, for lists of these sizes that stand one after the other."""
    rises = falls = False
    begin = 0
    for size in sizes:
        for one, other in pairwise(scores[begin : begin + size]):
            rises, falls = rises or one < other, falls or one > other
        begin += size
    return name == FARTHER if rises == falls else rises


def _identity(find: Any) -> Any:
    identity = _field(find, "id")
    return id(find) if identity is None else identity
