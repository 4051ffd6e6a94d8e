from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.docs.query import find, find_batched
from thalweg.docs.query.metric import Metric
from thalweg.docs.typing import AnyTensor, NdArray


class Point(BaseDoc):
    name: str = ""
    at: NdArray | None = None


class Pin(BaseDoc):
    point: Point | None = None
    other: NdArray[2]


def points(vectors: Any) -> DocList[Point]:
    return DocList[Point](Point(name=str(number), at=vector) for number, vector in enumerate(vectors))


def reference(vectors: Any, query: Any, metric: str) -> Any:
    vectors, query = np.asarray(vectors, np.float64), np.asarray(query, np.float64)
    if metric == "dot":
        return vectors @ query
    if metric == "cosine_sim":
        lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query)
        return np.divide(vectors @ query, lengths, out=np.zeros(len(vectors)), where=lengths != 0)
    squares = ((vectors - query) ** 2).sum(axis=1)
    return np.sqrt(squares) if metric == "euclidean_dist" else squares


METRICS = ["cosine_sim", "dot", "euclidean_dist", "sqeuclidean_dist"]
RANDOM = np.random.default_rng(7)
MANY = RANDOM.normal(size=(20_000, 24)).astype(np.float32)
QUERIES = RANDOM.normal(size=(5, 24)).astype(np.float32)


@pytest.fixture(scope="module")
def index() -> DocVec[Point]:
    return points(MANY).to_doc_vec()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("limit", [1, 10, 15_000])
def test_scores_and_order_are_those_of_float64(index: DocVec[Point], metric: str, limit: int) -> None:
    for query in QUERIES[:2]:
        scores = reference(MANY, query, metric)
        order = np.argsort(-scores if Metric.named(metric).descending else scores, kind="stable")[:limit]
        found = find(index, query, "at", metric, limit)
        assert type(found.documents) is DocVec[Point]
        assert found.documents.name == [str(row) for row in order]
        assert found.scores.dtype == np.float32
        np.testing.assert_allclose(found.scores, scores[order], rtol=1e-6)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("count", [300, 20_000])
def test_many_queries_find_what_each_finds(index: DocVec[Point], metric: str, count: int) -> None:
    docs = index[:count].to_doc_list()
    found = find_batched(docs, QUERIES, "at", metric, limit=4)
    for query, documents, scores in zip(QUERIES, *found, strict=True):
        one = find(docs, query, "at", metric, limit=4)
        assert type(documents) is DocList[Point]
        assert [doc.id for doc in one.documents] == [doc.id for doc in documents]
        np.testing.assert_array_equal(one.scores, scores)


def test_the_farthest_come_first_where_that_is_asked_for() -> None:
    docs = points([[0, 1], [1, 1], [1, 0], [5, 5]])
    assert find(docs, [1, 0], descending=False).documents.name[0] == "0"
    assert find(docs, [1, 0], metric="euclidean", descending=True, limit=2).documents.name == ["3", "0"]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("descending", [True, False])
def test_either_end_of_many_can_be_asked_for(index: DocVec[Point], metric: str, descending: bool) -> None:
    scores = reference(MANY, QUERIES[0], metric)
    found = find(index, QUERIES[0], "at", metric, descending=descending)
    expected = np.sort(scores)[::-1][:10] if descending else np.sort(scores)[:10]
    np.testing.assert_allclose(found.scores, expected, rtol=1e-6)


def test_vectors_far_from_the_origin_keep_their_order() -> None:
    """In float32 the square of such a length leaves no digits for the distances."""
    offsets = RANDOM.permutation(5000)
    vectors = np.full((5000, 8), 4096, np.float32)
    vectors[:, 0] += offsets / 1024
    docs = points(vectors).to_doc_vec()
    found = find(docs, np.full(8, 4096, np.float32), metric="euclidean_dist", limit=5)
    assert found.scores.tolist() == [number / 1024 for number in range(5)]
    assert found.documents.name == [str(row) for row in np.argsort(offsets)[:5]]


def test_one_vector_that_is_very_long_does_not_hide_the_others() -> None:
    vectors = MANY.copy()
    vectors[77] *= 1e9
    found = find(points(vectors).to_doc_vec(), QUERIES[0], metric="sqeuclidean_dist", limit=5)
    expected = np.sort(reference(vectors, QUERIES[0], "sqeuclidean_dist"))[:5]
    np.testing.assert_allclose(found.scores, expected, rtol=1e-6)


