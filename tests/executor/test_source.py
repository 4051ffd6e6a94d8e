"""Constructing an Executor from what was found."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from thalweg.config.workers import WorkerOptions
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ConfigurationError
from thalweg.executor import Executor, requests
from thalweg.executor.source import ExecutorSource, executor_class


class Text(BaseDoc):
    text: str = ""


class Encoder(Executor):
    """Takes everything."""

    def __init__(self, model: str = "small", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model

    @requests(on="/encode")
    def encode(self, docs: DocList[Text]) -> None: ...


class Narrow(Executor):
    """Takes no keywords, and passes nothing on."""

    def __init__(self, model: str = "small") -> None:
        super().__init__()
        self.model = model
        self.folder = self.workspace


class Forgetful(Executor):
    def __init__(self, model: str = "small") -> None:
        self.model = model

    @requests
    def answer(self, docs: DocList[Text]) -> None: ...


@dataclass
class Data(Executor):
    model: str = "small"


@requests(on="/shout")
def shout(docs: DocList[Text], **kwargs: Any) -> DocList[Text]:
    """Loud."""
    return DocList[Text]([Text(text=doc.text.upper()) for doc in docs])


def test_the_constructor_gets_what_the_user_gave() -> None:
    source = ExecutorSource(Encoder, uses_with={"model": "yaml"})
    assert source.create(WorkerOptions()).model == "yaml"  # type: ignore[attr-defined]
    assert source.create(WorkerOptions(uses_with={"model": "big"})).model == "big"  # type: ignore[attr-defined]


def test_an_executor_knows_its_worker(tmp_path: Path) -> None:
    options = WorkerOptions(name="enc", replicas=3, workspace=str(tmp_path), uses_metas={"description": "d"})
    executor = ExecutorSource(Encoder, metas={"description": "yaml", "note": 1}).create(options, replica=2)
    known = executor.runtime_args
    assert (known.name, known.replica, known.replicas) == ("enc", 2, 3)
    assert (executor.metas.name, executor.metas.description, executor.metas.note) == ("enc", "d", 1)
    assert executor.workspace == str(tmp_path / "enc")


@pytest.mark.parametrize("cls", [Narrow, Forgetful, Data])
def test_a_constructor_that_passes_nothing_on_does_no_harm(cls: Any, tmp_path: Path) -> None:
    options = WorkerOptions(name="n", workspace=str(tmp_path), uses_with={"model": "big"})
    executor = ExecutorSource(cls).create(options)
    assert executor.model == "big"  # type: ignore[attr-defined]
    assert executor.metas.name == "n"
    assert executor.workspace == str(tmp_path / "n")
    assert getattr(executor, "folder", executor.workspace) == executor.workspace


@pytest.mark.parametrize("cls", [Narrow, Data])
def test_an_argument_that_the_constructor_does_not_take_is_named(cls: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"{cls.__name__} takes no argument 'modle'; did you mean 'model'\?$"):
        ExecutorSource(cls).create(WorkerOptions(uses_with={"modle": "big"}))


def test_a_constructor_without_arguments_says_so() -> None:
    class Bare(Executor):
        def __init__(self) -> None: ...

    with pytest.raises(ConfigurationError, match=r"Bare takes no argument 'model'; it takes none\.$"):
        ExecutorSource(Bare).create(WorkerOptions(uses_with={"model": "big"}))


def test_what_the_constructor_raises_comes_out_unchanged() -> None:
    error = sqlite3.OperationalError("no such file")

    class Broken(Executor):
        def __init__(self, **kwargs: Any) -> None:
            raise error

    with pytest.raises(sqlite3.OperationalError) as caught:
        ExecutorSource(Broken).create(WorkerOptions())
    assert caught.value is error


def test_requests_of_the_options_go_before_those_of_the_yaml() -> None:
    source = ExecutorSource(Encoder, requests={"/yaml": "encode"})
    assert list(source.endpoints(WorkerOptions())) == ["/yaml"]
    assert list(source.create(WorkerOptions(uses_requests={"yaml": "encode", "/b": "encode"})).requests) == [
        "/yaml",
        "/b",
    ]


@pytest.mark.parametrize(
    "name, metas, expected",
    [("enc", {"name": "meta"}, "enc"), ("", {"name": "meta"}, "meta"), ("", {}, "Encoder")],
)
def test_the_name_is_that_of_the_topology_if_there_is_one(name: str, metas: dict[str, Any], expected: str) -> None:
    source = ExecutorSource(Encoder)
    options = WorkerOptions(name=name, uses_metas=metas)
    assert source.name(options) == expected
    assert source.create(options).metas.name == (metas.get("name") or expected)


def test_a_function_is_an_executor_too() -> None:
    executor = ExecutorSource(executor_class(shout, "shout")).create(WorkerOptions())
    assert type(executor).__name__ == "shout"
    assert executor.requests["/shout"](docs=DocList[Text]([Text(text="a")]))[0].text == "A"
    assert shout(DocList[Text]([Text(text="b")]))[0].text == "B"


@pytest.mark.parametrize(
    "found, reason",
    [
        (lambda docs: docs, "is a function without @requests"),
        (int, "is a class, but no subclass of thalweg.Executor"),
        (Encoder(), "is an instance of Encoder; give the class"),
        (3, "is of type int"),
        (pytest, "is of type module"),
    ],
)
def test_anything_else_is_no_executor(found: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=f"thing {reason}"):
        executor_class(found, "thing")
