"""Elasticsearch does all that a collection and an index must: a server of its documented contract, or a real one.

THALWEG_TEST_ELASTICSEARCH=http://localhost:9200 names a real one.
"""

import os
from collections.abc import Iterator

import numpy as np
import pytest
from elasticsearch.dsl import Q

from tests.docs.index.elasticsearch_server import Cluster, elasticsearch
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.index import ElasticDocIndex, Unsupported
from thalweg.docs.index.collection import Layout, LayoutMismatch, Record, ValueColumn, VectorColumn
from thalweg.docs.index.elasticsearch import ElasticsearchCollection
from thalweg.docs.query.condition import Comparison, Not, Operator, Path
from thalweg.docs.query.metric import Metric
from thalweg.docs.typing import NdArray
from thalweg.errors import Unavailable
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    real = os.environ.get("THALWEG_TEST_ELASTICSEARCH")
    if real:
        yield real
    else:
        with elasticsearch() as (url, _):
            yield url


@pytest.fixture(scope="module")
def collections(address: str) -> CollectionSubject:
    return CollectionSubject("elastic", lambda layout: ElasticsearchCollection(layout, address), persistent=True)


@pytest.fixture
def stub() -> Iterator[tuple[str, Cluster]]:
    with elasticsearch() as served:
        yield served


@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection(check: CollectionCheck, collections: CollectionSubject) -> None:
    if check.applies(collections):
        check(collections)


@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index(check: IndexCheck, address: str) -> None:
    subject = IndexSubject("elastic", ElasticDocIndex, lambda: {"hosts": address}, persistent=True)
    if check.applies(subject):
        check(subject)


class Thing(BaseDoc):
    title: str = ""
    price: int = 0
    vector: NdArray[3] | None = None  # type: ignore[valid-type]


def test_elasticsearchs_own_queries_are_handed_through(address: str) -> None:
    things = [Thing(id=f"t{n}", title=f"{n} seas", price=n, vector=np.eye(3)[n % 3]) for n in range(6)]
    with ElasticDocIndex[Thing](hosts=address, index_name="natives") as index:
        index.index(DocList[Thing](things))
        assert index.filter(Q("prefix", **{"values.title": "3"})).id == ["t3"]
        dear = Q("range", **{"values.price": {"gt": 3}})
        assert index.find(np.eye(3)[1], filter_query=dear, limit=1).documents.id == ["t4"]
        assert sorted(index.text_search("seas", "title", filter_query=dear).documents.id) == ["t4", "t5"]
        index.drop()


def test_more_than_a_search_finds_at_once_comes_page_by_page(stub: tuple[str, Cluster]) -> None:
    layout = Layout("many", (VectorColumn("vector", 2, Metric.DOT),), ())
    collection = ElasticsearchCollection(layout, stub[0])
    vectors = np.random.default_rng(0).normal(size=(1201, 2)).astype(np.float32)
    collection.put([Record(f"r{n}", b"", {"vector": vector}, {}) for n, vector in enumerate(vectors)])
    assert len({key for key, _ in collection.scan()}) == 1201
    (hits,) = collection.nearest("vector", vectors[:1], 1100)
    best = np.sort(vectors @ vectors[0])[::-1][:1100]
    np.testing.assert_allclose([hit.score for hit in hits], best, atol=1e-5)
    assert max(search["size"] for search in stub[1].searches) <= 500
    assert stub[1].moments == {}
    collection.close()


def test_a_scan_that_is_given_up_leaves_nothing_open(stub: tuple[str, Cluster]) -> None:
    collection = ElasticsearchCollection(Layout("some", (), ()), stub[0])
    collection.put([Record("a", b"", {}, {})])
    scan = collection.scan()
    next(scan)
    assert stub[1].moments
    scan.close()  # type: ignore[attr-defined]
    assert stub[1].moments == {}
    collection.close()


@pytest.mark.parametrize("metric", Metric)
def test_a_graph_gives_the_same_scores(metric: Metric, stub: tuple[str, Cluster]) -> None:
    vectors = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
    records = [Record(f"r{n}", b"", {"vector": vector}, {}) for n, vector in enumerate(vectors)]
    found = []
    for name, options in (("exact", {}), ("graph", {"knn": True, "num_candidates": 15, "m": 8})):
        layout = Layout(name, (VectorColumn("vector", 3, metric, options),), ())
        collection = ElasticsearchCollection(layout, stub[0])
        assert collection.exact is (name == "exact")
        collection.put(records)
        found.append(collection.nearest("vector", vectors[:1], 12)[0])
        collection.close()
    assert [hit.id for hit in found[0]] == [hit.id for hit in found[1]]
    np.testing.assert_allclose([hit.score for hit in found[0]], [hit.score for hit in found[1]], atol=1e-3)
    assert stub[1].searches[-1]["knn"]["num_candidates"] == 15


def test_all_are_compared_where_a_graph_finds_too_few(stub: tuple[str, Cluster]) -> None:
    layout = Layout("few", (VectorColumn("vector", 2, options={"knn": True}),), ())
    collection = ElasticsearchCollection(layout, stub[0])
    collection.put([Record(key, b"", {"vector": np.ones(2, np.float32)}, {}) for key in "abc"])
    assert len(collection.nearest("vector", np.ones((1, 2)), 5)[0]) == 3
    assert "script_score" in stub[1].searches[-1]["query"]
    collection.close()