def test_equal_vectors_are_found_in_their_order() -> None:
    docs = points(np.tile(np.float32([[1, 2]]), (5000, 1))).to_doc_vec()
    assert find(docs, [1, 2], limit=20).documents.name == [str(row) for row in range(20)]


@settings(max_examples=60)
@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.tuples(st.integers(1, 40), st.integers(1, 5)),
        elements=st.sampled_from([0, 1, -1, 0.5, 3, 2**-10, 1000, -2.5]),
    ),
    st.sampled_from(METRICS),
    st.integers(0, 50),
    st.data(),
)
def test_any_vectors_agree_with_the_reference(vectors: Any, metric: str, limit: int, data: st.DataObject) -> None:
    query = vectors[data.draw(st.integers(0, len(vectors) - 1))]
    scores = reference(vectors, query, metric)
    expected = (np.sort(scores)[::-1] if Metric.named(metric).descending else np.sort(scores))[:limit]
    for docs in (points(vectors), points(vectors).to_doc_vec()):
        found = find(docs, query, "at", metric, limit)
        np.testing.assert_allclose(found.scores, expected, rtol=1e-6, atol=1e-9)
        rows = [int(name) for name in found.documents.name]
        np.testing.assert_allclose(scores[rows], expected, rtol=1e-6, atol=1e-9)


# --- what is there to search


@pytest.mark.parametrize(
    "docs", [DocList[Point](), DocVec[Point]([]), points([None, None]), points([None]).to_doc_vec()]
)
def test_without_vectors_nothing_is_found(docs: Any) -> None:
    found = find(docs, [1, 2], "at")
    assert type(found.documents) is type(docs)
    assert len(found.documents) == len(found.scores) == 0
    several = find_batched(docs, [[1, 2], [3, 4]], "at")
    assert list(map(len, several.documents)) == list(map(len, several.scores)) == [0, 0]


@pytest.mark.parametrize("count", [1, 100])
def test_limits(count: int) -> None:
    docs = points(RANDOM.normal(size=(count, 3)))
    assert len(find(docs, [1, 2, 3], limit=0).documents) == 0
    assert len(find(docs, [1, 2, 3], limit=0).scores) == 0
    assert len(find(docs, [1, 2, 3], limit=1000).documents) == count
    with pytest.raises(ValueError, match="not negative"):
        find(docs, [1, 2, 3], limit=-1)


@pytest.mark.parametrize("metric", METRICS)
def test_one_document_answers_many_queries(metric: str) -> None:
    found = find_batched(points([[1, 2]]), [[1, 2], [3, 4], [0, 0]], "at", metric)
    assert [documents.name for documents in found.documents] == [["0"]] * 3
    assert [scores.shape for scores in found.scores] == [(1,)] * 3


def test_documents_without_a_vector_are_not_found() -> None:
    docs = points([None, [1, 0], None, [0, 1], [1, 1]])
    found = find(docs, [0, 1], "at", limit=5)
    assert found.documents.name == ["3", "4", "1"]
    assert found.documents[0] is docs[3]


def test_a_path_leads_to_the_vectors_of_nested_documents() -> None:
    pins = DocList[Pin](
        [Pin(point=Point(at=[1, 0]), other=[0, 0]), Pin(other=[0, 0]), Pin(point=Point(), other=[0, 0])]
    )
    assert len(find(pins, [1, 0], "point__at").documents) == 1
    vec = DocVec[Pin]([Pin(point=Point(at=[number, 1]), other=[0, 0]) for number in range(3)])
    assert find(vec, [5, 1], "point__at", limit=1).documents.point.at.tolist() == [[2, 1]]


def test_documents_without_a_schema_are_searched_by_the_field_that_is_named() -> None:
    docs = DocList([AnyDoc(at=np.array([1.0, 0.0])), AnyDoc(), AnyDoc(at=np.array([0.0, 1.0]))])
    assert find(docs, [0, 1], "at", limit=1).documents[0] is docs[2]


# --- queries


@pytest.mark.parametrize(
    "query", [[1, 0], (1.0, 0.0), np.array([1, 0]), [[1, 0]], np.array([[1.0, 0.0]]), Point(at=[1, 0])]
)
def test_a_query_is_a_vector_or_a_document(query: Any) -> None:
    assert find(points([[0, 1], [1, 0]]), query, "at").documents.name == ["1", "0"]


@pytest.mark.parametrize(
    "query",
    [
        [[1, 0], [0, 1]],
        np.eye(2, dtype=np.uint8),
        points([[1, 0], [0, 1]]),
        points([[1, 0], [0, 1]]).to_doc_vec(),
        list(points([[1, 0], [0, 1]])),
        [np.array([1, 0]), np.array([0, 1])],
    ],
)
def test_several_queries_are_vectors_or_documents(query: Any) -> None:
    found = find_batched(points([[0, 1], [1, 0]]), query, "at", limit=1)
    assert [documents.name for documents in found.documents] == [["1"], ["0"]]


