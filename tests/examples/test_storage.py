import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from documents import StdlibObject
from storage import ABANDONED_SECONDS, KEPT, VectorStore
from tests.examples.conftest import EXAMPLE
from thalweg.docs import DocList

WRITER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
from tests.examples.test_storage import store
while True:
    store(500).save(Path(sys.argv[3]))
    print("saved", flush=True)
"""


def store(count: int = 50) -> VectorStore:
    vectors = np.random.default_rng(7).standard_normal((count, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    objects = DocList[StdlibObject](
        StdlibObject(id=f"m.f{n}", name=f"m.f{n}", kind="function", module="m", signature="f()", summary="", text="")
        for n in range(count)
    )
    made = VectorStore.build(objects, vectors)
    made.vectors = vectors
    return made


def test_the_nearest_come_first_with_their_cosines() -> None:
    made = store()
    cosines = made.vectors @ made.vectors[7]
    expected = np.argsort(-cosines)[:5]
    (found,) = made.search(made.vectors[7], 5)
    assert [item.name for item, _ in found] == [f"m.f{n}" for n in expected]
    assert np.allclose([score for _, score in found], cosines[expected], atol=1e-4)


def test_several_vectors_are_answered_in_their_order() -> None:
    made = store()
    found = made.search(made.vectors[[3, 1]], 1)
    assert [[item.name for item, _ in row] for row in found] == [["m.f3"], ["m.f1"]]


def test_more_than_there_are_is_as_many_as_there_are() -> None:
    made = store(3)
    (found,) = made.search(made.vectors[0], 10)
    assert len(found) == 3


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    made = store()
    made.save(tmp_path / "print")
    loaded = VectorStore.load(tmp_path / "print")
    assert loaded is not None
    assert loaded.objects == made.objects
    assert loaded.search(made.vectors, 3) == made.search(made.vectors, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["print"]


def test_nothing_is_loaded_where_nothing_was_saved(tmp_path: Path) -> None:
    assert VectorStore.load(tmp_path / "print") is None


@pytest.mark.parametrize("name", ["vectors.faiss", "objects.json", "manifest.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_broken_index_is_refused(tmp_path: Path, name: str, content: bytes | None) -> None:
    folder = tmp_path / "print"
    store().save(folder)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{folder} holds"):
        VectorStore.load(folder)


def test_a_writer_that_is_killed_leaves_a_whole_index_or_none(tmp_path: Path) -> None:
    folder = tmp_path / "print"
    arguments = [sys.executable, "-c", WRITER, str(EXAMPLE), str(EXAMPLE.parents[1]), str(folder)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"saved\n"
        os.kill(writer.pid, signal.SIGKILL)
    loaded = VectorStore.load(folder)
    assert loaded is None or len(loaded) == 500


def test_saving_clears_away_the_oldest_indexes_and_what_was_abandoned(tmp_path: Path) -> None:
    made = store(2)
    for age in range(KEPT + 2):
        made.save(tmp_path / f"print{age}")
        os.utime(tmp_path / f"print{age}", (age, age))
    abandoned, busy = tmp_path / ".writing-old", tmp_path / ".writing-now"
    abandoned.mkdir()
    busy.mkdir()
    past = busy.stat().st_mtime - ABANDONED_SECONDS - 60
    os.utime(abandoned, (past, past))
    made.save(tmp_path / "latest")
    assert {path.name for path in tmp_path.iterdir()} == {"latest", "print3", "print4", "print5", ".writing-now"}
    shutil.rmtree(tmp_path)
