"""`jina.Executor` and what is made of its YAML, beside what the programs hold."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.endtoend.scripts import eventually
from thalweg.compat.excepts import BadConfigSource
from thalweg.compat.executor import JinaExecutor, jina_requests
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ConfigurationError

MODULE = """
from pathlib import Path
from thalweg.compat.executor import JinaExecutor, jina_requests

Path("imported").touch()

class Outside(JinaExecutor):
    def __init__(self, size=1, **kwargs):
        super().__init__(**kwargs)
        self.size = size
"""


class Text(BaseDoc):
    text: str = ""


class Kept(JinaExecutor):
    def __init__(self, folder: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)


class Marking(JinaExecutor):
    def __init__(self, folder: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = Path(folder)
        (self.folder / "made").touch()

    @jina_requests(on="/count")
    def count(self, doc: Text, tracing_context: Any = None) -> Text:  # type: ignore[misc]
        for number in range(2):
            yield Text(text=f"{doc.text}{number}{tracing_context}")

    def close(self) -> None:
        (self.folder / "closed").touch()


def test_a_class_serves_itself_until_an_event_is_set(tmp_path: Path) -> None:
    stop = threading.Event()
    given = {"stop_event": stop, "uses_with": {"folder": str(tmp_path)}}
    serving = threading.Thread(target=Marking.serve, kwargs=given)
    serving.start()
    eventually((tmp_path / "made").exists)
    assert not (tmp_path / "closed").exists()
    stop.set()
    serving.join(30)
    assert not serving.is_alive()
    assert (tmp_path / "closed").exists()


def test_a_generator_that_asks_for_what_jina_hands_over_stays_one(tmp_path: Path) -> None:
    endpoint = Marking(folder=str(tmp_path)).requests["/count"]
    assert [found.text for found in endpoint(doc=Text(text="n"))] == ["n0None", "n1None"]
    assert endpoint.endpoint.streaming


def test_without_telemetry_tracer_and_meter_are_none_and_nothing_is_measured(tmp_path: Path) -> None:
    executor = Marking(folder=str(tmp_path))
    assert executor.tracer is executor.tracer_provider is executor.meter is executor.meter_provider is None
    with executor.monitor("seconds", "of the block"):
        pass


def test_a_snapshot_is_the_users_own_to_write(tmp_path: Path) -> None:
    with pytest.raises(NotImplementedError, match="override"):
        Marking(folder=str(tmp_path)).snapshot("state.bin")


@pytest.mark.parametrize(
    "name,source",
    [
        ("Listed", {"jtype": "Listed", "py_modules": "outside_listed.py"}),
        ("InMetas", {"jtype": "InMetas", "metas": {"py_modules": ["outside_inmetas.py"]}}),
        ("Dotted", {"jtype": "outside_dotted.Dotted"}),
        ("InFile", {"jtype": "outside_infile.py:InFile"}),
    ],
)
def test_where_that_is_not_allowed_yaml_imports_nothing(
    name: str, source: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / f"outside_{name.lower()}.py").write_text(MODULE.replace("Outside", name))
    with pytest.raises(BadConfigSource, match="allow_py_modules"):
        JinaExecutor.load_config(source, allow_py_modules=False)
    assert not (tmp_path / "imported").exists()
    assert JinaExecutor.load_config(source, uses_with={"size": 3}).size == 3
    assert (tmp_path / "imported").exists()
    for module in [module for module in sys.modules if module.startswith("outside_")]:
        monkeypatch.delitem(sys.modules, module)


def test_what_is_defined_already_needs_no_import(tmp_path: Path) -> None:
    for name in ("Marking", f"{__name__}.Marking"):
        source = {"jtype": name, "with": {"folder": str(tmp_path)}}
        assert isinstance(JinaExecutor.load_config(source, allow_py_modules=False), Marking)


def test_the_latest_of_several_classes_of_one_name_is_meant_and_each_keeps_its_endpoints() -> None:
    def made(path: str) -> type[JinaExecutor]:
        class OneName(JinaExecutor):
            @jina_requests(on=path)
            def answer(self, docs: DocList[Text]) -> None:
                pass

        return OneName

    first, second = made("/first"), made("/second")
    assert list(first().requests) == ["/first"]
    assert list(second().requests) == ["/second"]
    assert type(JinaExecutor.load_config({"jtype": "OneName"})) is second


def test_what_it_was_made_with_is_saved_and_makes_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside_saved.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    import outside_saved  # type: ignore[import-not-found]

    made = outside_saved.Outside(3, metas={"name": "out"}, workspace=str(tmp_path))
    made.save_config("saved.yml")
    assert "runtime_args" not in Path("saved.yml").read_text()
    monkeypatch.delitem(sys.modules, "outside_saved")
    again = JinaExecutor.load_config("saved.yml")
    assert (type(again).__name__, again.size, again.metas.name, again.workspace) == (
        "Outside",
        3,
        "out",
        made.workspace,
    )
    for module in [module for module in sys.modules if module.startswith("outside_")]:
        monkeypatch.delitem(sys.modules, module)


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"with\.folder is a object"):
        Kept(folder=object()).save_config(str(tmp_path / "saved.yml"))
