"""What a search finds."""

from __future__ import annotations

from typing import Any, Generic, NamedTuple, TypeVar

T_roots = TypeVar("T_roots")
T_docs = TypeVar("T_docs")


class FindResult(NamedTuple, Generic[T_docs]):
    """Documents, best first, and their scores: an array or tensor of as many numbers."""

    documents: T_docs
    scores: Any


class FindResultBatched(NamedTuple, Generic[T_docs]):
    """For each query its documents, best first, and their scores."""

    documents: list[T_docs]
    scores: list[Any]


class SubindexFindResult(NamedTuple, Generic[T_roots]):
    """Documents that were found in lists of others, best first, and beside each the document that holds the lists."""

    root_documents: T_roots
    sub_documents: Any
    scores: Any
