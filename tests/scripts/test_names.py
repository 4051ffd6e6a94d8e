from pathlib import Path

import pytest

from scripts.names import violations


def package(folder: Path, first: str, second: str) -> Path:
    root = folder / "sample"
    root.mkdir()
    (root / "first.py").write_text(first)
    (root / "second.py").write_text(second)
    return root


@pytest.mark.parametrize("text", ["class Row: ...", "def row(): ...", "async def row(): ..."])
def test_a_name_that_two_modules_define_is_named_with_both_places(tmp_path: Path, text: str) -> None:
    root = package(tmp_path, text, f"\n{text}")
    (finding,) = violations(root, {})
    assert f"{root}/first.py:1, {root}/second.py:2" in finding
    assert "ow' is defined 2 times" in finding


def test_a_definition_under_a_condition_counts(tmp_path: Path) -> None:
    root = package(tmp_path, "try:\n    import x\nexcept ImportError:\n    def row(): ...", "def row(): ...")
    assert len(list(violations(root, {}))) == 1


def test_private_names_methods_and_imports_are_free(tmp_path: Path) -> None:
    text = "from json import dumps\ndef _row(): ...\nclass {}:\n    def row(self): ..."
    assert list(violations(package(tmp_path, text.format("A"), text.format("B")), {})) == []


def test_a_shared_name_is_free_inside_its_package_alone(tmp_path: Path) -> None:
    root = package(tmp_path, "def row(): ...", "def row(): ...")
    assert list(violations(root, {"row": "sample"})) == []
    assert len(list(violations(root, {"row": "sample.first.inner"}))) == 1
