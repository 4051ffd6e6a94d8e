from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
import pytest
from hypothesis import given

from tests.docs.index.hostile import assert_found_by_what_they_hold, cases, few, opened
from thalweg.docs.index.collection import Collection, Layout, Record, Unsupported, ValueColumn, VectorColumn
from thalweg.docs.index.evaluation import fulfilled, inside
from thalweg.docs.index.pgvector import PgVectorCollection, PgVectorDocumentIndex
from thalweg.docs.query.condition import Comparison, Operator
from thalweg.docs.query.condition import Path as Way
from thalweg.docs.query.metric import Metric
from thalweg.errors import Unavailable
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject


@pytest.fixture(scope="module")
def collections(postgres_url: str) -> CollectionSubject:
    return CollectionSubject("pgvector", lambda layout: PgVectorCollection(layout, postgres_url), persistent=True)


@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection(check: CollectionCheck, collections: CollectionSubject) -> None:
    if check.applies(collections):
        check(collections)


@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index(check: IndexCheck, postgres_url: str) -> None:
    subject = IndexSubject("pgvector", PgVectorDocumentIndex, lambda: {"url": postgres_url}, persistent=True)
    if check.applies(subject):
        check(subject)


@pytest.fixture(scope="module")
def hostile(postgres_url: str) -> Iterator[Collection]:
    collection = opened(lambda layout: PgVectorCollection(layout, postgres_url))
    yield collection
    collection.drop()
    collection.close()


@few
@given(cases)
def test_any_text_and_any_number_are_told_apart(hostile: Collection, given: list[tuple[str, dict[str, Any]]]) -> None:
    assert_found_by_what_they_hold(hostile, given)


def drawn(count: int, size: int = 8, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)


def layout(values: Sequence[ValueColumn] = (), **options: Any) -> Layout:
    return Layout(f"test{uuid4().hex[:12]}", (VectorColumn("vector", 8, Metric.COSINE, options),), tuple(values))


@pytest.fixture
def filled(postgres_url: str) -> Iterator[PgVectorCollection]:
    columns = (ValueColumn("title", str, words=True), ValueColumn("year", int))
    collection = PgVectorCollection(layout(columns), postgres_url)
    records = [
        Record(f"r{n}", b"%d" % n, {"vector": v}, {"title": f"50% of {n}", "year": n}) for n, v in enumerate(drawn(9))
    ]
    collection.put(records)
    yield collection
    collection.drop()
    collection.close()


def test_a_condition_in_sql_is_handed_on(filled: PgVectorCollection) -> None:
    assert filled.is_native("year > 5")
    assert not filled.is_native('{"year": {"$gt": 5}}')
    assert sorted(filled.select("year > 5 AND title LIKE '50\\%%'")) == [("r6", b"6"), ("r7", b"7"), ("r8", b"8")]
    (hits,) = filled.nearest("vector", drawn(1, seed=1), 9, '"year" = 3 OR false')
    assert [hit.id for hit in hits] == ["r3"]
    assert [hit.id for hit in filled.match("title", "50", 9, "year = 4 -- and no more")] == ["r4"]


@pytest.mark.parametrize("kind", ["hnsw", "ivfflat"])
def test_an_index_never_finds_too_few(postgres_url: str, kind: str) -> None:
    collection = PgVectorCollection(layout([ValueColumn("rare", bool)], index_type=kind, lists=20, m=8), postgres_url)
    vectors = drawn(400)
    collection.put([Record(f"r{n}", b"", {"vector": v}, {"rare": n % 100 == 0}) for n, v in enumerate(vectors)])
    rare = Comparison(Way(("rare",)), Operator.EQ, True)
    (few,) = collection.nearest("vector", drawn(1, seed=1), 4, rare)
    (all_of_them,) = collection.nearest("vector", drawn(1, seed=1), 400)
    (nowhere,) = collection.nearest("vector", np.zeros((1, 8), np.float32), 3)
    assert {hit.id for hit in few} == {"r0", "r100", "r200", "r300"}
    assert len(all_of_them) == 400
    assert [hit.score for hit in nowhere] == [0, 0, 0]
    collection.drop()
    collection.close()


def test_an_index_of_another_kind_is_refused(postgres_url: str) -> None:
    with pytest.raises(ValueError, match="no index 'tree'; there are 'hnsw', 'ivfflat'"):
        PgVectorCollection(layout(index_type="tree"), postgres_url)


def test_a_language_knows_stems(postgres_url: str) -> None:
    text = ValueColumn("text", str, words=True, options={"language": "english"})
    collection = PgVectorCollection(Layout("stems", (), (text,)), postgres_url)
    collection.put([Record("a", b"", {}, {"text": "the rivers were running"})])
    assert [hit.id for hit in collection.match("text", "run", 5)] == ["a"]
    assert collection.match("text", "the", 5) == []
    collection.drop()
    collection.close()


