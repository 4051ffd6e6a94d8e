"""What `uses` may be, refused as early as it can be known."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from thalweg import Deployment, Executor, Flow, requests
from thalweg.errors import ConfigurationError


class Plain:
    pass


class Real(Executor):
    @requests
    def answer(self, docs: Any) -> None: ...


def bare(docs: Any) -> None: ...


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "here.py").write_text("raise SystemExit('imported')")
    (tmp_path / "own.yml").write_text("jtype: absent.py:Mine")
    (tmp_path / "inner.yml").write_text("jtype: Mine\npy_modules: absent.py")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("add", [lambda uses: Flow().add(uses=uses), Deployment], ids=["Flow", "Deployment"])
@pytest.mark.parametrize(
    "uses, message",
    [
        (3, r"uses: 3 is of type int, and names no Executor; give .*subclass of thalweg\.Executor.*'file\.py:Class'"),
        (True, "True is of type bool"),
        (b"enc:Class", "of type bytes"),
        ([Real], "of type list"),
        (" ", "' ' is an empty text"),
        (Plain, r"uses=<class '.*Plain'> is a class, but no subclass of thalweg\.Executor"),
        (bare, "a function without @requests"),
        (Real(), "an instance of Real; give the class"),
        (sys, "is of type module; an Executor class or a function"),
        (object(), "is of type object; an Executor class"),
        ("Mine", "'Mine' does not say where it is defined"),
        ("folder", "'folder' is a folder. Say which Executor in it: 'folder/config.yml' or 'folder/file.py:Class'"),
        ("./folder", "'./folder' is a folder"),
        ("http://enc", "names no Executor"),
        ("jinahub://Enc", "Jina's hub is not asked"),
        ("docker://", "names no image"),
        ("here.py", "is a file. Say which Executor in it"),
    ],
)
def test_what_can_be_no_executor_is_refused_where_it_is_given(add: Any, uses: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        add(uses)


@pytest.mark.parametrize("option", ["uses_before", "uses_after"])
def test_what_stands_beside_shards_is_looked_at_too(option: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{option}=<class '.*Plain'> is a class"):
        Flow().add(uses=Real, shards=2, **{option: Plain})
    with pytest.raises(ConfigurationError, match=f"{option}: 3 is of type int"):
        Flow().add(uses=Real, shards=2, **{option: 3})


NAMED = [
    ("absent:Mine", "'absent:Mine': there is no module 'absent'.*PYTHONPATH"),
    ("absent.deep.Mine", "there is no module 'absent'"),
    ("absent.py:Mine", "uses='absent.py:Mine': there is no file .*absent.py"),
    (Path("absent.yml"), r"absent\.yml cannot be read: No such file"),
    ("own.yml", "uses='absent.py:Mine': there is no file"),
    ("inner.yml", "uses='Mine': there is no file .*absent.py"),
    ({"metas": {}}, "does not say which Executor"),
]


@pytest.mark.parametrize("uses, message", NAMED)
def test_build_says_that_there_is_nothing_of_the_name(uses: Any, message: str) -> None:
    flow = Flow().add(uses=uses)
    with pytest.raises(ConfigurationError, match=message):
        flow.build()


@pytest.mark.parametrize("uses, message", NAMED)
def test_a_start_says_so_before_any_process_is_started(uses: Any, message: str) -> None:
    heard: list[Any] = []
    with pytest.raises(ConfigurationError, match=message):
        Deployment(uses=uses).start(heard.append)
    assert heard == []


def test_modules_to_import_first_must_be_there() -> None:
    with pytest.raises(ConfigurationError, match=r"there is no file .*absent\.py"):
        Flow().add(uses="Mine", py_modules=["here.py", "absent.py"]).build()


def test_build_imports_nothing_and_takes_what_is_only_known_elsewhere(tmp_path: Path) -> None:
    flow = Flow().add(uses="here.py:Mine").add(uses="here:Mine").add(uses="Mine", py_modules=["here.py"])
    flow.add(uses="absent:Mine", requirements=["absent"]).add(uses="absent:Mine", env={"PYTHONPATH": "/elsewhere"})
    flow.add(uses="docker://image").add(external=True, port=1).add(uses="${{ ENV.NAME }}:Mine").build()
    assert "here" not in sys.modules


def test_a_module_that_was_written_just_now_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.syspath_prepend(str(elsewhere))
    flow = Flow().add(uses="justnow:Mine")
    with pytest.raises(ConfigurationError):
        flow.build()
    before = os.stat(elsewhere)
    (elsewhere / "justnow.py").touch()
    os.utime(elsewhere, ns=(before.st_atime_ns, before.st_mtime_ns))
    flow.build()
