from pathlib import Path

import numpy as np
import pytest

from documents import EmbeddedObject, EmbeddedQuestion, SearchParameters
from fingerprint import fingerprint
from index import VectorIndex
from thalweg.docs import DocList, DocVec
from thalweg.errors import ClientError


def unit(position: int) -> np.ndarray:
    return np.eye(384, dtype=np.float32)[position]


def embedded(name: str, position: int) -> EmbeddedObject:
    return EmbeddedObject(
        id=name, name=name, kind="function", module="m", signature="f()", summary="", text="", embedding=unit(position)
    )


def question(position: int) -> DocVec[EmbeddedQuestion]:
    return DocVec[EmbeddedQuestion]([EmbeddedQuestion(text="?", embedding=unit(position))])


@pytest.fixture
def index(tmp_path: Path) -> VectorIndex:
    return VectorIndex(metas={"name": "index"}, workspace=tmp_path)


def test_there_is_nothing_to_search_before_the_first_commit(index: VectorIndex) -> None:
    index.collect(DocList[EmbeddedObject]([embedded("m.a", 0)]))
    assert not index.status()[0].ready
    with pytest.raises(ClientError, match="/commit"):
        index.search(question(0), SearchParameters())


def test_what_was_committed_is_found_and_told_apart(index: VectorIndex) -> None:
    counted = index.collect(DocList[EmbeddedObject]([embedded("m.a", 0), embedded("m.b", 1)]))
    assert [(module.name, module.objects) for module in counted] == [("m", 2)]
    (status,) = index.commit()
    assert (status.ready, status.objects, status.fingerprint) == (True, 2, fingerprint())
    (answer,) = index.search(question(1), SearchParameters(limit=2))
    assert [(match.name, match.score) for match in answer.matches] == [("m.b", 1.0), ("m.a", 0.0)]


def test_an_object_that_comes_twice_is_kept_once(index: VectorIndex) -> None:
    index.collect(DocList[EmbeddedObject]([embedded("m.a", 0), embedded("m.a", 1)]))
    assert index.commit()[0].objects == 1


def test_the_next_start_finds_what_was_committed(index: VectorIndex, tmp_path: Path) -> None:
    index.collect(DocList[EmbeddedObject]([embedded("m.a", 0)]))
    index.commit()
    again = VectorIndex(metas={"name": "index"}, workspace=tmp_path)
    assert again.status()[0].objects == 1
    assert again.search(question(0), SearchParameters())[0].matches.name == ["m.a"]


def test_a_broken_index_on_disk_is_as_good_as_none(
    index: VectorIndex, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    index.collect(DocList[EmbeddedObject]([embedded("m.a", 0)]))
    index.commit()
    (tmp_path / "index" / fingerprint() / "objects.json").write_text("[]")
    again = VectorIndex(metas={"name": "index"}, workspace=tmp_path)
    assert not again.status()[0].ready
    assert "It has to be made again." in caplog.text


def test_a_commit_of_nothing_changes_nothing(index: VectorIndex) -> None:
    assert index.commit()[0].objects == 0
