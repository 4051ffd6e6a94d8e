"""A LangChain retriever over any document index."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores.utils import maximal_marginal_relevance
from pydantic import ConfigDict, Field, PrivateAttr, SkipValidation

from thalweg.docs.index import DocIndex
from thalweg.docs.integrations.passages import Passage, Passages
from thalweg.docs.traversal import traverse_flat
from thalweg.docs.typing.array import to_numpy


class DocIndexRetriever(BaseRetriever):
    """Finds the documents of an index that are nearest to a question, for LangChain.

    `search_field` holds their vectors, made by the same `embeddings` that the question goes through; `content_field` is
    the text. The other fields that are text, numbers or booleans become metadata. `filters` is what `DocIndex.find` takes
    as `filter_query`. With `search_type="mmr"` `fetch_k` are fetched, and of these `top_k` are chosen that are near and
    unlike each other (maximal marginal relevance; `lambda_mult` 1 looks at nearness only, 0 at difference only).

    Raises:
        ValueError: the documents have no such field.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: SkipValidation[DocIndex]  # type: ignore[type-arg]  # pydantic takes no subscript of it
    embeddings: Embeddings
    search_field: str
    content_field: str
    search_type: Literal["similarity", "mmr"] = "similarity"
    top_k: int = Field(default=4, ge=1)
    fetch_k: int = Field(default=20, ge=1)
    lambda_mult: float = Field(default=0.5, ge=0, le=1)
    filters: Any = None

    _passages: Passages = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        super().model_post_init(context)
        self._passages = Passages(self.index, self.content_field, self.search_field)

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        vector = self.embeddings.embed_query(query)
        if self.search_type == "similarity":
            found = self._passages.near(vector, self.top_k, self.filters)
        else:
            found = self._diverse(vector, self._passages.near(vector, max(self.fetch_k, self.top_k), self.filters))
        return [
            Document(id=passage.id, page_content=passage.text, metadata={"id": passage.id, **passage.facts})
            for passage in found
        ]

    def _diverse(self, vector: list[float], found: list[Passage]) -> list[Passage]:
        if not found:
            return []
        array = type(self.index[[found[0].id]])
        vectors = traverse_flat(array([passage.document for passage in found]), self.search_field)
        stacked = [to_numpy(one).astype(np.float64).tolist() for one in vectors]
        chosen = maximal_marginal_relevance(np.asarray(vector), stacked, self.lambda_mult, self.top_k)
        return [found[number] for number in chosen]