def test_more_words_than_postgresql_indexes_do_no_harm(postgres_url: str) -> None:
    collection = PgVectorCollection(Layout("long", (), (ValueColumn("text", str, words=True),)), postgres_url)
    collection.put([Record("a", b"", {}, {"text": " ".join(f"word{n}" for n in range(300_000))})])
    assert [hit.id for hit in collection.match("text", "word7", 5)] == ["a"]
    collection.drop()
    collection.close()


def test_it_connects_again_when_the_connection_was_cut(filled: PgVectorCollection, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert filled.count() == 9


def test_a_connection_that_is_cut_in_the_middle_is_told(filled: PgVectorCollection) -> None:
    with pytest.raises(Unavailable, match=r"connection to PostgreSQL at .* broke"):
        filled.select("pg_terminate_backend(pg_backend_pid())")
    assert filled.count() == 9


def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"/nowhere:5432/documents cannot be used.*`url`") as caught:
        PgVectorCollection(layout(), f"postgresql://me:secret@/documents?host={tmp_path}/nowhere")
    assert "secret" not in str(caught.value)


def test_eight_programs_may_make_the_same_collection_at_once(postgres_url: str) -> None:
    same = layout()
    with ThreadPoolExecutor(8) as threads:
        opened_ones = list(threads.map(lambda _: PgVectorCollection(same, postgres_url), range(8)))
    opened_ones[0].put([Record("a", b"A", {}, {})])
    assert opened_ones[7].get(["a"]) == [b"A"]
    opened_ones[0].drop()
    for one in opened_ones:
        one.close()


def test_characters_that_postgresql_does_not_know_are_kept_all_the_same(postgres_url: str) -> None:
    collection = PgVectorCollection(
        Layout("zeros", (), (ValueColumn("text", str), ValueColumn("notes", dict))), postgres_url
    )
    texts = ["a\0b", "a\1b", "a\2b", "ab", "a\0\1\0"]
    collection.put([Record(text, b"", {}, {"text": text, "notes": {text: text}}) for text in texts])
    text, notes = Way(("text",)), Way(("notes",))
    for each in texts:
        smaller = {other for other in texts if other < each}
        assert {key for key, _ in collection.select(Comparison(text, Operator.LT, each))} == smaller
        assert collection.select(Comparison(notes, Operator.EQ, {each: each})) == [(each, b"")]
    assert {key for key, _ in collection.select(Comparison(text, Operator.SIZE, 3))} == {"a\0b", "a\1b", "a\2b"}
    assert {key for key, _ in collection.select(Comparison(text, Operator.CONTAINS, "b"))} == set(texts[:4])
    with pytest.raises(Unsupported, match="U\\+0000"):
        collection.select(Comparison(text, Operator.CONTAINS, "\0"))
    collection.drop()
    collection.close()


INSIDES: tuple[dict[str, Any], ...] = (
    {"a": {"b": [1, "x", True]}},
    {"a": {"b": 2.5}},
    {"a": {"b": "x"}},
    {"a": {"b": True}},
    {"a": {"b": None}},
    {"a": 3},
    {},
)
OPERANDS = (1, 0, True, 2.5, 2, "x", "w", None, [1, "x", True])


def test_what_is_inside_of_a_value_is_what_python_finds_there(postgres_url: str) -> None:
    columns = (ValueColumn("held", dict), ValueColumn("years", int, many=True))
    collection = PgVectorCollection(Layout("inside", (), columns), postgres_url)
    collection.put([Record(str(n), b"", {}, {"held": held, "years": [n, 5]}) for n, held in enumerate(INSIDES)])
    path = Way(("held", "a", "b"))
    found = inside([dict(held) for held in INSIDES], ("a", "b"))
    operators = (Operator.EQ, Operator.NEQ, Operator.LT, Operator.GTE, Operator.CONTAINS)
    for operator, operand in product(operators, OPERANDS):
        if operand is None and operator not in (Operator.EQ, Operator.NEQ):
            continue
        asked = Comparison(path, operator, operand)
        if isinstance(operand, list) and operator in (Operator.LT, Operator.GTE):
            with pytest.raises(Unsupported):
                collection.select(asked)
            continue
        wanted = {str(n) for n, true in enumerate(fulfilled(asked, lambda _: found, len(found))) if true}
        assert {key for key, _ in collection.select(asked)} == wanted, (operator, operand)
    assert collection.select(Comparison(Way(("years", "0")), Operator.EQ, 3)) == [("3", b"")]
    collection.drop()
    collection.close()
