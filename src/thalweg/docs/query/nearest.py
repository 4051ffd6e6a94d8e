"""The documents that are nearest to a vector."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, TypeVar

import numpy as np

from thalweg.docs.computation import backend_of_library
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import AnyDoc, BaseDocWithoutId
from thalweg.docs.fields import Holds, field_kinds
from thalweg.docs.query.language import path_of
from thalweg.docs.query.matching import MISSING, value_at
from thalweg.docs.query.metric import Metric
from thalweg.docs.query.result import FindResult, FindResultBatched
from thalweg.docs.query.schema import check_path
from thalweg.docs.query.stack import stack_of
from thalweg.docs.query.vectors import Array
from thalweg.docs.typing.array import is_tensor, to_numpy

A = TypeVar("A", bound="DocList[Any] | DocVec[Any]")


def find(
    index: A,
    query: Any,
    search_field: str = "",
    metric: str | Metric = "cosine_sim",
    limit: int = 10,
    device: Any = None,
    descending: bool | None = None,
    cache: MutableMapping[str, Any] | None = None,
) -> FindResult[A]:
    """The documents of `index` whose vectors are nearest to `query`, exactly.

    Scores are computed in float64 and rounded to float32, or kept where the vectors are float64, int32 or wider. A vector
    of zeros has cosine 0 with every other; a document without a vector is never found; NaN comes last.

    Args:
        index: a typed array of documents. Of a DocVec the stacked column is searched where it is.
        query: a vector (d,) or (1, d), a tensor of any library or a list of numbers; or a document, whose `search_field`
            is the vector.
        search_field: the field of the vectors, or a path to it such as `image__embedding`. It may be left out where the
            class has only one tensor.
        metric: "cosine_sim", "dot", "euclidean_dist" or "sqeuclidean_dist"; see `Metric`.
        limit: how many documents to find.
        device: where to compare them; None is where they are.
        descending: whether the greatest score is the best; None asks the metric.
        cache: an empty dict, handed to every search in the same index. It keeps the stacked vectors and their lengths, so
            that only the first search has to make them. Other documents, another number of them and other tensors in them
            are noticed (by a sample of sixteen); numbers that are written into a tensor are not: empty it then.

    Returns:
        The documents, and their scores in the library of the vectors, (limit,) or fewer.

    Raises:
        ValueError: the class has no such field, the query is no vector of the same size, tensors differ in shape, a limit
            below zero, or an unknown metric.
    """
    queries = _vectors_of([query] if _is_one(query) else query, search_field, index)
    if len(queries) != 1:
        raise ValueError(f"find takes one vector, not {len(queries)}; find_batched takes several")
    found = _search(index, queries, search_field, Metric.named(metric), limit, device, descending, cache)
    return FindResult(found.documents[0], found.scores[0])


def find_batched(
    index: A,
    query: Any,
    search_field: str = "",
    metric: str | Metric = "cosine_sim",
    limit: int = 10,
    device: Any = None,
    descending: bool | None = None,
    cache: MutableMapping[str, Any] | None = None,
) -> FindResultBatched[A]:
    """For each of several queries what `find` finds.

    Args:
        index: as for `find`.
        query: vectors (n, d), a tensor or nested lists; or a DocList, a DocVec or a list of documents.
        search_field, metric, limit, device, descending, cache: as for `find`.

    Raises:
        ValueError: as `find` does.
    """
    queries = _vectors_of(query, search_field, index)
    return _search(index, queries, search_field, Metric.named(metric), limit, device, descending, cache)


def _search(
    index: A,
    queries: Array,
    search_field: str,
    metric: Metric,
    limit: int,
    device: Any,
    descending: bool | None,
    cache: MutableMapping[str, Any] | None,
) -> FindResultBatched[A]:
    if limit < 0:
        raise ValueError(f"the number of documents to find is not negative, but {limit} was given")
    name = _field_of(index, search_field)
    stack = stack_of(index, name, device, cache)
    if stack.vectors is None:
        none = backend_of_library(stack.library).from_numpy(np.zeros(0, np.float32))
        return FindResultBatched([_documents(index, []) for _ in queries], [none for _ in queries])
    vectors = stack.vectors
    if len(queries) and queries.shape[1] != vectors.size:
        raise ValueError(f"the query has {queries.shape[1]} numbers, but the vectors of {name} have {vectors.size}")
    rows, scores = vectors.nearest(queries, metric, limit, descending)
    documents = [_documents(index, stack.numbers(found).tolist()) for found in rows]
    return FindResultBatched(
        documents, [vectors.backend.from_numpy(part.astype(vectors.dtype), vectors.tensor) for part in scores]
    )


def _documents(index: A, rows: list[int]) -> A:
    found: A = index[rows]  # type: ignore[assignment]
    return found


# --- the query


def _is_one(query: Any) -> bool:
    if isinstance(query, BaseDocWithoutId):
        return True
    if isinstance(query, (list, tuple)):
        return not query or (not isinstance(query[0], (list, tuple, BaseDocWithoutId)) and not is_tensor(query[0]))
    return is_tensor(query) and len(query.shape) == 1


def _vectors_of(query: Any, search_field: str, index: Any) -> Array:
    """The queries as (n, d) in float64."""
    if isinstance(query, (DocList, DocVec)) or (
        isinstance(query, (list, tuple)) and query and isinstance(query[0], BaseDocWithoutId)
    ):
        query = [_vector_in(doc, _field_of(index, search_field)) for doc in query]
    if isinstance(query, (list, tuple)):
        query = [to_numpy(item) if is_tensor(item) else item for item in query]
    elif not is_tensor(query):
        raise ValueError(f"a query is a vector, a list of numbers or a document, not {type(query).__name__}")
    try:
        array = np.asarray(to_numpy(query) if is_tensor(query) else query)
        queries = array.astype(np.float64, casting="same_kind" if array.dtype.kind in "biuf" else "no")
    except (TypeError, ValueError) as error:
        raise ValueError(f"the query is no vector of numbers: {error}") from None
    if queries.ndim == 1:
        queries = queries[None] if queries.size else queries.reshape(0, 0)
    if queries.ndim != 2:
        raise ValueError(f"a query has one dimension, or two where there are several, but this one has {queries.ndim}")
    return queries


def _vector_in(doc: BaseDocWithoutId, name: str) -> Any:
    found = value_at(path_of(name))(doc)
    if found is MISSING or found is None:
        raise ValueError(f"the query has no vector: its {name} is {'not there' if found is MISSING else 'None'}")
    return found


def _field_of(index: Any, search_field: str) -> str:
    doc_type = index.doc_type
    if search_field:
        if doc_type is not AnyDoc:
            check_path(path_of(search_field), doc_type)
        return search_field
    tensors = [name for name, kind in field_kinds(doc_type).items() if kind.holds is Holds.TENSOR]
    if len(tensors) != 1:
        there = f"there are {', '.join(map(repr, tensors))}" if tensors else "there is none"
        raise ValueError(f"search_field has to say which tensor of {doc_type.__name__} is searched: {there}")
    return tensors[0]
