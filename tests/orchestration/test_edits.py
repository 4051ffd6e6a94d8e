import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from thalweg.orchestration.change import edits
from thalweg.orchestration.change.edits import Edits
from thalweg.testing.leaks import no_leaks


@pytest.fixture(params=["told by the system", "by looking"], autouse=True)
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(edits, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(edits, "LOOK_SECONDS", 0.2)
    if request.param == "by looking":
        monkeypatch.setitem(sys.modules, "watchfiles", None)
    return iter([None])


def watching(*files: Path) -> Edits:
    made = Edits()
    made.watch([str(file) for file in files])
    return made


async def test_an_edit_is_told_with_the_file(tmp_path: Path):
    one, other = tmp_path / "one.py", tmp_path / "other.py"
    one.write_text("1")
    other.write_text("1")
    async with no_leaks():
        watched = watching(one, other)
        coming = asyncio.ensure_future(watched.next())
        await asyncio.sleep(0.05)
        assert not coming.done()
        one.write_text("22")
        assert await coming == {str(one)}


async def test_an_edit_from_before_it_was_asked_counts(tmp_path: Path):
    file = tmp_path / "one.py"
    file.write_text("1")
    watched = watching(file)
    file.write_text("22")
    assert await watched.next() == {str(file)}


async def test_a_file_that_an_editor_replaces_is_the_same_file(tmp_path: Path):
    file = tmp_path / "one.py"
    file.write_text("1")
    watched = watching(file)
    file.unlink()
    coming = asyncio.ensure_future(watched.next())
    await asyncio.sleep(0.1)
    assert not coming.done()
    (tmp_path / "new").write_text("2")
    (tmp_path / "new").rename(file)
    assert await coming == {str(file)}


async def test_files_that_are_saved_together_are_told_together(tmp_path: Path):
    files = [tmp_path / f"{number}.py" for number in range(5)]
    for file in files:
        file.write_text("1")
    watched = watching(*files)
    for file in files:
        file.write_text("22")
    assert await watched.next() == {str(file) for file in files}


async def test_what_is_watched_still_keeps_what_was_known_of_it(tmp_path: Path):
    file, more = tmp_path / "one.py", tmp_path / "more.py"
    file.write_text("1")
    more.write_text("1")
    watched = watching(file)
    file.write_text("22")
    watched.watch([str(file), str(more)])
    assert await watched.next() == {str(file)}
