"""A Haystack retriever over any document index."""

from __future__ import annotations

from typing import Any

from haystack import Document, component

from thalweg.docs.index import DocIndex
from thalweg.docs.integrations.passages import Passage, Passages
from thalweg.docs.traversal import traverse_flat
from thalweg.docs.typing.array import to_numpy

_COMPARISONS = {
    "==": "$eq",
    "!=": "$neq",
    ">": "$gt",
    ">=": "$gte",
    "<": "$lt",
    "<=": "$lte",
    "in": "$in",
    "not in": "$nin",
}
_LOGIC = {"AND": "$and", "OR": "$or"}


@component
class DocIndexRetriever:
    """Finds the documents of an index that are nearest to an embedding, for a Haystack pipeline.

    `search_field` holds their vectors, `content_field` their text. The other fields that are text, numbers or booleans
    become `meta`. A document's score grows with nearness: where the metric is a distance, it is the negative distance.

    `filters` are Haystack's, with fields as they are called in the documents (`meta.` before them is left out), or what
    `DocIndex.find` takes as `filter_query`.

    Raises:
        ValueError: the documents have no such field.
    """

    def __init__(
        self,
        index: DocIndex[Any],
        search_field: str,
        content_field: str,
        top_k: int = 10,
        filters: dict[str, Any] | None = None,
    ) -> None:
        self._passages = Passages(index, content_field, search_field)
        self.top_k = top_k
        self.filters = filters

    @component.output_types(documents=list[Document])
    def run(
        self, query_embedding: list[float], filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """The nearest documents, best first; `filters` and `top_k` take the place of the component's own.

        Raises:
            ValueError: filters that cannot be read.
        """
        wanted = self.filters if filters is None else filters
        query = filter_query_of(wanted) if wanted else None
        limit = self.top_k if top_k is None else top_k
        return {
            "documents": [self._document(passage) for passage in self._passages.near(query_embedding, limit, query)]
        }

    def _document(self, passage: Passage) -> Document:
        vector = traverse_flat(
            type(self._passages.index[[passage.id]])([passage.document]), self._passages.search_field
        )
        embedding = to_numpy(vector[0]).tolist() if len(vector) else None
        return Document(
            id=passage.id, content=passage.text, meta=passage.facts, embedding=embedding, score=passage.nearness
        )


def filter_query_of(filters: dict[str, Any]) -> Any:
    """Haystack's filters in our filter language; a query of ours is returned as it is.

    Raises:
        ValueError: an operator that Haystack does not have.
    """
    operator = filters.get("operator")
    if operator is None:
        return filters
    if "field" in filters:
        if operator not in _COMPARISONS:
            raise ValueError(
                f"{operator!r} compares nothing in Haystack's filters; there are {', '.join(_COMPARISONS)}"
            )
        field = str(filters["field"]).removeprefix("meta.").replace(".", "__")
        return {field: {_COMPARISONS[operator]: filters.get("value")}}
    conditions = [filter_query_of(condition) for condition in filters.get("conditions", [])]
    if operator == "NOT":
        return {"$not": {"$and": conditions}}
    if operator not in _LOGIC:
        raise ValueError(f"{operator!r} joins nothing in Haystack's filters; there are {', '.join(_LOGIC)} and NOT")
    return {_LOGIC[operator]: conditions}
