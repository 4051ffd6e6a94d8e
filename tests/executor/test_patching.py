"""Functions of a loaded module take over new code; whatever else has changed is refused."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from thalweg.executor.patching import FunctionPatch, Unpatchable, patch_of

SOURCE = '''
import functools
from dataclasses import dataclass

RATE = 2

def scale(x):
    """Scales."""
    return x * RATE

@functools.lru_cache
def cached(x):
    return x + 1

@dataclass
class Point:
    x: int = 0

    def moved(self, by=1):
        return self.x + by

class Base:
    def greet(self):
        return "base"

class Model(Base):
    def __init__(self):
        self.weights = [1, 2, 3]

    def answer(self, x):
        return sum(self.weights) + scale(x)

    @staticmethod
    def still(x):
        return x

    @classmethod
    def named(cls):
        return cls.__name__

    @property
    def size(self):
        return len(self.weights)

    @functools.cached_property
    def kept(self):
        return "kept"

    def greet(self):
        return super().greet() + "!"

    async def later(self):
        return 1

    def items(self):
        yield 1
'''

_numbers = itertools.count()


class Loaded:
    def __init__(self, folder: Path) -> None:
        self.name = f"patched_{next(_numbers)}"
        self.file = folder / f"{self.name}.py"
        self.file.write_text(SOURCE)
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        self.module: Any = importlib.import_module(self.name)

    def patch(self, *changes: tuple[str, str]) -> FunctionPatch:
        new = SOURCE
        for old, text in changes:
            assert old in new
            new = new.replace(old, text)
        return patch_of(str(self.file), SOURCE, new)


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Loaded]:
    made = Loaded(tmp_path)
    yield made
    sys.path.remove(str(tmp_path))
    del sys.modules[made.name]


def test_an_object_that_is_there_does_what_the_new_code_says_and_keeps_what_it_has(loaded: Loaded):
    model = loaded.module.Model()
    weights = model.weights
    patch = loaded.patch(("return sum(self.weights) + scale(x)", "return sum(self.weights) - scale(x)"))
    patch.apply()
    assert patch.changed == ("Model.answer",)
    assert model.answer(1) == 4
    assert model.weights is weights


def test_others_that_hold_a_function_have_its_new_code_too(loaded: Loaded):
    held = loaded.module.scale
    bound = loaded.module.Model().answer
    loaded.patch(("return x * RATE", "return x * RATE * 10")).apply()
    assert held(1) == 20
    assert bound(1) == 26


@pytest.mark.parametrize(
    "old, new, ask, answer",
    [
        ("return x\n", "return -x\n", lambda m: m.Model.still(3), -3),
        ("return cls.__name__", "return cls.__name__.lower()", lambda m: m.Model.named(), "model"),
        ("return len(self.weights)", "return -len(self.weights)", lambda m: m.Model().size, -3),
        ('return "kept"', 'return "new"', lambda m: m.Model().kept, "new"),
        ('+ "!"', '+ "?"', lambda m: m.Model().greet(), "base?"),
        ("return self.x + by", "return self.x - by", lambda m: m.Point(1).moved(), 0),
        ("return x + 1", "return x + 2", lambda m: m.cached(40), 42),
        ("yield 1", "yield 2", lambda m: list(m.Model().items()), [2]),
    ],
)
def test_every_kind_of_method_is_found(loaded: Loaded, old: str, new: str, ask: Any, answer: Any):
    loaded.patch((old, new)).apply()
    assert ask(loaded.module) == answer


def test_lines_that_moved_are_right_in_tracebacks_and_nothing_counts_as_changed(loaded: Loaded):
    before = loaded.module.scale.__code__.co_firstlineno
    patch = loaded.patch(("\nRATE = 2\n", "\n# one\n# two\nRATE = 2\n"))
    patch.apply()
    assert patch.changed == ()
    assert loaded.module.scale.__code__.co_firstlineno == before + 2


@pytest.mark.parametrize(
    "old, new, why",
    [
        ("self.weights = [1, 2, 3]", "self.weights = [4]", "Model.__init__"),
        ("RATE = 2", "RATE = 3", "something else"),
        ("x: int = 0", "x: int = 0\n    y: int = 0", "something else"),
        ("def scale(x):", "def scale(x, y=1):", "something else"),
        ("def still(x):", "def still(x: int):", "something else"),
        ("import functools\n", "import functools\nimport math\n", "something else"),
        ("async def later", "def later", "something else"),
        ("    def items(self):\n        yield 1", "    def items(self):\n        return [1]", "another kind"),
        ('return super().greet() + "!"', 'return "alone"', "another kind"),
        ("    async def later(self):\n        return 1\n", "", "something else"),
        ("class Model(Base):", "class Model:", "something else"),
        ("@functools.lru_cache\n", "", "something else"),
    ],
)
def test_what_has_run_already_cannot_be_changed_in_place(loaded: Loaded, old: str, new: str, why: str):
    before = _all_codes(loaded.module)
    with pytest.raises(Unpatchable, match=why):
        loaded.patch((old, new))
    assert _all_codes(loaded.module) == before


def test_a_text_that_is_no_python_changes_nothing(loaded: Loaded):
    with pytest.raises(SyntaxError):
        loaded.patch(("return x * RATE", "return x *"))
    assert loaded.module.scale(1) == 2


def test_a_function_that_its_decorator_hides_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = "def hide(f):\n    return lambda: f()\n\n@hide\ndef answer():\n    return 1\n"
    (tmp_path / "hidden_away.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("hidden_away")
    with pytest.raises(Unpatchable, match="hidden"):
        patch_of(str(tmp_path / "hidden_away.py"), source, source.replace("return 1", "return 2"))
    del sys.modules["hidden_away"]


def _all_codes(module: ModuleType) -> dict[str, Any]:
    return {
        f"{owner}.{name}": getattr(value, "__code__", None)
        for owner, namespace in {"": vars(module), "Model": vars(module.Model)}.items()
        for name, value in namespace.items()
        if hasattr(value, "__code__")
    }
