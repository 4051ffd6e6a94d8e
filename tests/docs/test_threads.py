"""Eight threads begin at once with the same class, index or decoder: each finds what it would find alone."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, TypeVar

import numpy as np
import pytest
from pydantic import create_model

from thalweg.docs import BaseDoc, DocList, DocVec
from thalweg.docs.codecs import columns, json, protobuf
from thalweg.docs.index import InMemoryExactNNIndex
from thalweg.docs.query import filter_docs, find
from thalweg.docs.typing import NdArray

THREADS = 8
ROUNDS = 6
T = TypeVar("T")
_NUMBERS = count()


@pytest.fixture(autouse=True)
def quick_turns() -> Iterator[None]:
    """Threads take turns so often that each is interrupted in the middle of what it does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def at_once(work: Callable[[int], T]) -> list[T]:
    """What `work` returns in each of eight threads that begin together."""
    barrier = threading.Barrier(THREADS)

    def begin(number: int) -> T:
        barrier.wait(timeout=30)
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begin, range(THREADS), timeout=60))


def fresh_class() -> Any:
    """A class of documents that nothing has looked at yet, with others in it."""
    number = next(_NUMBERS)
    part = create_model(f"Part{number}", __base__=BaseDoc, text=(str, ...), weights=(NdArray[3], ...))
    fields: dict[str, Any] = {
        "text": (str, ...),
        "number": (int, 3),
        "vector": (NdArray[4], ...),
        "part": (part | None, None),
        "parts": (DocList[part], DocList[part]()),  # type: ignore[valid-type]
    }
    return create_model(f"Whole{number}", __base__=BaseDoc, **fields)


def docs_of(doc_type: Any, size: int = 3) -> Any:
    """Documents of a fresh class, validated one by one."""
    part = {"id": "p", "text": "part", "weights": [1.0, 2.0, 3.0]}
    return DocList[doc_type](
        doc_type(id=str(n), text=f"t{n}", number=n, vector=[float(n)] * 4, part=part, parts=[part, part])
        for n in range(size)
    )


@pytest.mark.parametrize("_", range(ROUNDS))
def test_the_types_of_one_class_are_made_once(_: int) -> None:
    doc_type = fresh_class()
    found = at_once(lambda n: (DocList[doc_type], DocVec[doc_type], docs_of(doc_type)))  # type: ignore[valid-type]
    assert {(made[0], made[1]) for made in found} == {(DocList[doc_type], DocVec[doc_type])}
    assert all(made[2] == found[0][2] for made in found)


def test_types_of_different_classes_are_not_mixed_up() -> None:
    doc_types = [fresh_class() for _ in range(THREADS)]
    for round_number in range(ROUNDS):
        order = [doc_types[(n + round_number) % THREADS] for n in range(THREADS)]
        found = at_once(lambda n: docs_of(order[n]))  # noqa: B023  # all are done by then
        assert [type(docs).doc_type for docs in found] == order
        assert [type(docs[0].parts).__name__ for docs in found] == [f"DocList[Part{t.__name__[5:]}]" for t in order]


def via_json(docs: Any, doc_type: Any) -> Any:
    return type(docs).from_json(json.encode_array(docs))


def via_columns(docs: Any, doc_type: Any) -> Any:
    return columns.decode([bytearray(part) for part in columns.encode(docs)], doc_type)


def via_protobuf(docs: Any, doc_type: Any) -> Any:
    return protobuf.decode_list(protobuf.encode_list(docs), doc_type)


def via_messages(docs: Any, doc_type: Any) -> Any:
    return type(docs).from_protobuf(docs.to_protobuf())


def via_arrow(docs: Any, doc_type: Any) -> Any:
    return type(docs).from_arrow(docs.to_arrow())


def via_bytes(docs: Any, doc_type: Any) -> Any:
    return type(docs).from_bytes(docs.to_bytes("protobuf", "zlib"), "protobuf", "zlib")


def via_columns_of_a_vec(docs: Any, doc_type: Any) -> Any:
    vec = docs.to_doc_vec()
    return columns.decode_vec([bytearray(part) for part in columns.encode(vec)], doc_type).to_doc_list()