@pytest.mark.parametrize("query", [[], np.zeros((0, 2)), DocList[Point]()])
def test_no_queries_have_no_answers(query: Any) -> None:
    assert find_batched(points([[0, 1]]), query, "at") == ([], [])


@pytest.mark.parametrize(
    "query, message",
    [
        ([1, 2, 3], "the query has 3 numbers, but the vectors of at have 2"),
        ([], "the query has 0 numbers|takes one vector, not 0"),
        ([[1, 2], [3, 4]], "find takes one vector, not 2; find_batched"),
        ("12", "not str"),
        (5, "not int"),
        (None, "not NoneType"),
        (["a", "b"], "no vector of numbers"),
        ([[1, 2], [3]], "no vector of numbers"),
        ([1j, 2], "no vector of numbers"),
        (np.zeros((1, 1, 2)), "one dimension"),
        (Point(), "the query has no vector: its at is None"),
        (AnyDoc(), "the query has no vector: its at is not there"),
    ],
)
def test_what_is_wrong_with_a_query_is_said(query: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find(points([[0, 1]]), query, "at")


def test_what_is_wrong_with_the_rest_is_said() -> None:
    docs = points([[0, 1]])
    with pytest.raises(ValueError, match="no metric is named 'near'"):
        find(docs, [1, 2], "at", metric="near")
    with pytest.raises(ValueError, match=r"Point has no field 'att'; did you mean 'at'\?"):
        find(docs, [1, 2], "att")
    with pytest.raises(ValueError, match="name holds str"):
        find(docs, [1, 2], "name")
    with pytest.raises(ValueError, match=r"at: vectors of one size .* numpy \(1,\) int64, numpy \(2,\) int64"):
        find(points([[0, 1], [1]]), [1, 2], "at")
    with pytest.raises(ValueError, match="at: vectors have one dimension, but these tensors have 2"):
        find(points([[[0, 1]]]), [1, 2], "at")
    with pytest.raises(ValueError, match="at: vectors of complex numbers"):
        find(points([[1j, 0]]), [1, 2], "at")
    with pytest.raises(ValueError, match="which tensor of Plain is searched: there is none"):
        find(DocList[Plain](), [1])
    with pytest.raises(ValueError, match="which tensor of Two is searched: there are 'a', 'b'"):
        find(DocList[Two](), [1])


class Plain(BaseDoc):
    text: str


class Two(BaseDoc):
    a: NdArray
    b: AnyTensor


# --- numbers


def test_a_vector_of_zeros_is_like_nothing() -> None:
    found = find(points([[0, 0], [1, 1], [-1, -1]]), [1, 1], "at")
    assert found.documents.name == ["1", "0", "2"]
    np.testing.assert_allclose(found.scores, [1, 0, -1], rtol=1e-6)
    assert find(points([[0, 0], [1, 1]]), [0, 0], "at").scores.tolist() == [0, 0]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64", "uint64", "float16", "bool"])
def test_small_and_whole_numbers_do_not_overflow(dtype: str) -> None:
    vectors = np.array([[100, 120], [90, 127], [1, 0]]).astype(dtype)
    query = np.array([120, 100]).astype(dtype)
    for metric in METRICS:
        found = find(points(vectors), query, "at", metric)
        rows = [int(name) for name in found.documents.name]
        np.testing.assert_allclose(found.scores, reference(vectors, query, metric)[rows], rtol=1e-6)


def test_float64_is_compared_and_answered_in_float64() -> None:
    vectors = np.array([[1.0, 1e-12], [1.0, 2e-12]])
    found = find(points(vectors), [1.0, 0.0], "at", "euclidean_dist")
    assert found.scores.dtype == np.float64
    np.testing.assert_allclose(found.scores, [1e-12, 2e-12], rtol=1e-9)


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_very_short_and_very_long_vectors_have_a_direction(size: float) -> None:
    vectors = (MANY[:5000] * size).astype(np.float32)
    found = find(points(vectors).to_doc_vec(), QUERIES[0], limit=5)
    np.testing.assert_allclose(found.scores, np.sort(reference(vectors, QUERIES[0], "cosine_sim"))[::-1][:5], rtol=1e-6)


@pytest.mark.parametrize("count", [10, 5000])
@pytest.mark.parametrize("metric", METRICS)
def test_vectors_with_nan_come_last(metric: str, count: int) -> None:
    vectors = MANY[:count].copy()
    vectors[::2, 0] = np.nan
    found = find(points(vectors), QUERIES[0], "at", metric, limit=5)
    assert not np.isnan(found.scores).any()
    every = find(points(vectors), QUERIES[0], "at", metric, limit=count)
    assert np.isnan(every.scores).tolist() == [False] * (count // 2) + [True] * (count - count // 2)
    assert np.isnan(find(points(vectors), vectors[0], "at", metric).scores).all()


def test_numpy_is_compared_in_main_memory_only() -> None:
    docs = points([[0, 1]])
    assert len(find(docs, [1, 0], device="cpu").documents) == 1
    with pytest.warns(UserWarning, match="in main memory, not on 'cuda'"):
        find(docs, [1, 0], device="cuda")


# --- other libraries


@pytest.mark.parametrize("library", ["torch", "tensorflow", "jax"])
@pytest.mark.parametrize("metric", METRICS)
def test_tensors_of_other_libraries_are_compared_by_their_library(library: str, metric: str) -> None:
    pytest.importorskip(library)
    from thalweg.docs.computation import backend_of_library

    backend = backend_of_library(library)

    class Sample(BaseDoc):
        number: int
        at: AnyTensor

    vectors = MANY[:400]
    docs = DocList[Sample](Sample(number=row, at=backend.from_numpy(vector)) for row, vector in enumerate(vectors))
    scores = reference(vectors, QUERIES[0], metric)
    order = np.argsort(-scores if Metric.named(metric).descending else scores)[:10]
    for array in (docs, docs.to_doc_vec()):
        for query in (QUERIES[0], backend.from_numpy(QUERIES[0])):
            found = find(array, query, metric=metric, device="cpu")
            assert found.documents.number == order.tolist()
            assert backend.holds(found.scores)
            np.testing.assert_allclose(backend.to_numpy(found.scores), scores[order], rtol=1e-6)
    assert len(find_batched(docs, backend.from_numpy(QUERIES), metric=metric, limit=400).documents[4]) == 400


# --- the cache


@pytest.mark.parametrize("kind", ["rows", "columns"])
def test_a_cache_is_filled_once_and_used_again(kind: str) -> None:
    docs: Any = points(MANY[:100]) if kind == "rows" else points(MANY[:100]).to_doc_vec()
    cache: dict[str, Any] = {}
    first = find(docs, QUERIES[0], "at", cache=cache)
    held = cache["at"]
    again = find(docs, QUERIES[0], "at", "dot", cache=cache)
    assert cache["at"] is held
    assert find(docs, QUERIES[0], "at", cache=cache).documents == first.documents
    np.testing.assert_array_equal(again.scores, find(docs, QUERIES[0], "at", "dot").scores)
    if kind == "columns":
        assert held.vectors.tensor is docs.at


def test_a_cache_notices_other_documents_and_other_tensors() -> None:
    cache: dict[str, Any] = {}
    docs = points([[1, 0], [0, 1]])
    assert find(docs, [1, 0], cache=cache, limit=1).documents.name == ["0"]
    docs.append(Point(name="2", at=[5, 0]))
    assert find(docs, [1, 0], metric="dot", cache=cache, limit=1).documents.name == ["2"]
    docs[1].at = np.array([9, 0])
    assert find(docs, [1, 0], metric="dot", cache=cache, limit=1).documents.name == ["1"]
    docs[0] = Point(name="new", at=[99, 0])
    assert find(docs, [1, 0], metric="dot", cache=cache, limit=1).documents.name == ["new"]
    other = points([[0, 1], [7, 0], [0, 0]])
    assert find(other, [1, 0], metric="dot", cache=cache, limit=1).documents.name == ["1"]
    vec = other.to_doc_vec()
    find(vec, [1, 0], cache=cache)
    vec.at = [[3, 0], [0, 1], [0, 1]]
    assert find(vec, [1, 0], metric="dot", cache=cache, limit=1).documents.name == ["0"]


def test_a_cache_keeps_several_fields_and_the_documents_without_a_vector() -> None:
    cache: dict[str, Any] = {}
    docs = DocList[Pin]([Pin(other=[1, 0]), Pin(point=Point(at=[1, 0]), other=[0, 1])])
    for _ in range(2):
        assert len(find(docs, [1, 0], "point__at", cache=cache).documents) == 1
        assert len(find(docs, [1, 0], "other", cache=cache).documents) == 2
    assert list(cache) == ["point__at", "other"]
