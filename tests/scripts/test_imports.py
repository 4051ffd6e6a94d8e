from pathlib import Path

import pytest

from scripts.imports import core, libraries, violations

TABLE = {
    "sample": libraries("numpy"),
    "sample.wire": libraries("grpc", "torch"),
}
CORE = frozenset({"numpy", "grpc"})


def findings(folder: Path, module: str, text: str, core: frozenset[str] = CORE) -> list[str]:
    root = folder / "sample"
    path = root / f"{module}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return [line.removeprefix(f"{path}:") for line in violations(root, core, TABLE)]


def test_the_standard_library_and_the_package_itself_are_free(tmp_path: Path) -> None:
    assert findings(tmp_path, "rows", "import asyncio, xml.dom\nfrom sample.wire import x\nfrom . import y") == []


def test_a_package_may_import_what_those_around_it_may(tmp_path: Path) -> None:
    assert findings(tmp_path, "wire/frames", "import numpy.linalg\nfrom grpc import aio") == []


def test_a_library_that_is_not_its_business_is_named(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, "rows", "\nimport grpc")
    assert finding.startswith("2: sample.rows must not import grpc")


def test_an_optional_library_at_load_is_named(tmp_path: Path) -> None:
    assert findings(tmp_path, "wire", "import torch") == ["1: sample.wire may import torch inside functions only"]
    assert findings(tmp_path, "wire", "def f():\n    import torch") == []


def test_a_library_at_load_must_be_a_core_dependency(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, "wire", "import grpc", core=frozenset())
    assert finding == "1: sample.wire imports grpc, which is no core dependency"


@pytest.mark.parametrize("module", ["yaml", "grpc", "google", "pydantic", "msgspec"])
def test_core_dependencies_are_known_by_their_modules(module: str) -> None:
    assert module in core(Path("pyproject.toml"))
