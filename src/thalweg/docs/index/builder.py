"""Questions that are put together from several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Self

from thalweg.docs.index.collection import Unsupported


@dataclass(frozen=True)
class Ranking:
    """One way to rank documents: by the nearness of a vector (`text` is None), or by words."""

    search_field: str
    query: Any = None
    text: Any = None
    weight: float = 1.0


@dataclass(frozen=True)
class Query:
    """What `DocIndex.execute_query` takes. All `filters` hold; several `rankings` are fused."""

    rankings: tuple[Ranking, ...]
    filters: tuple[Any, ...]
    limit: int


class QueryBuilder:
    """Puts a query together: `index.build_query().find(vector, "embedding").filter({"price": {"$lt": 5}}).build()`.

    All filters have to hold, wherever they stand: they are asked before anything is ranked, so that a filter never makes
    a result shorter than the limit. One `find` or `text_search` ranks by its own score; several are fused by the
    reciprocals of their ranks, each with its `weight`.
    """

    def __init__(self) -> None:
        self._rankings: list[Ranking] = []
        self._filters: list[Any] = []
        self._limits: list[int] = []

    def find(self, query: Any, search_field: str = "", limit: int | None = None, weight: float = 1.0) -> Self:
        """Rank by nearness to a vector, or to the one in a document."""
        self._rankings.append(Ranking(search_field, query=query, weight=weight))
        return self._limited(limit)

    def text_search(self, query: Any, search_field: str = "", limit: int | None = None, weight: float = 1.0) -> Self:
        """Rank by words."""
        self._rankings.append(Ranking(search_field, text=query, weight=weight))
        return self._limited(limit)

    def filter(self, filter_query: Any, limit: int | None = None) -> Self:
        """Find only what fulfils the condition."""
        self._filters.append(filter_query)
        return self._limited(limit)

    def build(self, limit: int | None = None) -> Query:
        """The query. Without `limit` the smallest that was given to a part, or 10; a negative one means all.

        Raises:
            ValueError: nothing was asked.
        """
        if not self._rankings and not self._filters:
            raise ValueError("the query asks for nothing: add find, text_search or filter")
        wanted = limit if limit is not None else min(self._limits, default=10)
        return Query(tuple(self._rankings), tuple(self._filters), wanted)

    def find_batched(self, *arguments: Any, **options: Any) -> NoReturn:
        """Raises NotImplementedError."""
        raise Unsupported("a query that is put together answers one question; call index.find_batched instead")

    def filter_batched(self, *arguments: Any, **options: Any) -> NoReturn:
        """Raises NotImplementedError."""
        raise Unsupported("a query that is put together answers one question; call index.filter_batched instead")

    def text_search_batched(self, *arguments: Any, **options: Any) -> NoReturn:
        """Raises NotImplementedError."""
        raise Unsupported("a query that is put together answers one question; call index.text_search_batched instead")

    def _limited(self, limit: int | None) -> Self:
        if limit is not None:
            self._limits.append(limit)
        return self


_PARTS = ("find", "filter", "text_search", "find_batched", "filter_batched", "text_search_batched")


def query_from(parts: Sequence[tuple[str, Mapping[str, Any]]]) -> Query:
    """The query of a list of names and arguments, such as `[("find", {"query": ..., "search_field": ...})]`.

    Raises:
        ValueError: an unknown name.
    """
    builder = QueryBuilder()
    for name, arguments in parts:
        if name not in _PARTS:
            raise ValueError(f"{name!r} is no part of a query; there are {', '.join(_PARTS[:3])}")
        getattr(builder, name)(**arguments)
    return builder.build()
