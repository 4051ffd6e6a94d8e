"""What importing Thalweg does to a process: next to nothing."""

import json
import subprocess
import sys
from typing import Any

import pytest

import thalweg
import thalweg.docs

FACADE = {"thalweg"}
"""The modules that `import thalweg` loads beside those of the standard library."""

LIBRARIES = {
    "annotated_types",
    "cloudpickle",
    "msgspec",
    "numpy",
    "orjson",
    "pydantic",
    "pydantic_core",
    "typing_extensions",
    "typing_inspection",
    "yaml",
}
"""The third-party libraries that the public names may load. No server, no client, no command line, no telemetry."""

DOCUMENTS = LIBRARIES - {"cloudpickle", "yaml"}

OBSERVATION = """
import gc, json, os, signal, sys, threading, warnings, logging
import importlib.util

def state():
    gc.collect()
    return {
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "tasks": len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1,
        "descriptors": sorted(os.listdir("/dev/fd")),
        "signals": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "environment": dict(os.environ),
        "warnings": [str(entry) for entry in warnings.filters],
        "directory": os.getcwd(),
        "files": sorted(os.listdir()),
        "handlers": [str(handler) for handler in logging.getLogger().handlers],
        "hooks": [str(sys.excepthook), str(threading.excepthook), str(sys.unraisablehook)],
        "switch": sys.getswitchinterval(),
        "collector": gc.get_threshold(),
    }

exec(sys.argv[2])
state()
loaded = set(sys.modules)
before = state()
exec(sys.argv[1])
after = state()
third = sorted(
    name
    for name in set(sys.modules) - loaded
    if name.partition(".")[0] not in sys.stdlib_module_names and not name.startswith(("_sysconfigdata_", "__editable__"))
)
print(json.dumps({"before": before, "after": after, "modules": third}))
"""


def observe(statement: str, folder: Any, before: str = "") -> dict[str, Any]:
    """What `statement` changes in a fresh interpreter that has run `before`."""
    done = subprocess.run(
        [sys.executable, "-c", OBSERVATION, statement, before],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def libraries(modules: list[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules} - {"thalweg"}


def test_importing_thalweg_leaves_the_process_as_it_was_and_loads_nothing_else(tmp_path: Any) -> None:
    seen = observe("import thalweg", tmp_path)
    assert seen["after"] == seen["before"]
    assert set(seen["modules"]) == FACADE


@pytest.mark.parametrize("statement", ["import thalweg.docs, thalweg.docs.typing", "from thalweg import *"])
def test_importing_more_does_no_more_than_its_libraries_do(statement: str, tmp_path: Any) -> None:
    seen = observe(statement, tmp_path, before="import numpy, pydantic")
    assert seen["after"] == seen["before"]


@pytest.mark.parametrize("name", thalweg.__all__)
def test_what_a_user_imports_first_loads_no_server_and_no_command_line(name: str, tmp_path: Any) -> None:
    assert libraries(observe(f"from thalweg import {name}", tmp_path)["modules"]) <= LIBRARIES


def test_importing_documents_alone_loads_nothing_else(tmp_path: Any) -> None:
    assert set(observe("import thalweg.docs", tmp_path)["modules"]) == {"thalweg", "thalweg.docs"}


@pytest.mark.parametrize("name", thalweg.docs.__all__)
def test_documents_stand_alone(name: str, tmp_path: Any) -> None:
    statement = f"from thalweg.docs import {name}; import thalweg.docs.typing, thalweg.docs.codecs.columns, sys"
    statement += "; assert 'urllib.request' not in sys.modules"
    modules = observe(statement, tmp_path)["modules"]
    ours = {".".join(module.split(".")[:2]) for module in modules if module.startswith("thalweg.")}
    assert libraries(modules) <= DOCUMENTS
    assert ours <= {"thalweg.docs", "thalweg.errors"}
    # Heavy to load, and not needed by who only describes data.
    assert not {"rich", "torch", "tensorflow", "jax", "google.protobuf"} & set(modules)


def test_help_loads_only_what_parses_it(tmp_path: Any) -> None:
    modules = observe("import thalweg.cli.main", tmp_path)["modules"]
    assert libraries(modules) == {"click"}


def test_public_names_are_sorted_and_all_there() -> None:
    assert thalweg.__all__ == sorted(thalweg.__all__)
    assert all(hasattr(thalweg, name) for name in thalweg.__all__)
    assert set(thalweg.__all__) <= set(dir(thalweg))
    assert thalweg.docs.__all__ == sorted(thalweg.docs.__all__)
    assert all(hasattr(thalweg.docs, name) for name in thalweg.docs.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Flew'"):
        _ = thalweg.Flew  # type: ignore[attr-defined]
    assert not hasattr(thalweg.docs, "Document")
