"""Finding an Executor by what `uses` says, in this process and in another."""

import subprocess
import sys
import types
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
import pytest

from thalweg.config.workers import WorkerOptions
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ConfigurationError
from thalweg.executor import Executor, requests
from thalweg.executor.loading import Passthrough, Reference, reference


class Text(BaseDoc):
    text: str = ""


class Encoder(Executor):
    @requests(on="/encode")
    def encode(self, docs: DocList[Text]) -> DocList[Text]:
        return docs


@requests(on="/shout")
def shout(docs: DocList[Text]) -> DocList[Text]:
    return docs


CODE = """
from thalweg.docs import BaseDoc, DocList
from thalweg.executor import Executor, requests

class Text(BaseDoc):
    text: str = ""

class Mine(Executor):
    def __init__(self, size=1, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    @requests(on="/mine")
    def mine(self, docs: DocList[Text]) -> DocList[Text]:
        return docs

@requests
def function(docs: DocList[Text]) -> DocList[Text]:
    return docs

thing = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the current one, with Executors in `mine.py` and in the package `pack`. What is imported from it
    is forgotten afterwards."""
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("from .inner import Mine")
    (tmp_path / "pack" / "inner.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield tmp_path  # type: ignore[misc]
    for name in set(sys.modules) - before:
        del sys.modules[name]


def elsewhere(reference: Reference, code: str = "print(source.executor.__name__)") -> str:
    """What `code` prints in another process that got `reference` and `sys.path`, as `source`."""
    script = f"""
import sys, pickle
path, data = pickle.load(sys.stdin.buffer)
sys.path[:] = path
import msgspec
from thalweg.config.workers import WorkerOptions
from thalweg.docs import DocList
from thalweg.executor.loading import Reference
source = msgspec.msgpack.decode(data, type=Reference).resolve()
{dedent(code)}
"""
    import pickle

    done = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps((sys.path, msgspec.msgpack.encode(reference))),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


# --- classes and functions


@pytest.mark.parametrize("uses", [Encoder, shout])
def test_what_can_be_imported_goes_by_name(uses: Any) -> None:
    found = reference(uses)
    assert found.kind == "import"
    assert found.text == f"{__name__}:{uses.__name__}"
    assert found.data == b""
    assert found.resolve().executor.__name__ == uses.__name__


def test_a_local_class_is_carried_by_value_with_its_documents() -> None:
    class Local(BaseDoc):
        number: int = 0

    class Doubler(Executor):
        @requests(on="/double")
        def double(self, docs: "DocList[Local]") -> "DocList[Local]":
            return DocList[Local]([Local(number=doc.number * 2) for doc in docs])

    found = reference(Doubler)
    assert found.kind == "pickle"
    printed = elsewhere(
        found,
        """
        executor = source.create(WorkerOptions())
        endpoint = executor.requests["/double"].endpoint
        doc = endpoint.input_type(number=4)
        print(endpoint.input_type.__name__, executor.double(DocList[endpoint.input_type]([doc]))[0].number)
        """,
    )
    assert printed == "Local 8"


def test_a_local_function_is_carried_by_value() -> None:
    @requests
    def triple(docs: DocList[Text]) -> DocList[Text]:
        return DocList[Text]([*docs, *docs, *docs])

    found = reference(triple)
    assert found.kind == "pickle"
    assert elsewhere(found) == "triple"


def test_a_class_of_the_main_module_is_carried_by_value(folder: Path) -> None:
    (folder / "script.py").write_text(
        "from __future__ import annotations\n"
        + CODE
        + dedent("""
        from thalweg.executor.loading import reference
        import msgspec, sys
        sys.stdout.buffer.write(msgspec.msgpack.encode(reference(Mine)))
        """)
    )
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, check=True)
    found = msgspec.msgpack.decode(done.stdout, type=Reference)
    assert found.kind == "pickle"
    code = "print(source.executor.__name__, source.endpoints(WorkerOptions())['/mine'].input_type.__name__)"
    assert elsewhere(found, code) == "Mine Text"


def test_a_class_of_a_module_that_only_exists_here_is_carried_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("made_by_hand")
    monkeypatch.setitem(sys.modules, "made_by_hand", module)
    exec(CODE, module.__dict__)
    found = reference(module.Mine)
    assert found.kind == "pickle"
    assert elsewhere(found, "print(source.create(WorkerOptions()).size)") == "1"


