from pathlib import Path

from scripts.budgets import FILE_LINES, FUNCTION_LINES, violations


def findings(folder: Path, text: str) -> list[str]:
    root = folder / "sample"
    root.mkdir()
    (root / "rows.py").write_text(text)
    return [line.removeprefix(f"{root}/") for line in violations(root)]


def function(lines: int) -> str:
    return "def long():\n" + "    x = 1\n" * (lines - 1)


def test_a_function_that_is_too_long_is_named(tmp_path: Path) -> None:
    assert findings(tmp_path, function(FUNCTION_LINES + 1)) == ["rows.py:1: long has 61 lines, where 60 are the most"]


def test_a_function_that_just_fits_passes(tmp_path: Path) -> None:
    assert findings(tmp_path, function(FUNCTION_LINES)) == []


def test_a_docstring_does_not_count(tmp_path: Path) -> None:
    text = function(FUNCTION_LINES).replace("def long():\n", 'def long():\n    """One.\n\n    Two.\n    """\n')
    assert findings(tmp_path, text) == []


def test_a_file_that_is_too_long_is_named(tmp_path: Path) -> None:
    assert findings(tmp_path, "x = 1\n" * (FILE_LINES + 1)) == ["rows.py: 601 lines, where 600 are the most"]
