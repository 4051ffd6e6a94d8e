"""Joins the documents of several branches by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from thalweg.docs import AnyDoc, DocList

RESULTS = "__results__"


def merged_documents(branches: Sequence[DocList[Any]]) -> DocList[Any]:
    """The documents of all branches, those of one id joined into one.

    Order is that of first appearance, branches in the order given. Of a field that several branches give, the value of
    the last branch that has one other than None is kept.
    """
    if len(branches) == 1:
        return branches[0]
    joined: dict[str, dict[str, Any]] = {}
    for branch in branches:
        for document in branch:
            known = joined.setdefault(document.id, {})
            for name, value in {**document.__dict__, **(document.__pydantic_extra__ or {})}.items():
                if value is not None or name not in known:
                    known[name] = value
    return DocList[AnyDoc]([AnyDoc(**fields) for fields in joined.values()])


def merged_parameters(branches: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The parameters of all branches, later ones over earlier; what Executors reported is kept side by side."""
    together: dict[str, Any] = {}
    results: dict[str, Any] = {}
    for branch in branches:
        together.update(branch)
        results.update(branch.get(RESULTS) or {})
    if results:
        together[RESULTS] = results
    return together
