"""The documents that fulfil a condition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, TypeAlias, TypeVar

import numpy as np

from thalweg.docs.column_store import Columns
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.query.condition import And, Comparison, Condition, Not, Or, Path
from thalweg.docs.query.language import parse
from thalweg.docs.query.matching import MISSING, against, comparison, matches, value_at
from thalweg.docs.row import row

T_doc = TypeVar("T_doc", bound=BaseDocWithoutId)
Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]


def filter_docs(
    docs: DocList[T_doc] | DocVec[T_doc],
    query: Condition | Mapping[str, Any] | Sequence[Any] | str | bytes | None,
) -> DocList[T_doc]:
    """The documents that fulfil `query`, in order, as a DocList of the same class of document.

    Args:
        docs: a DocVec is asked column by column; of it the result holds views, which write to the columns.
        query: what `thalweg.docs.query.parse` reads, or a Condition. Where nothing is asked for, all documents fulfil it
            and a DocList is returned as it is.

    Raises:
        ValueError: `query` is no query; the message says where.
    """
    condition = query if isinstance(query, (Comparison, And, Or, Not)) else parse(query)
    array: type[DocList[T_doc]] = DocList[docs.doc_type]  # type: ignore[name-defined]
    if isinstance(docs, DocVec):
        columns = docs._columns
        rows = range(len(docs)) if condition is None else np.flatnonzero(mask(condition, columns)).tolist()
        return array.trusted(row(columns, number) for number in rows)
    if condition is None:
        return docs
    return array.trusted(filter(matches(condition), docs))


def mask(condition: Condition, columns: Columns) -> Mask:
    """For each document of the columns whether it fulfils `condition`, as `matches` would say of its row."""
    match condition:
        case Comparison(path, asked, Path() as other):
            compare = comparison(asked)
            pairs = zip(_values(columns, path), _values(columns, other), strict=True)
            return _mask((right is not MISSING and compare(left, right) for left, right in pairs), columns)
        case Comparison(path, asked, operand):
            return _mask(map(against(asked, operand), _values(columns, path)), columns)
        case Not(inner):
            return ~mask(inner, columns)
        case And(several):
            return reduce(
                np.logical_and, (mask(inner, columns) for inner in several), np.ones(columns.length, np.bool_)
            )
        case Or(several):
            return reduce(
                np.logical_or, (mask(inner, columns) for inner in several), np.zeros(columns.length, np.bool_)
            )


def _mask(results: Iterable[bool], columns: Columns) -> Mask:
    return np.fromiter(results, np.bool_, columns.length)


def _values(columns: Columns, path: Path) -> Iterable[Any]:
    """The value at `path` of each document."""
    first, *rest = path.parts
    held = columns.data.get(first, MISSING)
    if held is MISSING:
        return [MISSING] * columns.length
    if isinstance(held, Columns):
        return _values(held, Path(tuple(rest))) if rest else (row(held, number) for number in range(held.length))
    values: Iterable[Any] = [None] * columns.length if held is None else held
    return map(value_at(Path(tuple(rest))), values) if rest else values