def via_protobuf_of_a_vec(docs: Any, doc_type: Any) -> Any:
    return protobuf.decode_vec(protobuf.encode_vec(docs.to_doc_vec()), doc_type).to_doc_list()


CODECS = [
    via_json,
    via_columns,
    via_protobuf,
    via_messages,
    via_arrow,
    via_bytes,
    via_columns_of_a_vec,
    via_protobuf_of_a_vec,
]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.__name__)
def test_a_class_is_written_and_read_for_the_first_time(codec: Callable[[Any, Any], Any]) -> None:
    for _ in range(ROUNDS):
        doc_type = fresh_class()
        docs = docs_of(doc_type)
        assert all(found == docs for found in at_once(lambda n: codec(docs, doc_type)))  # noqa: B023  # done by then


def test_one_class_is_written_and_read_by_all_codecs_at_once() -> None:
    for _ in range(ROUNDS):
        doc_type = fresh_class()
        docs = docs_of(doc_type)
        assert all(found == docs for found in at_once(lambda n: CODECS[n](docs, doc_type)))  # noqa: B023  # done by then


def test_one_body_is_read_by_all() -> None:
    doc_type = fresh_class()
    docs = docs_of(doc_type, 50)
    body, message, text = columns.encode(docs), protobuf.encode_list(docs), json.encode_array(docs)
    readers: list[Callable[[], Any]] = [
        lambda: columns.decode(body, doc_type),
        lambda: protobuf.decode_list(message, doc_type),
        lambda: DocList[doc_type].from_json(text),  # type: ignore[valid-type]
    ]
    for found in at_once(lambda n: [readers[(n + turn) % 3]() for turn in range(6)]):
        assert all(read == docs for read in found)


class Page(BaseDoc):
    text: str
    vector: NdArray[4]


def pages(size: int, prefix: str = "") -> DocList[Page]:
    vectors = np.random.default_rng(7).random((size, 4))
    return DocList[Page]([Page(id=f"{prefix}{n}", text=f"{prefix}{n}", vector=vectors[n]) for n in range(size)])


def test_searches_share_one_cache() -> None:
    docs = pages(500)
    alone = [find(docs, docs[n], "vector", limit=5).documents.id for n in range(THREADS)]
    for _ in range(ROUNDS):
        cache: dict[str, Any] = {}
        found = at_once(lambda n: find(docs, docs[n], "vector", limit=5, cache=cache).documents.id)  # noqa: B023
        assert found == alone
    assert at_once(lambda n: len(filter_docs(docs, {"text": {"$regex": "^1"}}))) == [111] * THREADS


def test_an_index_is_changed_and_searched() -> None:
    index = InMemoryExactNNIndex[Page](pages(50, "always "))

    def work(number: int) -> None:
        mine = pages(20, f"{number} ")
        for turn in range(5):
            index.index(mine)
            assert index.num_docs() >= 70
            found, scores = index.find(mine[turn], "vector", limit=100)
            assert len(found) == len(scores) >= 70
            assert {f"{number} {n}" for n in range(20)} <= {doc.id for doc in found} or len(found) == 100
            index.update(f"{number} {turn}", text="changed")
            assert index[f"{number} {turn}"].text == "changed"
            assert len(index.filter({"id": {"$in": [doc.id for doc in mine]}}, limit=None)) == 20
            assert sum(doc.id.startswith(f"{number} ") for doc in index) == 20
            del index[[doc.id for doc in mine]]
            assert mine[0] not in index

    at_once(work)
    assert index.num_docs() == 50
    assert {doc.id for doc in index} == {f"always {n}" for n in range(50)}


def test_an_index_is_made_for_a_class_that_nothing_has_looked_at() -> None:
    for _ in range(ROUNDS):
        doc_type = fresh_class()
        found = at_once(lambda n: InMemoryExactNNIndex[doc_type](docs_of(doc_type)))  # noqa: B023
        assert [len(index) for index in found] == [3] * THREADS
        assert [index.find(np.ones(4), "vector", limit=1).documents[0].text[:1] for index in found] == ["t"] * THREADS
