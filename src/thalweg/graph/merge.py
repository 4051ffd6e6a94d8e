"""Joins the documents of several branches; pure.

What comes out depends on what goes in and on the order of the branches alone, never on which of them was there first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from thalweg.docs import AnyDoc, BaseDocWithoutId, DocList
from thalweg.docs.equality import same

RESULTS = "__results__"


def merged_documents(branches: Sequence[DocList[Any]], order: Sequence[str] = ()) -> DocList[Any]:
    """The documents of all branches, those of one id joined into one.

    Of what several branches say of one document the later ones win, and None wins over nothing. Mappings, and documents in
    fields, are joined key by key, and sets united. Of two lists what both begin with is taken once, then comes the rest of
    the earlier one, then that of the later one; lists of documents are joined by their ids. Everything else, tensors too,
    is replaced.

    They come in the `order` of these ids, and others behind them as they first appear; without it all as they appear.
    """
    found: dict[str, Any] = {}
    joined: dict[str, dict[str, Any]] = {}
    for branch in branches:
        for document in branch:
            first = found.setdefault(document.id, document)
            if first is document:
                continue
            known = joined.get(document.id)
            if known is None:
                known = joined[document.id] = dict(_fields(first) or {})
            _join(known, _fields(document) or {})
    for identity, fields in joined.items():
        found[identity] = AnyDoc(**fields)
    return reordered(DocList[AnyDoc](found.values()), order)


def reordered(documents: DocList[Any], order: Sequence[str]) -> DocList[Any]:
    """`documents` in the `order` of these ids, all others behind them as they came."""
    if not order:
        return documents
    places = {identity: place for place, identity in enumerate(order)}
    return documents.trusted(sorted(documents, key=lambda document: places.get(document.id, len(places))))


def around(given: Sequence[Any], taken: Sequence[bool], answered: Sequence[Any]) -> list[Any]:
    """What becomes of `given` where only those that are `taken` went through an Executor, which `answered`.

    Each answer stands where the document of its id stood. Where none of the ids is known and there are as many answers as
    questions, they stand in their places, in order. What is new besides comes at the end; what was taken and not answered is
    gone.
    """
    asked = [document.id for document, took in zip(given, taken, strict=True) if took]
    known = set(asked)
    answers = {answer.id: answer for answer in answered if answer.id in known}
    if not answers and len(answered) == len(asked):
        answers = dict(zip(asked, answered, strict=True))
    placed = [answers.get(document.id) if took else document for document, took in zip(given, taken, strict=True)]
    used = {id(answer) for answer in answers.values()}
    fresh = [answer for answer in answered if id(answer) not in used]
    return [document for document in placed if document is not None] + fresh


def merged_parameters(branches: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The parameters of all branches, later ones over earlier; what Executors reported is kept side by side."""
    together: dict[str, Any] = {}
    results: dict[str, Any] = {}
    for branch in branches:
        together.update(branch)
        results.update(branch.get(RESULTS) or {})
    if results:
        together[RESULTS] = results
    return together


def _fields(value: Any) -> Mapping[str, Any] | None:
    """The fields of a document, or of the mapping that stands for one; None for anything else."""
    if isinstance(value, BaseDocWithoutId):
        extra = value.__pydantic_extra__
        return {**value.__dict__, **extra} if extra else value.__dict__
    return value if isinstance(value, Mapping) else None


def _join(known: dict[str, Any], later: Mapping[str, Any]) -> None:
    for name, value in later.items():
        if value is None:
            known.setdefault(name, None)
        elif (held := known.get(name)) is None:
            known[name] = value
        elif held is not value:
            known[name] = _joined(held, value)


def _joined(earlier: Any, later: Any) -> Any:
    if isinstance(earlier, _LISTS) and isinstance(later, _LISTS):
        return _joined_lists(earlier, later)
    if isinstance(earlier, (set, frozenset)) and isinstance(later, (set, frozenset)):
        return earlier | later
    held, fields = _fields(earlier), _fields(later)
    if held is None or fields is None:
        return later
    together = dict(held)
    _join(together, fields)
    return AnyDoc(**together) if isinstance(earlier, BaseDocWithoutId) else together


def _joined_lists(earlier: Sequence[Any], later: Sequence[Any]) -> Sequence[Any]:
    left, right = _by_id(earlier), _by_id(later)
    if left is not None and right is not None:
        for identity, document in right.items():
            left[identity] = _joined(left[identity], document) if identity in left else document
        together = list(left.values())
        return DocList[AnyDoc](together) if isinstance(earlier, DocList) else together
    if _equal(earlier, later):
        return earlier
    shared = 0
    for one, other in zip(earlier, later, strict=False):
        if not same(one, other):
            break
        shared += 1
    return [*earlier, *later[shared:]]


def _equal(earlier: Sequence[Any], later: Sequence[Any]) -> bool:
    try:
        return bool(earlier == later)
    except ValueError:  # arrays in it, which have no one truth
        return False


def _by_id(documents: Sequence[Any]) -> dict[str, Any] | None:
    """A list of documents, or of mappings that stand for them, by their ids; None where it is something else, or empty."""
    found: dict[str, Any] = {}
    for document in documents:
        identity = (_fields(document) or {}).get("id")
        if not isinstance(identity, str) or identity in found:
            return None
        found[identity] = document
    return found or None


_LISTS = (list, DocList)


def thinned(branches: Sequence[Any], taken: Sequence[bool]) -> list[list[Any]]:
    """What `BRANCHES` says where only the documents that are `taken` are left."""
    counts, begin = [], 0
    for name, count in branches:
        counts.append([name, sum(taken[begin : begin + count])])
        begin += count
    return counts
