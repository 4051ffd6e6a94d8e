from pathlib import Path

import pytest

from thalweg.docs.paths import get_paths


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.jpg", "a.txt", "sub/c.jpg", "sub/deep/d.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_files_are_found_by_one_or_several_patterns_each_once(folder: Path) -> None:
    assert list(get_paths("*")) == ["a.txt", "b.jpg"]
    assert list(get_paths("**/*.jpg")) == ["b.jpg", "sub/c.jpg", "sub/deep/d.jpg"]
    assert list(get_paths(["*.jpg", "**/*"])) == ["b.jpg", "a.txt", "sub/c.jpg", "sub/deep/d.jpg"]
    assert list(get_paths("**/*.jpg", recursive=False)) == ["sub/c.jpg"]
    assert list(get_paths("nothing/*")) == []


def test_home_is_found(folder: Path) -> None:
    assert list(get_paths("~/*.txt")) == [str(folder / "a.txt")]


def test_there_are_no_more_than_were_asked_for(folder: Path) -> None:
    assert list(get_paths("**/*.jpg", size=2)) == ["b.jpg", "sub/c.jpg"]
    assert list(get_paths("*", size=0)) == []
    with pytest.raises(ValueError, match="not negative"):
        get_paths("*", size=-1)


def test_files_are_left_out_by_the_beginning_of_their_path(folder: Path) -> None:
    assert list(get_paths("**/*.jpg", exclude_regex="sub/d")) == ["b.jpg", "sub/c.jpg"]
    assert len(list(get_paths("**/*.jpg", exclude_regex="c"))) == 3
    with pytest.raises(ValueError, match="no regular expression"):
        get_paths("*", exclude_regex="(")
