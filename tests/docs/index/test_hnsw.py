"""Graphs and SQLite do all that a collection and an index must, and survive what happens to their files."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thalweg.docs import BaseDoc
from thalweg.docs.index import HnswDocumentIndex
from thalweg.docs.index.collection import Layout, Record, ValueColumn, VectorColumn
from thalweg.docs.index.graph import FEW, Build, Graph
from thalweg.docs.index.hnsw import BREADTH, EFFORT, LINKS, HnswCollection
from thalweg.docs.query.condition import Comparison, Operator
from thalweg.docs.query.condition import Path as Way
from thalweg.docs.query.metric import Metric
from thalweg.docs.typing import NdArray
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject

LAYOUT = Layout("things", (VectorColumn("vector", 16, Metric.EUCLIDEAN),), (ValueColumn("group", int),))


@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection(check: CollectionCheck, tmp_path: Path) -> None:
    subject = CollectionSubject("hnsw", lambda layout: HnswCollection(layout, tmp_path), persistent=True)
    if check.applies(subject):
        check(subject)


@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index(check: IndexCheck, tmp_path: Path) -> None:
    subject = IndexSubject("hnsw", HnswDocumentIndex, lambda: {"work_dir": tmp_path}, persistent=True)
    if check.applies(subject):
        check(subject)


def drawn(count: int, size: int = 16, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)


def records(count: int, seed: int = 0) -> list[Record]:
    return [Record(f"r{n}", b"%d" % n, {"vector": v}, {"group": n % 7}) for n, v in enumerate(drawn(count, seed=seed))]


def nearest(collection: HnswCollection, query: np.ndarray[Any, Any], limit: int = 5) -> list[str]:
    (hits,) = collection.nearest("vector", query[None], limit)
    return [hit.id for hit in hits]


@pytest.mark.parametrize("metric", [Metric.COSINE, Metric.DOT, Metric.EUCLIDEAN])
def test_the_graph_finds_nearly_all_of_the_nearest(metric: Metric) -> None:
    vectors, queries = drawn(2000, 64), drawn(50, 64, seed=1)
    graph = Graph(Build(64, metric, LINKS, EFFORT), BREADTH)
    graph.add(range(2000), vectors)
    scores = {
        Metric.COSINE: (vectors / np.linalg.norm(vectors, axis=1)[:, None]) @ queries.T,
        Metric.DOT: vectors @ queries.T,
    }.get(metric, -(((vectors[:, None] - queries) ** 2).sum(axis=2)))
    truth = np.argsort(-scores, axis=0)[:10].T
    found = [set(labels.tolist()) for labels, _ in graph.nearest(queries, 10)]
    recall = np.mean([len(some & set(all_of.tolist())) / 10 for some, all_of in zip(found, truth, strict=True)])
    assert recall >= 0.95


def test_a_condition_that_leaves_many_is_searched_in_the_graph() -> None:
    vectors, queries = drawn(2400), drawn(20, seed=1)
    graph = Graph(Build(16, Metric.SQEUCLIDEAN, LINKS, EFFORT), BREADTH)
    graph.add(range(2400), vectors)
    wanted = np.arange(0, 2400, 2)
    for query, (labels, _) in zip(queries, graph.nearest(queries, 10, wanted), strict=True):
        truth = wanted[np.argsort(((vectors[wanted] - query) ** 2).sum(axis=1))[:10]]
        assert len(set(labels.tolist()) & set(truth.tolist())) >= 8
        assert not labels.tolist() or set(labels % 2) == {0}


def test_a_graph_does_not_grow_with_what_is_forgotten() -> None:
    graph = Graph(Build(4, Metric.COSINE, 4, 8), 8)
    for turn in range(12):
        graph.forget(range((turn - 1) * 300, turn * 300))
        graph.add(range(turn * 300, (turn + 1) * 300), drawn(300, 4))
        graph = graph.renewed() if graph.worn else graph
        assert len(graph._labels) <= 3 * FEW
    assert len(graph) == 300
    assert graph.labels.tolist() == list(range(11 * 300, 12 * 300))


def test_what_was_put_before_a_crash_is_found_after_it(tmp_path: Path) -> None:
    collection = HnswCollection(LAYOUT, tmp_path)
    collection.put(records(60))
    collection.flush()
    collection.put(records(30, seed=1))
    collection.delete(["r40"])  # and now the process ends: nothing is flushed or closed
    again = HnswCollection(LAYOUT, tmp_path)
    assert again.count() == 59
    assert nearest(again, drawn(30, seed=1)[7])[0] == "r7"
    assert "r40" not in nearest(again, drawn(60)[40], 59)
    assert len(nearest(again, drawn(1)[0], 100)) == 59
    again.close()
    collection._records.close()


@pytest.mark.parametrize("damage", [b"", b"something else", None])
def test_a_damaged_or_missing_graph_is_made_again(tmp_path: Path, damage: bytes | None) -> None:
    with_graph = HnswCollection(LAYOUT, tmp_path)
    with_graph.put(records(50))
    with_graph.close()
    (file,) = tmp_path.glob("*.graph")
    file.write_bytes(file.read_bytes()[:-100] if damage is None else damage)
    again = HnswCollection(LAYOUT, tmp_path)
    assert nearest(again, drawn(50)[11])[0] == "r11"
    again.close()


def test_a_graph_older_than_the_records_is_made_again(tmp_path: Path) -> None:
    collection = HnswCollection(LAYOUT, tmp_path)
    collection.put(records(20))
    collection.close()
    (file,) = tmp_path.glob("*.graph")
    kept = file.read_bytes()
    for path in tmp_path.iterdir():
        path.unlink()
    other = HnswCollection(LAYOUT, tmp_path)
    other.put(records(10, seed=5))
    other.close()
    file.write_bytes(kept)
    again = HnswCollection(LAYOUT, tmp_path)
    assert len(nearest(again, drawn(1)[0], 50)) == 10
    again.close()


def test_a_second_process_sees_what_the_first_one_puts(tmp_path: Path) -> None:
    one, other = HnswCollection(LAYOUT, tmp_path), HnswCollection(LAYOUT, tmp_path)
    one.put(records(20))
    assert nearest(other, drawn(20)[3])[0] == "r3"
    other.delete(["r3"])
    other.put([Record("new", b"", {"vector": drawn(20)[3]}, {})])
    assert nearest(one, drawn(20)[3])[0] == "new"
    assert one.count() == other.count() == 20
    one.close()
    other.close()


def test_how_a_graph_is_built_and_searched_is_restored(tmp_path: Path) -> None:
    class Thing(BaseDoc):
        vector: NdArray[16]  # type: ignore[valid-type]

    columns = {np.ndarray: {"M": 5, "ef_construction": 33, "ef": 77}}
    for _ in range(2):
        index = HnswDocumentIndex[Thing](work_dir=tmp_path, default_column_config=columns)
        graph = index._root.collection._graphs["vector"]  # type: ignore[attr-defined]
        assert graph.build == Build(16, Metric.EUCLIDEAN, 5, 33)
        assert graph._breadth == 77
        index.index([Thing(vector=vector) for vector in drawn(3)])
        index.close()
    index = HnswDocumentIndex[Thing](work_dir=tmp_path)
    assert index._root.collection._graphs["vector"].build.links == LINKS  # type: ignore[attr-defined]
    assert len(index.find(drawn(1)[0], limit=-1).documents) == 6
    index.close()


def test_a_condition_is_asked_before_the_graph(tmp_path: Path) -> None:
    collection = HnswCollection(LAYOUT, tmp_path)
    collection.put(records(100))
    condition = Comparison(Way(("group",)), Operator.EQ, 3)
    (hits,) = collection.nearest("vector", drawn(1, seed=9), 100, condition)
    assert {hit.id for hit in hits} == {f"r{n}" for n in range(3, 100, 7)}
    collection.close()


def test_few_changes_do_not_rewrite_the_graph(tmp_path: Path) -> None:
    collection = HnswCollection(LAYOUT, tmp_path)
    collection.put(records(30))
    assert not list(tmp_path.glob("*.graph"))
    collection.flush()
    (file,) = tmp_path.glob("*.graph")
    before = file.stat().st_mtime_ns
    collection.put(records(10, seed=1))
    assert file.stat().st_mtime_ns == before
    collection.flush()
    assert file.stat().st_mtime_ns != before
    collection.close()


def test_a_model_and_a_graph_live_in_one_process() -> None:
    """Whichever comes first: libraries that bring their own C++ runtime have crashed each other here."""
    graph = "from thalweg.docs.index.graph import *; g = Graph(Build(4, Metric.COSINE, 4, 8), 8); "
    graph += "g.add(range(9), np.ones((9, 4), 'f4')); g.nearest(np.ones((1, 4), 'f4'), 2); "
    model = "import onnxruntime; onnxruntime.get_available_providers(); "
    pytest.importorskip("onnxruntime")
    for program in (graph + model, model + graph):
        subprocess.run([sys.executable, "-c", program], check=True, timeout=250)