def test_a_class_of_a_module_that_was_loaded_from_a_file_is_carried_by_value(folder: Path) -> None:
    loaded = reference("mine.py:Mine").resolve().executor
    sys.path.remove(str(folder))
    assert reference(loaded).kind == "pickle"


def test_what_cannot_be_carried_is_an_error_that_says_what_to_do() -> None:
    import threading

    lock = threading.Lock()

    class Locked(Executor):
        @requests
        def answer(self, docs: DocList[Text]) -> None:
            lock.acquire()

    with pytest.raises(ConfigurationError, match=r"Locked cannot be sent to another process: .*lock.*constructor"):
        reference(Locked)


@pytest.mark.parametrize("uses", [int, Encoder(), lambda docs: docs, 3])
def test_what_is_no_executor_is_refused_at_once(uses: Any) -> None:
    with pytest.raises(ConfigurationError):
        reference(uses)


def test_nothing_gives_the_documents_back() -> None:
    assert reference(None).resolve().executor is Passthrough


# --- names


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "uses, kind",
    [
        ("pack.inner:Mine", "import"),
        ("pack.inner.Mine", "import"),
        ("pack:Mine", "import"),
        ("mine.py:Mine", "file"),
        ("./mine.py:Mine", "file"),
    ],
)
def test_a_class_is_found_by_name(uses: str, kind: str) -> None:
    sys.path.insert(0, ".")
    found = reference(uses)
    assert found.kind == kind
    assert found.resolve().executor.__name__ == "Mine"


@pytest.mark.usefixtures("folder")
def test_a_function_is_found_by_name() -> None:
    assert list(reference("mine.py:function").resolve().endpoints(WorkerOptions())) == ["/default"]


def test_a_reference_imports_nothing(folder: Path) -> None:
    (folder / "loud.py").write_text("raise AssertionError")
    reference("loud.py:Mine")
    reference("loud:Mine")


def test_a_file_can_import_its_neighbours(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "neighbour_of_user.py").write_text("SIZE = 7")
    (folder / "sub" / "user.py").write_text(f"from neighbour_of_user import SIZE\n{CODE}")
    assert reference("sub/user.py:Mine").resolve().executor.__module__ == "user"


def test_a_file_shadows_no_other_module(folder: Path) -> None:
    (folder / "json.py").write_text(CODE)
    found = reference("json.py:Mine").resolve().executor
    assert found.__module__.startswith("json_")
    assert "Mine" not in vars(sys.modules["json"])
    assert reference("json.py:Mine").resolve().executor is found


