"""The retrievers of LangChain, Haystack and LlamaIndex find what the index finds."""

import warnings
from typing import Any

import numpy as np
import pytest

from thalweg.docs import BaseDoc, DocList
from thalweg.docs.index import InMemoryExactNNIndex
from thalweg.docs.integrations.passages import Passages
from thalweg.docs.typing import NdArray

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what the three frameworks warn of when they are loaded is theirs
    from haystack import Pipeline
    from langchain_core.embeddings import Embeddings
    from langchain_core.runnables import RunnableLambda
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.core.schema import QueryBundle

    from thalweg.docs.integrations import haystack, langchain, llama_index


class Note(BaseDoc):
    text: str
    year: int
    source: str | None = None
    embedding: NdArray[3]


VECTORS = {"spring": [1.0, 0, 0], "brook": [0.9, 0.1, 0], "river": [0.8, 0.3, 0], "sea": [0, 0, 1.0]}


def notes() -> DocList[Note]:
    return DocList[Note](
        Note(id=text, text=text, year=2000 + number, embedding=vector)
        for number, (text, vector) in enumerate(VECTORS.items())
    )


@pytest.fixture
def index() -> InMemoryExactNNIndex[Note]:
    made = InMemoryExactNNIndex[Note]()
    made.index(notes())
    return made


class Meaning(Embeddings):
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [VECTORS[text] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return VECTORS[text]


def lang(index: Any, **options: Any) -> Any:
    return langchain.DocIndexRetriever(
        index=index, embeddings=Meaning(), search_field="embedding", content_field="text", **options
    )


def test_langchain_gets_text_and_metadata_nearest_first(index: Any) -> None:
    found = lang(index, top_k=2).invoke("spring")
    assert [(doc.page_content, doc.metadata, doc.id) for doc in found] == [
        ("spring", {"id": "spring", "year": 2000}, "spring"),
        ("brook", {"id": "brook", "year": 2001}, "brook"),
    ]


def test_langchain_s_filters_are_those_of_the_index(index: Any) -> None:
    assert [doc.page_content for doc in lang(index, filters={"year": {"$gte": 2002}}).invoke("spring")] == [
        "river",
        "sea",
    ]


def test_langchain_s_marginal_relevance_prefers_what_is_different(index: Any) -> None:
    near = lang(index, search_type="mmr", top_k=2, lambda_mult=1).invoke("spring")
    different = lang(index, search_type="mmr", top_k=2, lambda_mult=0).invoke("spring")
    assert [doc.page_content for doc in near] == ["spring", "brook"]
    assert [doc.page_content for doc in different] == ["spring", "sea"]
    assert lang(InMemoryExactNNIndex[Note](), search_type="mmr").invoke("spring") == []


async def test_langchain_chains_and_awaits_it(index: Any) -> None:
    chain = lang(index, top_k=1) | RunnableLambda(lambda docs: docs[0].page_content)
    assert await chain.ainvoke("sea") == "sea"
    assert await chain.abatch(["sea", "spring"]) == ["sea", "spring"]


def test_haystack_s_pipeline_runs_it(index: Any) -> None:
    pipeline = Pipeline()
    pipeline.add_component("retriever", haystack.DocIndexRetriever(index, "embedding", "text", top_k=2))
    (first, second) = pipeline.run({"retriever": {"query_embedding": [1.0, 0, 0]}})["retriever"]["documents"]
    assert (first.id, first.content, first.meta, first.embedding) == ("spring", "spring", {"year": 2000}, [1.0, 0, 0])
    assert first.score == pytest.approx(1.0)
    assert second.score < first.score


@pytest.mark.parametrize(
    "filters, expected",
    [
        ({"field": "meta.year", "operator": ">=", "value": 2002}, {"river", "sea"}),
        ({"field": "meta.text", "operator": "not in", "value": ["sea", "river"]}, {"spring", "brook"}),
        (
            {
                "operator": "OR",
                "conditions": [
                    {"field": "meta.year", "operator": "==", "value": 2000},
                    {
                        "operator": "NOT",
                        "conditions": [{"field": "meta.year", "operator": "<", "value": 2003}],
                    },
                ],
            },
            {"spring", "sea"},
        ),
        ({"year": {"$eq": 2001}}, {"brook"}),
    ],
)
def test_haystack_s_filters_are_understood(index: Any, filters: dict[str, Any], expected: set[str]) -> None:
    retriever = haystack.DocIndexRetriever(index, "embedding", "text")
    found = retriever.run([1.0, 0, 0], filters=filters)["documents"]
    assert {doc.content for doc in found} == expected


@pytest.mark.parametrize(
    "filters", [{"field": "year", "operator": "~", "value": 1}, {"operator": "XOR", "conditions": []}]
)
def test_haystack_s_wrong_filters_are_named(filters: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Haystack's filters"):
        haystack.filter_query_of(filters)


class Feeling(BaseEmbedding):
    def _get_query_embedding(self, query: str) -> list[float]:
        return VECTORS[query]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return VECTORS[query]

    def _get_text_embedding(self, text: str) -> list[float]:
        return VECTORS[text]


def test_llama_index_gets_nodes_with_scores(index: Any) -> None:
    retriever = llama_index.DocIndexRetriever(index, "embedding", "text", Feeling())
    found = retriever.retrieve("spring")
    assert [(one.node.text, one.node.metadata, one.node.node_id) for one in found] == [
        ("spring", {"year": 2000}, "spring"),
        ("brook", {"year": 2001}, "brook"),
    ]
    assert found[0].score == pytest.approx(1.0)


def test_llama_index_takes_the_question_s_own_embedding(index: Any) -> None:
    retriever = llama_index.DocIndexRetriever(index, "embedding", "text", filters={"year": {"$gt": 2000}})
    assert retriever.retrieve(QueryBundle("?", embedding=[1.0, 0, 0]))[0].node.text == "brook"
    with pytest.raises(ValueError, match="give the retriever an embed_model"):
        retriever.retrieve("spring")


def test_a_distance_becomes_a_score_that_grows_with_nearness() -> None:
    class Place(BaseDoc):
        text: str
        where: NdArray[2]

    index = InMemoryExactNNIndex[Place](default_column_config={np.ndarray: {"space": "euclidean"}})
    index.index([Place(id="a", text="a", where=[0, 0]), Place(id="b", text="b", where=[3, 4])])
    near, far = Passages(index, "text", "where").near([0.0, 0.0], 2)
    assert (near.text, near.nearness, far.text, far.nearness) == ("a", 0.0, "b", pytest.approx(-5.0))


def test_unknown_fields_are_named_at_once(index: Any) -> None:
    with pytest.raises(ValueError, match="no field 'body' for the text; it has id, text, year"):
        Passages(index, "body", "embedding")
    with pytest.raises(ValueError, match="vector"):
        Passages(index, "text", "picture")
