from pathlib import Path

from scripts.layers import violations

LEVELS = (("errors",), ("config", "message"), ("cli",))


def package(folder: Path, **files: str) -> Path:
    root = folder / "sample"
    for name, text in {"__init__": "", **files}.items():
        path = root / f"{name.replace('__in__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_imports_that_point_down_pass(tmp_path: Path) -> None:
    root = package(tmp_path, errors="import json", config="from sample.errors import X", cli="import sample.config")
    assert list(violations(root, LEVELS)) == []


def test_an_import_that_points_up_is_named_with_its_line(tmp_path: Path) -> None:
    root = package(tmp_path, errors="import json\nfrom sample.cli import main")
    assert list(violations(root, LEVELS)) == [f"{root}/errors.py:2: errors must not import cli"]


def test_peers_do_not_import_each_other(tmp_path: Path) -> None:
    root = package(tmp_path, config="import sample.message", message="")
    assert list(violations(root, LEVELS)) == [f"{root}/config.py:1: config must not import message"]


def test_an_import_inside_a_function_counts(tmp_path: Path) -> None:
    root = package(tmp_path, errors="def f():\n    from sample import cli")
    assert list(violations(root, LEVELS)) == [f"{root}/errors.py:2: errors must not import cli"]


def test_a_relative_import_counts(tmp_path: Path) -> None:
    root = package(tmp_path, errors="from .cli import main", config__in__load="from ..cli import main")
    (root / "config/__init__.py").write_text("from ..cli import main")
    assert [line.partition(": ")[2] for line in violations(root, LEVELS)] == [
        "config must not import cli",
        "config must not import cli",
        "errors must not import cli",
    ]


def test_an_import_for_the_type_checker_alone_does_not_count(tmp_path: Path) -> None:
    root = package(tmp_path, errors="if TYPE_CHECKING:\n    from sample.cli import main")
    assert list(violations(root, LEVELS)) == []


def test_a_package_without_a_place_is_named(tmp_path: Path) -> None:
    root = package(tmp_path, novelty="")
    assert "'novelty' has no place among the layers" in next(violations(root, LEVELS))