def test_a_bare_name_is_looked_up_in_the_given_modules(folder: Path) -> None:
    assert reference("Mine", WorkerOptions(py_modules=("mine.py",))).resolve().executor.__module__ == "mine"
    assert (
        reference("Mine", WorkerOptions(py_modules=("pack/__init__.py",))).resolve().executor.__module__ == "pack.inner"
    )


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "uses, reason",
    [
        ("nowhere:Mine", "there is no module 'nowhere'.*PYTHONPATH"),
        ("xml.nowhere:Mine", "there is no module 'xml.nowhere'"),
        ("mine.py:Mien", r"did you mean 'Mine'\?$"),
        ("absent.yml", r"^absent\.yml cannot be read: No such file or directory\.$"),
        ("mine.py:Other", "the Executors there are Mine, function"),
        ("xml:Other", "there is no Executor at all"),
        ("mine.py:thing", "'?mine.py:thing'? is of type int"),
        ("mine.py:Text", "no subclass of thalweg.Executor"),
        ("absent.py:Mine", "There is no file .*absent.py"),
    ],
)
def test_what_is_not_found_is_explained(uses: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as caught:
        reference(uses).resolve()
    assert caught.value.__cause__ is None, "what is told is the cause where there is one"


@pytest.mark.parametrize(
    "uses, reason",
    [
        ("mine.py", "Say which Executor in it, such as 'mine.py:Class'"),
        ("Mine", r"does not say where it is defined.*'package\.module:Mine'"),
        ("docker://image", "names no Executor"),
        ("", "names no Executor"),
        ("pack:1x", "names no Executor"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused_at_once(uses: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        reference(uses)


@pytest.mark.usefixtures("folder")
def test_a_bare_name_that_is_in_none_of_the_modules_is_explained() -> None:
    with pytest.raises(ConfigurationError, match="'Mien' is defined in none of mine; did you mean 'Mine'"):
        reference("Mien", WorkerOptions(py_modules=("mine.py",))).resolve()


def test_a_module_that_a_users_module_misses_is_for_its_author_to_see(folder: Path) -> None:
    (folder / "needy.py").write_text("import does_not_exist_at_all")
    with pytest.raises(ModuleNotFoundError, match="does_not_exist_at_all") as caught:
        reference("needy.py:Mine").resolve()
    assert not isinstance(caught.value, ConfigurationError)
    assert "needy" not in sys.modules


# --- YAML


def test_yaml_names_the_class_and_its_arguments(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "own.py").write_text(CODE)
    (folder / "deep" / "executor.yml").write_text(
        """
        jtype: Mine
        py_modules: own.py
        with: {size: 5}
        metas: {name: loud, description: d}
        requests: {/loud: mine}
        workspace: here
        """
    )
    source = reference("deep/executor.yml").resolve()
    assert source.executor.__module__ == "own"
    assert source.uses_with == {"size": 5}
    assert source.workspace == "here"
    executor = source.create(WorkerOptions(workspace=str(folder)))
    assert (executor.size, executor.metas.name, list(executor.requests)) == (5, "loud", ["/loud"])  # type: ignore[attr-defined]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "uses",
    [
        "uses: mine.py:Mine",
        "jtype: Mine\nmetas:\n  py_modules: [mine.py]",
        {"uses": "mine.py:Mine"},
        {"jtype": "Mine", "py_modules": ["mine.py"]},
    ],
)
def test_yaml_may_be_text_or_a_mapping(uses: Any) -> None:
    assert reference(uses).resolve().executor.__name__ == "Mine"


@pytest.mark.usefixtures("folder")
def test_modules_of_the_options_serve_yaml_too() -> None:
    assert reference("jtype: Mine", WorkerOptions(py_modules="mine.py")).resolve().executor.__name__ == "Mine"  # type: ignore[arg-type]


def test_an_unknown_key_is_named_with_the_nearest_known_one(folder: Path) -> None:
    (folder / "executor.yml").write_text("jtype: mine.py:Mine\nwiht: {size: 5}\n")
    with pytest.raises(ConfigurationError, match=r"executor\.yml.*wiht.*did you mean 'with'"):
        reference("executor.yml").resolve()


def test_yaml_without_a_class_says_so() -> None:
    with pytest.raises(ConfigurationError, match="does not say which Executor"):
        reference("with: {size: 5}").resolve()


def test_one_name_in_two_files_is_two_executors(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "mine.py").write_text(CODE.replace("/mine", "/theirs"))
    ours = reference("mine.py:Mine").resolve()
    theirs = reference("other/mine.py:Mine").resolve()
    assert list(ours.endpoints(WorkerOptions())) == ["/mine"]
    assert list(theirs.endpoints(WorkerOptions())) == ["/theirs"]


def test_fields_of_a_dataclass_are_the_arguments(folder: Path) -> None:
    code = CODE.replace("class Mine", "from dataclasses import dataclass\n@dataclass\nclass Mine")
    start, end = code.index("    def __init__"), code.index("    @requests")
    (folder / "fields.py").write_text(f"{code[:start]}    size: int\n    word: str = 'a'\n\n{code[end:]}")
    source = reference({"jtype": "fields.py:Mine", "with": {"size": 3}}).resolve()
    executor: Any = source.create(WorkerOptions(name="described"))
    assert (executor.size, executor.word, executor.metas.name) == (3, "a", "described")
    assert list(executor.requests) == ["/mine"]


def test_a_package_of_several_files_may_import_from_itself(folder: Path) -> None:
    (folder / "several").mkdir()
    (folder / "several" / "__init__.py").write_text("from .code import Mine")
    (folder / "several" / "code.py").write_text(f"from .size import SIZE\n{CODE}")
    (folder / "several" / "size.py").write_text("SIZE = 7")
    source = {"jtype": "Mine", "py_modules": ["several/__init__.py"]}
    assert reference(source).resolve().executor.__name__ == "Mine"
