"""Documents of an index as the passages that retrieval frameworks hand to a language model: text, and facts about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from thalweg.docs.document import BaseDoc
from thalweg.docs.index import DocIndex
from thalweg.docs.query.metric import Metric

_FACTS = (str, int, float, bool)


class Passage(NamedTuple):
    """`nearness` grows the nearer the document is to the query: the score, or the negative distance."""

    id: str
    text: str
    facts: dict[str, Any]
    nearness: float
    document: Any


class Passages:
    """The documents of an index, their text in `content_field`, found by the vectors in `search_field`.

    Raises:
        ValueError: the documents have no such field.
    """

    def __init__(self, index: DocIndex[Any], content_field: str, search_field: str) -> None:
        if content_field not in index.doc_type.model_fields:
            known = ", ".join(index.doc_type.model_fields)
            raise ValueError(f"{index.doc_type.__name__} has no field {content_field!r} for the text; it has {known}")
        self.index = index
        self.content_field = content_field
        self.search_field = search_field
        self._sign = 1.0 if index.metric(search_field).descending else -1.0

    @property
    def metric(self) -> Metric:
        return self.index.metric(self.search_field)

    def near(self, vector: Sequence[float], limit: int, filter_query: Any = None) -> list[Passage]:
        """The passages nearest to `vector`, best first."""
        documents, scores = self.index.find(vector, self.search_field, limit, filter_query=filter_query)
        pairs = zip(documents, scores, strict=True)
        return [self.passage(document, self._sign * float(score)) for document, score in pairs]

    def passage(self, document: BaseDoc, nearness: float = 0.0) -> Passage:
        """A document as a passage. Of its other fields those are told that are text, numbers or booleans."""
        values = {name: getattr(document, name) for name in type(document).model_fields}
        text = values.pop(self.content_field)
        facts = {name: value for name, value in values.items() if name != "id" and isinstance(value, _FACTS)}
        return Passage(str(document.id), "" if text is None else str(text), facts, nearness, document)