def test_texts_beyond_a_keyword_are_told_apart(address: str) -> None:
    layout = Layout("long", (), (ValueColumn("text", str), ValueColumn("labels", str, many=True)))
    collection = ElasticsearchCollection(layout, address)
    texts = {"a": "北" * 20_000, "b": "北" * 20_000 + "x", "c": "北" * 7_999, "d": "a"}
    collection.put([Record(key, b"", {}, {"text": text, "labels": [text]}) for key, text in texts.items()])

    def keys(name: str, operator: Operator, operand: object) -> str:
        return "".join(sorted(key for key, _ in collection.select(Comparison(Path((name,)), operator, operand))))

    for key, text in texts.items():
        assert keys("text", Operator.EQ, text) == key
        assert keys("text", Operator.SIZE, len(text)) == key
        assert keys("labels", Operator.EQ, [text]) == keys("labels", Operator.CONTAINS, text) == key
    assert keys("text", Operator.GT, "北") == "abc"
    with pytest.raises(Unsupported, match="7,936"):
        keys("text", Operator.GT, texts["a"])
    collection.drop()
    collection.close()


def test_ids_beyond_512_bytes_are_kept(address: str) -> None:
    collection = ElasticsearchCollection(Layout("ids", (), ()), address)
    ids = ["x" * 1024, "x" * 1023 + "y", "x" * 512, "sha256-" + "0" * 64]
    collection.put([Record(key, key.encode(), {}, {}) for key in ids])
    assert collection.get(ids) == [key.encode() for key in ids]
    assert sorted(key for key, _ in collection.scan()) == sorted(ids)
    collection.delete(ids[:1])
    assert collection.count() == 3
    collection.drop()
    collection.close()


def test_zeros_have_no_sign(address: str) -> None:
    collection = ElasticsearchCollection(Layout("zeros", (), (ValueColumn("n", float),)), address)
    collection.put([Record("a", b"", {}, {"n": -0.0}), Record("b", b"", {}, {"n": 0.0}), Record("c", b"", {}, {})])
    equal = Comparison(Path(("n",)), Operator.EQ, -0.0)
    assert sorted(key for key, _ in collection.select(equal)) == ["a", "b"]
    assert [key for key, _ in collection.select(Not(equal))] == ["c"]
    assert collection.select(Comparison(Path(("n",)), Operator.LT, 0)) == []
    collection.drop()
    collection.close()


def test_settings_and_mappings_are_those_of_the_index(stub: tuple[str, Cluster]) -> None:
    settings = {"number_of_shards": 1}
    mappings = {"properties": {"extra": {"type": "keyword"}}, "_meta": {"owner": "me"}}
    with ElasticDocIndex[Thing](hosts=stub[0], index_settings=settings, index_mappings=mappings):
        made = stub[1].indexes["thing"]
    assert made.settings == settings
    assert made.mappings["_meta"]["owner"] == "me"
    assert made.fields["extra"] == {"type": "keyword"}
    assert made.fields["values.price"] == {"type": "long"}


def test_names_of_indexes_are_in_lower_case(stub: tuple[str, Cluster]) -> None:
    for name in ("Things", "things", "things!"):
        ElasticsearchCollection(Layout(name, (), ()), stub[0]).close()
    assert len(stub[1].indexes) == 3
    assert "things" in stub[1].indexes


def test_a_document_that_is_too_large_is_refused(stub: tuple[str, Cluster]) -> None:
    collection = ElasticsearchCollection(Layout("large", (), ()), stub[0])
    with pytest.raises(ValueError, match="32 MB"):
        collection.put([Record("a", bytes((32 << 20) + 1), {}, {})])
    assert collection.count() == 0
    collection.close()


def test_what_the_server_does_not_take_is_an_error(stub: tuple[str, Cluster]) -> None:
    collection = ElasticsearchCollection(Layout("wrong", (), (ValueColumn("n", int),)), stub[0])
    with pytest.raises(ValueError, match=r"failed to parse field \[values\.n\]"):
        collection.put([Record("a", b"", {}, {"n": 1 << 70})])
    collection.close()


def test_larger_vectors_than_it_takes_are_refused(stub: tuple[str, Cluster]) -> None:
    with pytest.raises(Unsupported, match="4,096"):
        ElasticsearchCollection(Layout("wide", (VectorColumn("vector", 4097),), ()), stub[0])


def test_an_index_of_somebody_else_is_left_alone(stub: tuple[str, Cluster]) -> None:
    from elasticsearch import Elasticsearch

    with Elasticsearch(stub[0]) as client:
        client.indices.create(index="theirs")
    with pytest.raises(LayoutMismatch, match="no document index"):
        ElasticsearchCollection(Layout("theirs", (), ()), stub[0])


def test_no_server_is_a_clear_error() -> None:
    with pytest.raises(Unavailable, match="hosts"):
        ElasticsearchCollection(Layout("none", (), ()), "http://127.0.0.1:1", {"max_retries": 0})
