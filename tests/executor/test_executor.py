"""The class that users subclass, without any worker."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from thalweg.docs import BaseDoc, DocList
from thalweg.executor import Executor, requests


class Text(BaseDoc):
    text: str = ""


class Shouter(Executor):
    def __init__(self, mark: str = "!", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mark = mark

    @requests(on="/shout")
    def shout(self, docs: DocList[Text], **kwargs: Any) -> DocList[Text]:
        for doc in docs:
            doc.text = doc.text.upper() + self.mark
        return docs


def test_methods_can_be_called_like_any_other() -> None:
    assert Shouter().shout(DocList[Text]([Text(text="hi")]))[0].text == "HI!"


def test_an_executor_knows_its_endpoints_by_path() -> None:
    bound = Shouter(mark="?").requests["/shout"]
    assert bound.endpoint.input_type is Text
    assert bound(docs=DocList[Text]([Text(text="hi")]))[0].text == "HI?"
    assert repr(bound) == "<shout at /shout>"


def test_the_name_is_that_of_the_class_unless_one_is_given() -> None:
    assert Shouter().metas.name == "Shouter"
    assert Shouter(metas={"name": "loud", "description": "d"}).metas.name == "loud"
    assert Shouter(metas=SimpleNamespace(name="loud")).metas.name == "loud"
    assert Shouter(runtime_args={"name": "enc"}).metas.name == "enc"


def test_endpoints_can_be_remapped() -> None:
    assert list(Shouter(requests={"/loud": "shout"}).requests) == ["/loud"]


def test_runtime_arguments_are_there_without_a_worker() -> None:
    known = Shouter().runtime_args
    assert (known.replica, known.replicas, known.shards) == (0, 1, 1)


def test_arguments_that_nobody_knows_are_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Shouter(makr="?")
    assert "Shouter knows no argument makr" in caplog.text


def test_the_logger_has_the_name_of_the_executor() -> None:
    executor = Shouter(metas={"name": "loud"})
    assert executor.logger is logging.getLogger("thalweg.executor.loud")


# --- workspace


def test_the_workspace_is_made_when_it_is_asked_for(tmp_path: Path) -> None:
    executor = Shouter(workspace=tmp_path / "w")
    assert not (tmp_path / "w").exists()
    assert executor.workspace == str(tmp_path / "w" / "Shouter")
    assert Path(executor.workspace).is_dir()


def test_the_workers_workspace_goes_before_all_others(tmp_path: Path) -> None:
    executor = Shouter(
        workspace=tmp_path / "argument",
        metas={"workspace": str(tmp_path / "metas")},
        runtime_args={"workspace": str(tmp_path / "worker"), "name": "enc"},
    )
    assert executor.workspace == str(tmp_path / "worker" / "enc")


def test_the_metas_workspace_goes_before_the_arguments(tmp_path: Path) -> None:
    executor = Shouter(workspace=tmp_path / "argument", metas={"workspace": str(tmp_path / "metas")})
    assert executor.workspace == str(tmp_path / "metas" / "Shouter")


def test_the_workspace_is_in_the_users_cache_where_nobody_names_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Shouter().workspace == str(tmp_path / "thalweg" / "Shouter")


def test_replicas_share_a_workspace_and_shards_do_not(tmp_path: Path) -> None:
    def at(**known: Any) -> str:
        return Shouter(runtime_args={"workspace": str(tmp_path), "name": "enc", **known}).workspace

    assert at(replica=1, replicas=2) == at(replica=0, replicas=2) == str(tmp_path / "enc")
    assert at(shard_id=1, shards=2) == str(tmp_path / "enc" / "1")


# --- closing


class Closing(Executor):
    closed = 0

    def close(self) -> None:
        self.closed += 1


class ClosingLater(Executor):
    closed = 0

    async def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("cls", [Closing, ClosingLater])
def test_a_context_closes_the_executor(cls: Any) -> None:
    with cls() as executor:
        assert executor.closed == 0
    assert executor.closed == 1


@pytest.mark.parametrize("cls", [Closing, ClosingLater])
async def test_an_asynchronous_context_closes_the_executor(cls: Any) -> None:
    async with cls() as executor:
        assert executor.closed == 0
    assert executor.closed == 1


def test_the_base_class_has_nothing_to_close() -> None:
    with Executor() as executor:
        assert executor.requests == {}
