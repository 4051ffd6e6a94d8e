"""Environments of an Executor's own, with libraries from an index made of files."""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.orchestration.launchers.wheels import wheel
from thalweg import Deployment, Flow
from thalweg.docs import DocList
from thalweg.errors import Cancelled, ConfigurationError, StartupFailed
from thalweg.orchestration.launchers.environment import installer
from thalweg.orchestration.launchers.environment.cache import environment, environments_folder
from thalweg.orchestration.launchers.environment.core import constraints, core, discard, normal
from thalweg.orchestration.launchers.environment.launcher import layered
from thalweg.orchestration.launchers.environment.requirements import absolute, all_lines, key
from thalweg.orchestration.launchers.environment.stock import kept_environments, remove
from thalweg.testing.samples import Said

ALIVE = threading.Event()

CODE = """
from thalweg import Executor, requests
from thalweg.docs import DocList
from thalweg.testing.samples import Said
import {module}


class Versions(Executor):
    @requests
    def tell(self, docs: DocList[Said], **_) -> DocList[Said]:
        import numpy, thalweg
        from importlib.metadata import version
        here = [{module}.__version__, numpy.__version__, thalweg.__file__, version("{module}")]
        return DocList[Said]([Said(text=" ".join([*(doc.text for doc in docs), *here]))])
"""


BOTH = pytest.mark.parametrize("index", ["uv", "pip"], indirect=True)


