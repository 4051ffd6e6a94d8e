import fcntl
import os
import shutil
import stat
import tempfile
import time

import pytest

from thalweg.orchestration import directory
from thalweg.orchestration.directory import Directory, sweep


@pytest.fixture
def root(tmp_path_factory, monkeypatch):
    path = tempfile.mkdtemp(dir="/tmp")  # pytest's own is too long for a socket
    monkeypatch.setattr(tempfile, "tempdir", path)
    yield path
    assert os.listdir(path) == []
    os.rmdir(path)


def orphan(root, *, age):
    path = tempfile.mkdtemp(prefix=directory.PREFIX, dir=root)
    open(os.path.join(path, directory.LOCK), "w").close()
    open(os.path.join(path, "0-0.sock"), "w").close()
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_only_its_user_may_enter(root):
    made = Directory()
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o700
    made.close()


def test_it_is_below_the_folder_for_temporary_files(root):
    made = Directory()
    assert str(made.path.parent) == root
    made.close()
    made.close()


def test_a_folder_whose_path_is_too_long_for_a_socket_is_not_used(tmp_path, monkeypatch):
    deep = tmp_path / ("d" * 80)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    made = Directory()
    try:
        assert len(made.address("12345-12345").removeprefix("unix://")) <= 104
    finally:
        made.close()


def test_a_dead_owners_directory_is_swept(root):
    path = orphan(root, age=60)
    assert [str(gone) for gone in sweep()] == [path]


def test_a_living_owners_directory_stays(root):
    made = Directory()
    then = time.time() - 60
    os.utime(made.path, (then, then))
    assert sweep() == []
    assert made.path.is_dir()
    made.close()


def test_a_newborn_directory_stays(root):
    path = orphan(root, age=0)
    assert sweep() == []
    os.utime(path, (0, 0))
    assert len(sweep()) == 1


def test_an_empty_directory_whose_owner_died_before_it_was_locked_is_swept_after_a_day(root):
    path = tempfile.mkdtemp(prefix=directory.PREFIX, dir=root)
    then = time.time() - directory.FORSAKEN_SECONDS + 600
    os.utime(path, (then, then))
    assert sweep() == []
    os.utime(path, (then - 1200, then - 1200))
    assert [str(gone) for gone in sweep()] == [path]


def full(path):
    open(os.path.join(path, "theirs"), "w").close()


def link(path):
    os.rename(path, f"{path}-there")
    os.symlink(f"{path}-there", path)


@pytest.mark.parametrize(
    "suffix, change",
    [("", full), ("", lambda path: os.chmod(path, 0o755)), ("-faults", lambda path: None), ("", link)],
    ids=["full", "open to others", "named otherwise", "a link"],
)
def test_a_strangers_folder_of_the_same_prefix_stays(root, suffix, change):
    path = tempfile.mkdtemp(prefix=directory.PREFIX, suffix=suffix, dir=root)
    change(path)
    os.utime(path, (0, 0), follow_symlinks=True)
    before = sorted(os.listdir(root))
    assert sweep() == []
    assert sorted(os.listdir(root)) == before
    for name in before:
        stays = os.path.join(root, name)
        os.unlink(stays) if os.path.islink(stays) else shutil.rmtree(stays)


def test_the_lock_is_let_go_with_its_owner(root):
    made = Directory()
    with open(made.path / directory.LOCK) as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    made.close()
    assert not made.path.exists()
