"""What `thalweg.compat.install()` changes, and what it leaves alone."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

import thalweg.compat
from thalweg.compat.table import PACKAGES

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a program in a folder in which a package stands for a real DocArray."""
    real = tmp_path / "docarray"
    real.mkdir()
    (real / "__init__.py").write_text("REAL = True\n")

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "app.py").write_text(dedent(program))
        command = [sys.executable, *(arguments or ["app.py"])]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=250, check=False)

    return run


def test_a_real_docarray_is_shadowed_only_between_install_and_uninstall(run: Run) -> None:
    done = run(
        """
        import sys
        import thalweg.compat
        before = list(sys.meta_path)
        thalweg.compat.install()
        thalweg.compat.install()
        import docarray.typing
        print(hasattr(docarray, "REAL"), docarray.BaseDoc.__module__, len(sys.meta_path) - len(before))
        thalweg.compat.uninstall()
        import docarray
        print(docarray.REAL, sys.meta_path == before)
        """
    )
    assert done.stdout.splitlines() == ["False thalweg.docs.document 2", "True True"], done.stderr


def test_importing_the_package_changes_nothing(run: Run) -> None:
    done = run("import thalweg.compat, docarray; print(docarray.REAL)")
    assert done.stdout == "True\n", done.stderr


def test_it_comes_too_late_once_a_real_docarray_is_loaded(run: Run) -> None:
    done = run(
        """
        import docarray, thalweg.compat
        try:
            thalweg.compat.install()
        except ImportError as error:
            print(error)
        """
    )
    assert done.stdout == "docarray is loaded already: call thalweg.compat.install() before anything imports it\n"


@pytest.mark.parametrize(
    "statement, error, hint",
    [
        ("from docarray import DocumentArray", "ImportError", "a subclass of BaseDoc"),
        ("from docarray.index import EpsillaDocumentIndex", "ImportError", "QdrantDocumentIndex"),
        ("import docarray.store.jac", "ModuleNotFoundError", "s3:// address"),
        ("import docarray.documents.txt", "ModuleNotFoundError", "did you mean docarray.documents.text?"),
        ("import docarray; docarray.nothing", "AttributeError", "has no attribute 'nothing'"),
    ],
)
def test_what_has_no_place_says_what_to_use(run: Run, statement: str, error: str, hint: str) -> None:
    done = run(statement, "-m", "thalweg.compat", "app.py")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(error)
    assert hint in last


def test_a_name_that_never_was_is_missing_and_nothing_worse(run: Run) -> None:
    done = run("import docarray; print(hasattr(docarray, 'nope'))", "-m", "thalweg.compat", "app.py")
    assert done.stdout == "False\n", done.stderr


def test_a_program_gets_its_arguments_and_its_folder(run: Run) -> None:
    program = "import sys, docarray; print(__name__, sys.argv, hasattr(docarray, 'REAL'), sys.path[0])"
    done = run(program, "-m", "thalweg.compat", "app.py", "--flag", "x")
    name, rest = done.stdout.split(" ", 1)
    assert name == "__main__"
    assert rest.startswith("['app.py', '--flag', 'x'] False"), done.stderr
    by_name = run(program, "-m", "thalweg.compat", "-m", "app", "y")
    assert "app.py', 'y'] False" in by_name.stdout, by_name.stderr


def test_the_exit_code_is_the_program_s(run: Run) -> None:
    assert run("raise SystemExit(3)", "-m", "thalweg.compat", "app.py").returncode == 3
    missing = run("", "-m", "thalweg.compat", "nothing.py")
    assert (missing.returncode, missing.stderr) == (2, "nothing.py: there is no such file\n")
    assert run("", "-m", "thalweg.compat").returncode == 2
    assert run("", "-m", "thalweg.compat", "--help").returncode == 0


@pytest.mark.parametrize("package,least", [("docarray", 200), ("jina", 100)])
def test_every_name_leads_somewhere(run: Run, package: str, least: int) -> None:
    names = [
        (module, name)
        for module, table in PACKAGES[package].modules.items()
        for name, home in table.items()
        if not home.startswith("!")
    ]
    assert len(names) > least
    done = run(
        f"""
        import importlib, thalweg.compat
        thalweg.compat.install()
        for module, name in {names!r}:
            getattr(importlib.import_module(module), name)
        print("all")
        """
    )
    assert done.stdout == "all\n", done.stderr