@pytest.fixture
def index(request, tmp_path, monkeypatch):
    """An index of two releases of one library, and one that needs NumPy; for uv, or for what the test asks for."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel(wheels, "thalweg_rapids", "1.0")
    wheel(wheels, "thalweg_rapids", "2.0")
    wheel(wheels, "thalweg_ford", "1.0", ["numpy>=1.26", "pydantic"])
    wheel(wheels, "thalweg_weir", "1.0", ["thalweg_rapids<2"])
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(wheels)}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
        monkeypatch.setenv(f"UV_{name}", value)
    monkeypatch.setenv("UV_DEFAULT_INDEX", wheels.as_uri())
    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path / "cache"))
    wanted = getattr(request, "param", "uv")
    if wanted == "pip":
        monkeypatch.setattr(installer.shutil, "which", lambda name, path=None: None)
    elif installer.shutil.which("uv", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("uv is not installed")
    return wanted


def versions_in(folder, name, module):
    path = folder / f"{name}.py"
    path.write_text(CODE.format(module=module))
    return f"{path}:Versions"


@BOTH
def test_two_executors_with_conflicting_requirements_run_in_one_flow(index, tmp_path):
    flow = Flow()
    flow.add(
        uses=versions_in(tmp_path, "old", "thalweg_rapids"), requirements="thalweg_rapids<2", name="old", replicas=2
    )
    flow.add(uses=versions_in(tmp_path, "new", "thalweg_rapids"), requirements=["thalweg_rapids>=2"], name="new")
    with flow:
        told = flow.post("/", Said(text="here"), return_type=DocList[Said])[0].text.split()
    import numpy

    import thalweg

    of_the_parent = [numpy.__version__, thalweg.__file__]
    assert told == ["here", "1.0", *of_the_parent, "1.0", "2.0", *of_the_parent, "2.0"]
    with pytest.raises(ModuleNotFoundError):
        __import__("thalweg_rapids")


def test_a_requirements_file_beside_the_yaml_is_installed(index, tmp_path):
    versions_in(tmp_path, "versions", "thalweg_rapids")
    (tmp_path / "config.yml").write_text("jtype: Versions\npy_modules: versions.py\n")
    (tmp_path / "requirements.txt").write_text("-r more.txt\nthalweg  # it is here already\n")
    (tmp_path / "more.txt").write_text("thalweg_rapids==1.0\n")
    with Deployment(uses=str(tmp_path / "config.yml"), install_requirements=True) as deployment:
        assert deployment.post("/", Said(text="here"), return_type=DocList[Said])[0].text.startswith("here 1.0 ")


@BOTH
def test_the_core_is_not_installed_again(index):
    found = environment(["thalweg_ford"], [], ALIVE)
    (site,) = (Path(path) for path in found.path if path.endswith("site-packages"))
    assert (site / "thalweg_ford.py").exists()
    assert not (site / "numpy").exists()
    assert not (site / "pydantic").exists()
    assert (site / f"numpy-{version('numpy')}.dist-info").exists()


def test_a_library_of_the_core_in_another_version_wins(index, tmp_path):
    wheel(tmp_path / "wheels", "numpy", "99.0")
    found = environment(["numpy==99.0"], [], ALIVE)
    (site,) = (Path(path) for path in found.path if path.endswith("site-packages"))
    assert (site / "numpy.py").read_text() == "__version__ = '99.0'\n"
    assert [path.name for path in site.glob("numpy-*")] == ["numpy-99.0.dist-info"]


@BOTH
def test_what_thalweg_could_not_run_with_is_refused(index):
    with pytest.raises(StartupFailed, match=r"(?s)pydantic.*2\.13"):
        environment(["pydantic<2"], [], ALIVE)


@BOTH
def test_requirements_that_contradict_each_other_are_told_in_the_installers_words(index, tmp_path):
    uses = versions_in(tmp_path, "versions", "thalweg_rapids")
    with pytest.raises(
        StartupFailed, match=r"(?s)Executor 'enc' could not be started: its requirements cannot be .*thalweg.rapids"
    ):
        Deployment(uses=uses, requirements=["thalweg_weir", "thalweg_rapids>=2"], name="enc").start()
    assert list(environments_folder().glob("*/")) == []


def test_what_no_index_has_is_told(index):
    with pytest.raises(StartupFailed, match="nowhere-to-be-found"):
        environment(["nowhere-to-be-found"], [], ALIVE)


def test_many_who_want_the_same_make_it_once(index, monkeypatch):
    made = []
    install = installer.run_installer
    monkeypatch.setattr(
        "thalweg.orchestration.launchers.environment.cache.run_installer",
        lambda *given: (made.append(1), install(*given)),
    )
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: environment(["thalweg_rapids"], [], ALIVE), range(4)))
    assert len(set(found)) == 1
    assert made == [1]


def test_one_that_was_not_finished_is_made_again(index):
    found = environment(["thalweg_rapids"], [], ALIVE)
    (found.folder / "ready.json").unlink()
    (found.folder / "bin" / "python").unlink()
    assert environment(["thalweg_rapids"], [], ALIVE) == found
    assert found.python.exists()


def test_one_whose_interpreter_is_gone_is_made_again(index):
    found = environment(["thalweg_rapids"], [], ALIVE)
    found.python.unlink()
    assert environment(["thalweg_rapids"], [], ALIVE).python.exists()


def test_the_work_stops_when_nobody_waits_any_more(tmp_path):
    given_up = threading.Event()
    threading.Timer(0.2, given_up.set).start()
    began = time.monotonic()
    with pytest.raises(StartupFailed):
        installer.run_installer([sys.executable, "-c", "import time; time.sleep(1000)"], {}, given_up)
    assert time.monotonic() - began < 100


def test_who_waits_for_another_can_give_up(monkeypatch, tmp_path):
    import fcntl

    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path))
    below = [f"{each.metadata['Name']}=={each.version}" for each in core()]
    lock = environments_folder() / f"{key(['thalweg_rapids'], below)}.lock"
    lock.parent.mkdir(parents=True)
    given_up = threading.Event()
    given_up.set()
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(Cancelled):
            environment(["thalweg_rapids"], [], given_up)


def test_who_runs_in_an_environment_keeps_it(index, tmp_path):
    uses = versions_in(tmp_path, "versions", "thalweg_rapids")
    news = []
    with Deployment(uses=uses, requirements=["thalweg_rapids<2"]).start(progress=news.append) as deployment:
        assert [one.message for one in news if one.message] == ["installing its requirements"]
        (kept,) = kept_environments()
        assert (kept.in_use, kept.requirements) == (True, ("thalweg_rapids<2",))
        assert not remove(kept)
        assert deployment.post("/", Said(text="here"), return_type=DocList[Said])[0].text.startswith("here 1.0 ")
    (kept,) = kept_environments()
    assert not kept.in_use
    assert kept.size_bytes > 0
    assert remove(kept)
    assert list(environments_folder().iterdir()) == []
    assert kept_environments() == []


def test_the_time_of_the_last_use_is_that_of_the_last_who_came_or_left(index):
    found = environment(["thalweg_rapids"], [], ALIVE)
    for mark in (".used", ".lock"):
        os.utime(found.folder.with_suffix(mark), (1e9, 1e9))
    assert [kept.last_used for kept in kept_environments()] == [1e9]
    found.leave()
    (left,) = kept_environments()
    assert left.last_used > 1e9
    os.utime(found.folder.with_suffix(".used"), (1e9, 1e9))
    again = environment(["thalweg_rapids"], [], ALIVE)
    assert kept_environments()[0].last_used > 1e9
    again.leave()


def test_who_comes_while_it_is_removed_gets_one_that_is_whole(index, monkeypatch):
    environment(["thalweg_rapids"], [], ALIVE).leave()
    (kept,) = kept_environments()
    comes = []

    def slowly(folder):
        thread = threading.Thread(target=lambda: comes.append(environment(["thalweg_rapids"], [], ALIVE)))
        thread.start()
        comes.append(thread)
        discard(folder)

    monkeypatch.setattr("thalweg.orchestration.launchers.environment.stock.discard", slowly)
    assert remove(kept)
    comes[0].join()
    found = comes[1]
    assert found.python.exists()
    assert [one.in_use for one in kept_environments()] == [True]
    found.leave()


def test_one_that_was_broken_off_can_be_removed_and_one_from_before_there_were_marks(index):
    broken = environments_folder() / "broken"
    broken.mkdir(parents=True)
    os.utime(broken, (1e9, 1e9))
    found = [kept_environments(), kept_environments()]
    assert [(kept.requirements, kept.last_used) for (kept,) in found] == [((), 1e9)] * 2
    assert remove(found[0][0])
    assert not broken.exists()


def test_an_environment_that_others_have_made_needs_no_share(index, monkeypatch):
    environment(["thalweg_rapids"], [], ALIVE).leave()
    opened = os.open

    def read_only(path, flags, mode=0o777, **given):
        if flags & os.O_CREAT and str(path).endswith(".used"):
            raise PermissionError(f"read only: {path}")
        return opened(path, flags, mode, **given)

    monkeypatch.setattr(os, "open", read_only)
    found = environment(["thalweg_rapids"], [], ALIVE)
    assert found.share is None
    found.leave()


def test_without_an_installer_the_error_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(installer.shutil, "which", lambda name, path=None: None)
    monkeypatch.setattr(installer.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="install uv, or pip"):
        installer.installation(tmp_path, [], tmp_path)


def test_files_of_requirements_count_with_all_that_they_say(tmp_path):
    (tmp_path / "a.txt").write_text("one\n# nothing\n-c sub/b.txt\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.txt").write_text("two<2\n")
    lines = absolute(["three", "-r a.txt"], tmp_path)
    assert lines == ["three", f"-r {tmp_path}/a.txt"]
    assert list(all_lines(lines, Path("/"))) == ["three", f"-r {tmp_path}/a.txt", "one", "-c sub/b.txt", "two<2"]


@pytest.mark.parametrize("text,why", [("-r a.txt\n", "names itself"), ("-r b.txt\n", "cannot be read")])
def test_files_of_requirements_that_cannot_be_are_refused(text, why, tmp_path):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(ConfigurationError, match=why):
        list(all_lines(["-r a.txt"], tmp_path))


def test_the_name_of_an_environment_depends_on_what_is_in_it_and_below_it():
    names = [
        key(["a"], ["numpy==2"]),
        key(["a", "b"], ["numpy==2"]),
        key(["a"], ["numpy==3"]),
        key(["a", "numpy==2"], []),
    ]
    assert len(set(names)) == 4
    assert key(["a"], ["numpy==2"]) == names[0]


def test_the_core_is_what_thalweg_needs_and_no_more():
    names = {normal(each.metadata["Name"]) for each in core()}
    assert {"thalweg", "numpy", "pydantic", "pydantic-core"} < names
    assert "pytest" not in names
    assert any(line.startswith("thalweg==") for line in constraints())
    assert not any("extra" in line for line in constraints())


@pytest.mark.parametrize(
    "path,expected",
    [
        (["/mine", "/lib", "/x/site-packages", "/y"], ["/mine", "/lib", "OWN", "/x/site-packages", "/y"]),
        (["/mine", "/usr/lib/dist-packages"], ["/mine", "OWN", "/usr/lib/dist-packages"]),
        (["/mine"], ["/mine", "OWN"]),
    ],
)
def test_its_libraries_come_before_those_below_and_after_the_users_own_files(path, expected):
    assert layered(path, ["OWN"]) == expected


@pytest.mark.parametrize(
    "said,short",
    [
        ("WARNING: old\nERROR: No matching distribution\n", "ERROR: No matching distribution"),
        ("Using Python 3.11\n  × No solution found\n  ╰─▶ Because", "× No solution found\n  ╰─▶ Because"),
        ("", "it said nothing"),
        ("x" * 5000, "x" * 2000),
    ],
)
def test_what_an_installer_says_is_told_in_short(said, short):
    assert installer.installer_words(said) == short


def test_uv_is_told_where_pip_looks(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://other.example/simple")
    told = installer._index_of_pip({})
    assert told["UV_DEFAULT_INDEX"] == "https://index.example/simple"
    assert told["UV_INDEX"] == "https://other.example/simple"
    assert told["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert installer._index_of_pip({"UV_DEFAULT_INDEX": "mine"}) == {}
