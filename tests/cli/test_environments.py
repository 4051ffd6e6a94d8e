"""`thalweg environments`, over folders that look like what it lists."""

import fcntl
import json
import os
import time

import pytest

DAY = 86400


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Makes an environment of a few bytes, used so many days ago."""
    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path))

    def make(name, days, requirements):
        folder = tmp_path / "environments" / name
        folder.mkdir(parents=True)
        (folder / "requirements.txt").write_text(requirements)
        mark = folder.with_suffix(".used")
        mark.touch()
        os.utime(mark, (time.time() - days * DAY,) * 2)
        return folder

    return make


def test_they_are_listed_with_what_is_in_them(kept, invoke):
    kept("0123456789abcdef", 3.5, "numpy<2\nscipy\n")
    kept("fedcba9876543210", 40, "")
    shown = invoke("environments").stdout.splitlines()
    assert shown[0].split() == ["ENVIRONMENT", "LAST", "USED", "SIZE", "REQUIREMENTS"]
    assert shown[1].split() == ["0123456789ab", "3", "d", "ago", "14", "B", "numpy<2,", "scipy"]
    assert shown[2].split() == ["fedcba987654", "40", "d", "ago", "0", "B", "unfinished"]


def test_those_not_used_for_long_are_removed_and_none_in_use(kept, invoke):
    fresh, old, running = kept("fresh", 1, "a"), kept("old", 40, "bb"), kept("running", 50, "c")
    with running.with_suffix(".used").open() as mark:
        fcntl.flock(mark, fcntl.LOCK_SH)
        (listed,) = json.loads(invoke("environments", "--unused", "30", "--json").stdout)
        assert (listed["folder"], listed["in_use"], listed["removed"]) == (str(old), False, False)
        assert invoke("environments", "--unused", "30", "--remove").stdout == "removed 1 of 1, 2 B\n"
        assert [folder.exists() for folder in (fresh, old, running)] == [True, False, True]
        told = json.loads(invoke("environments", "--remove", "--json").stdout)
        assert {one["requirements"][0]: one["removed"] for one in told} == {"a": True, "c": False}
    assert running.exists()


def test_where_there_is_none_that_is_said(tmp_path, monkeypatch, invoke):
    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path))
    assert "None is kept." in invoke("environments").stderr