def test_one_package_alone_can_be_exchanged(run: Run) -> None:
    done = run("import docarray; print(docarray.REAL)", "-m", "thalweg.compat", "--only", "jina", "app.py")
    assert done.stdout == "True\n", done.stderr
    assert run("", "-m", "thalweg.compat", "--only", "numpy", "app.py").returncode == 2
    with pytest.raises(ValueError, match="nothing stands for 'numpy'"):
        thalweg.compat.install("numpy")


def test_every_module_can_be_imported_with_a_star(run: Run) -> None:
    done = run(
        """
        from docarray import *
        from docarray.typing import *
        from docarray.documents import *
        class Text(BaseDoc):
            embedding: NdArray[2]
        print(type(Text(embedding=[1, 2]).embedding.unwrap()).__name__, DocList[Text].__name__, TextDoc("a").text)
        """,
        "-m",
        "thalweg.compat",
        "app.py",
    )
    assert done.stdout == "ndarray DocList[Text] a\n", done.stderr


def test_torch_s_tensors_have_the_methods_of_docarray_s(run: Run) -> None:
    pytest.importorskip("torch")
    done = run(
        """
        import torch
        from docarray import BaseDoc
        from docarray.typing import TorchTensor
        class Model(BaseDoc):
            weights: TorchTensor[2]
        model = Model(weights=torch.ones(2))
        plain = model.weights.unwrap()
        print(type(plain) is torch.Tensor, isinstance(model.weights, torch.Tensor), isinstance(plain, TorchTensor))
        print(plain.data_ptr() == model.weights.data_ptr(), model.weights.get_comp_backend().n_dim(plain))
        """,
        "-m",
        "thalweg.compat",
        "app.py",
    )
    assert done.stdout == "True True True\nTrue 1\n", done.stderr


def test_processes_that_a_program_starts_find_it_too(run: Run, tmp_path: Path) -> None:
    (tmp_path / "docarray").rename(tmp_path / "elsewhere")  # what lies beside a program comes first, as it always does
    done = run(
        """
        import multiprocessing, subprocess, sys
        def name():
            import docarray.typing
            print(docarray.BaseDoc.__module__, docarray.typing.__spec__.loader is docarray.__spec__.loader, flush=True)
        if __name__ == "__main__":
            for start in ("fork", "spawn"):
                process = multiprocessing.get_context(start).Process(target=name)
                process.start()
                process.join()
            subprocess.run([sys.executable, "-P", "-c", "import docarray; print(docarray.DocList.__module__)"])
        """,
        "-m",
        "thalweg.compat",
        "app.py",
    )
    assert done.stdout.splitlines() == ["thalweg.docs.document True"] * 2 + ["thalweg.docs.doc_list"], done.stderr


def test_messages_of_other_libraries_build_on_docarray_s(run: Run) -> None:
    done = run(
        """
        import docarray.proto.pb2.docarray_pb2
        from docarray import BaseDoc, DocList
        from google.protobuf import descriptor_pool, message_factory
        from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
        file = FileDescriptorProto(name="mine.proto", package="mine", syntax="proto3", dependency=["docarray.proto"])
        field = file.message_type.add(name="Request").field.add(name="docs", number=1, type_name=".docarray.DocListProto")
        field.type = FieldDescriptorProto.TYPE_MESSAGE
        pool = descriptor_pool.Default()
        pool.AddSerializedFile(file.SerializeToString())
        Request = message_factory.GetMessageClass(pool.FindMessageTypeByName("mine.Request"))
        class Text(BaseDoc):
            text: str
        request = Request()
        request.docs.CopyFrom(DocList[Text]([Text(text="a")]).to_protobuf())
        print(DocList[Text].from_protobuf(Request.FromString(request.SerializeToString()).docs).text)
        """,
        "-m",
        "thalweg.compat",
        "app.py",
    )
    assert done.stdout == "['a']\n", done.stderr


def test_models_made_with_a_class_of_settings_are_made_for_jina(run: Run) -> None:
    done = run(
        """
        from docarray.utils._internal._typing import safe_issubclass
        from pydantic import create_model
        class Config:
            alias_generator = str.upper
            allow_population_by_field_name = True
            unknown = 1
        Model = create_model("Model", name=(str, ...), __config__=Config)
        print(Model(NAME="a"), Model(name="b"), create_model("Plain", n=(int, 1))())
        print(safe_issubclass(list[int], list), safe_issubclass(bool, int), safe_issubclass(None, int))
        """,
        "-m",
        "thalweg.compat",
        "app.py",
    )
    assert done.stdout == "name='a' name='b' n=1\nFalse True False\n", done.stderr
