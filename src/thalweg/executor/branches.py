"""Documents of several branches that come unjoined, as a method gets them."""

from __future__ import annotations

from typing import Any

from thalweg.errors import MalformedRequest
from thalweg.executor.outcome import Documents
from thalweg.message.branches import BRANCHES


def matrix_and_map(docs: Documents, sent: dict[str, Any]) -> dict[str, Any]:
    """The arguments `docs_matrix` and `docs_map`: the documents of each branch, in order, and by name. They are those that
    stand in `docs`, too. Where nothing is said of branches, all of them are one, without a name.

    Raises:
        MalformedRequest: what `sent` says of branches does not fit the documents.
    """
    if BRANCHES not in sent:
        return {"docs_matrix": [docs], "docs_map": {}}
    matrix: list[Documents] = []
    named: dict[str, Documents] = {}
    begin = 0
    for name, count in _counts(sent[BRANCHES], len(docs)):
        named[name] = docs[begin : begin + count]
        matrix.append(named[name])
        begin += count
    return {"docs_matrix": matrix, "docs_map": named}


def without_branches(sent: dict[str, Any]) -> dict[str, Any]:
    """The parameters that come back."""
    return {name: value for name, value in sent.items() if name != BRANCHES}


def _counts(branches: Any, documents: int) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for branch in branches if isinstance(branches, (list, tuple)) else [None]:
        match branch:
            case [str(name), int(count)] if count >= 0:
                found.append((name, count))
            case _:
                raise MalformedRequest(f"The parameter {BRANCHES} is a list of names and numbers of documents.")
    if sum(count for _, count in found) != documents:
        raise MalformedRequest(f"The parameter {BRANCHES} does not count the {documents} documents of the request.")
    return found
