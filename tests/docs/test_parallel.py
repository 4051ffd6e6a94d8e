import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from multiprocessing.pool import ThreadPool
from pathlib import Path
from threading import Barrier, Lock
from typing import Any

import numpy as np
import pytest

from thalweg.docs import BaseDoc, DocList, DocVec
from thalweg.docs.parallel import map_docs, map_docs_batched
from thalweg.docs.typing import NdArray


class Point(BaseDoc):
    number: int
    vector: NdArray[2]


def points(count: int) -> DocList[Point]:
    return DocList[Point](Point(number=number, vector=[number, 1]) for number in range(count))


def doubled(doc: Point) -> Point:
    doc.number *= 2
    return doc


def number_of(doc: Point) -> int:
    return doc.number


def fails_at_five(doc: Point) -> int:
    if doc.number == 5:
        raise KeyError("five")
    return doc.number


def total(docs: Any) -> tuple[str, int, float]:
    return type(docs).__name__, sum(docs.number), float(sum(vector.sum() for vector in docs.vector))


def test_results_come_in_order() -> None:
    assert [doc.number for doc in map_docs(points(50), doubled)] == list(range(0, 100, 2))


def test_several_are_worked_on_at_once() -> None:
    together = Barrier(3, timeout=30)
    assert len(list(map_docs(points(3), lambda doc: together.wait(), num_worker=3))) == 3


def test_views_of_a_docvec_write_to_its_columns() -> None:
    vec = points(4).to_doc_vec()
    list(map_docs(vec, doubled))
    assert vec.number == [0, 2, 4, 6]


def test_a_generator_is_taken_no_faster_than_the_results() -> None:
    taken = 0

    def endless() -> Iterator[Point]:
        nonlocal taken
        while True:
            yield Point(number=taken, vector=[0, 0])
            taken += 1

    results = map_docs(endless(), number_of, num_worker=3)
    assert [next(results) for _ in range(10)] == list(range(10))
    assert taken <= 10 + 2 * 3
    results.close()  # type: ignore[attr-defined]


def test_an_exception_comes_in_the_place_of_the_result_and_ends_the_work() -> None:
    begun = []
    lock = Lock()

    def work(doc: Point) -> int:
        with lock:
            begun.append(doc.number)
        return fails_at_five(doc)

    results = map_docs(points(100), work, num_worker=2)
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(KeyError, match="five"):
        next(results)
    assert max(begun) < 12


def test_no_documents_have_no_results() -> None:
    assert list(map_docs(DocList[Point](), number_of)) == []
    assert list(map_docs_batched(DocList[Point](), total, 3)) == []


@pytest.mark.parametrize("kind", [DocList, DocVec])
def test_batches_are_of_the_same_class_and_the_last_may_be_shorter(kind: Any) -> None:
    docs = kind[Point](points(7))
    name = f"{kind.__name__}[Point]"
    assert list(map_docs_batched(docs, total, 3)) == [(name, 3, 6), (name, 12, 15), (name, 6, 7)]
    assert list(map_docs_batched(docs, len, 10)) == [7]


def test_shuffled_batches_hold_every_document_once() -> None:
    batches = list(map_docs_batched(points(200), lambda docs: docs.number, 16, shuffle=True))
    assert list(map(len, batches)) == [16] * 12 + [8]
    numbers = [number for batch in batches for number in batch]
    assert sorted(numbers) == list(range(200))
    assert numbers != list(range(200))


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_holds_at_least_one(size: int) -> None:
    with pytest.raises(ValueError, match="at least one document"):
        map_docs_batched(points(2), total, size)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"backend": "gpu"}, "'thread' and 'process', not 'gpu'"),
        ({"num_worker": 0}, "at least one worker"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_done(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        map_docs(points(2), number_of, **options)
    with pytest.raises(ValueError, match=message):
        map_docs_batched(points(2), total, 1, **options)


def test_what_is_no_pool_is_named() -> None:
    with pytest.raises(ValueError, match="int has neither"):
        list(map_docs(points(2), number_of, pool=5))


def test_processes_need_a_function_with_a_name() -> None:
    def inner(doc: Point) -> Point:
        return doc

    for func in (lambda doc: doc, inner, partial(inner)):
        with pytest.raises(ValueError, match="processes cannot find"):
            map_docs(points(2), func, backend="process")
        with pytest.raises(ValueError, match="processes cannot find"):
            map_docs_batched(points(2), func, 1, backend="process")


def test_a_bar_is_shown_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(list(map_docs(points(3), number_of, show_progress=True))) == 3
    assert "Mapping" in capsys.readouterr().out
    assert list(map_docs_batched(points(3), len, 2, show_progress=True)) == [2, 1]
    assert "Mapping batches" in capsys.readouterr().out
    list(map_docs(points(3), number_of))
    assert capsys.readouterr().out == ""


def test_a_pool_of_threads_is_used_and_left_open() -> None:
    with ThreadPool(2) as threads, ThreadPoolExecutor(2) as executor:
        for pool in (threads, executor):
            for _ in range(2):
                assert list(map_docs(points(9), number_of, pool=pool)) == list(range(9))
                assert list(map_docs_batched(points(9), len, 5, pool=pool)) == [5, 4]


@pytest.fixture(scope="module")
def spawned() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


def test_spawned_processes_give_what_threads_give(spawned: ProcessPoolExecutor) -> None:
    docs = points(40)
    results = list(map_docs(docs, doubled, pool=spawned))
    assert [doc.number for doc in results] == list(range(0, 80, 2))
    assert all(type(doc) is Point for doc in results)
    np.testing.assert_array_equal(results[7].vector, [7, 1])
    assert docs.number == list(range(40)), "processes change copies"
    assert [doc.number for doc in map_docs(docs.to_doc_vec(), doubled, pool=spawned)] == list(range(0, 80, 2))
    assert list(map_docs((doc for doc in docs), number_of, pool=spawned)) == list(range(40))


@pytest.mark.parametrize("kind", [DocList, DocVec])
def test_batches_travel_to_spawned_processes(kind: Any, spawned: ProcessPoolExecutor) -> None:
    docs = kind[Point](points(7))
    assert list(map_docs_batched(docs, total, 3, pool=spawned)) == list(map_docs_batched(docs, total, 3))


def test_an_exception_in_a_process_comes_in_the_place_of_the_result(spawned: ProcessPoolExecutor) -> None:
    results = map_docs(points(100), fails_at_five, pool=spawned)
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(KeyError, match="five"):
        next(results)


SCRIPT = """
import multiprocessing
import sys

from thalweg.docs import BaseDoc, DocList
from thalweg.docs.parallel import map_docs, map_docs_batched


class Note(BaseDoc):
    text: str


def upper(note):
    note.text = note.text.upper()
    return note


def texts(notes):
    return type(notes).__name__, notes.text


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    notes = DocList[Note](Note(text=text) for text in "abc")
    done = DocList[Note](map_docs(notes, upper, backend="process", num_worker=2))
    print(done.text, *map_docs_batched(done, texts, 2, backend="process", num_worker=1))
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_script_may_start_processes(method: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script), method], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.stdout == "['A', 'B', 'C'] ('DocList[Note]', ['A', 'B']) ('DocList[Note]', ['C'])\n", done.stderr


def test_a_script_that_does_not_guard_its_processes_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace('if __name__ == "__main__"', "if True"))
    done = subprocess.run(
        [sys.executable, str(script), "spawn"], capture_output=True, text=True, check=False, timeout=100
    )
    assert "needs: if __name__ == '__main__'" in done.stderr or "freeze_support" in done.stderr
    assert done.returncode
