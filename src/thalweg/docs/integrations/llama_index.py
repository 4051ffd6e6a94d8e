"""A LlamaIndex retriever over any document index."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from thalweg.docs.index import DocIndex
from thalweg.docs.integrations.passages import Passage, Passages


class DocIndexRetriever(BaseRetriever):
    """Finds the documents of an index that are nearest to a question, for LlamaIndex.

    `search_field` holds their vectors, made by the same `embed_model` that the question goes through; a question that
    brings its embedding needs none. `content_field` is the text. The other fields that are text, numbers or booleans become
    metadata. A node's score grows with nearness: where the metric is a distance, it is the negative distance. `filters` is
    what `DocIndex.find` takes as `filter_query`.

    Raises:
        ValueError: the documents have no such field.
    """

    def __init__(
        self,
        index: DocIndex[Any],
        search_field: str,
        content_field: str,
        embed_model: BaseEmbedding | None = None,
        similarity_top_k: int = 2,
        filters: Any = None,
        **options: Any,
    ) -> None:
        self._passages = Passages(index, content_field, search_field)
        self._embed_model = embed_model
        self._top_k = similarity_top_k
        self._filters = filters
        super().__init__(**options)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        vector = query_bundle.embedding
        if vector is None:
            if self._embed_model is None:
                raise ValueError("the question has no embedding; give the retriever an embed_model")
            vector = self._embed_model.get_agg_embedding_from_queries(query_bundle.embedding_strs)
        return list(map(_node, self._passages.near(vector, self._top_k, self._filters)))


def _node(passage: Passage) -> NodeWithScore:
    node = TextNode(id_=passage.id, text=passage.text, metadata=passage.facts)
    return NodeWithScore(node=node, score=passage.nearness)
