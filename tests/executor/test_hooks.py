"""`@probe` and `@warmup`, seen on the class."""

from __future__ import annotations

import pytest

from thalweg import Executor, probe, warmup
from thalweg.executor.hooks import probe_of, warmups_of


class Parent(Executor):
    @probe(interval=1, timeout=2, failures=4, replace=False)
    def feel(self) -> None: ...

    @warmup
    def stretch(self) -> None: ...


class Child(Parent):
    @warmup
    async def run(self) -> None: ...


def test_a_probe_says_when_it_is_called() -> None:
    hook = probe_of(Parent)
    assert hook is not None
    assert hook.method == "feel"
    assert hook.probe.model_dump(include={"interval", "timeout", "failures", "replace"}) == {
        "interval": 1,
        "timeout": 2,
        "failures": 4,
        "replace": False,
    }


def test_hooks_are_inherited() -> None:
    assert probe_of(Child) == probe_of(Parent)
    assert [hook.method for hook in warmups_of(Child)] == ["stretch", "run"]


def test_a_class_without_has_none() -> None:
    assert probe_of(Executor) is None
    assert warmups_of(Executor) == []


def test_a_probe_takes_the_place_of_the_parents() -> None:
    class Other(Parent):
        @probe
        def ask(self) -> None: ...

    hook = probe_of(Other)
    assert hook is not None
    assert hook.method == "ask"


def test_two_probes_in_one_class_are_told_when_it_is_defined() -> None:
    with pytest.raises(TypeError, match="one and two are both decorated with @probe"):

        class Twice(Executor):
            @probe
            def one(self) -> None: ...

            @probe
            def two(self) -> None: ...


@pytest.mark.parametrize("options", [{"interval": 0}, {"timeout": -1}, {"failures": 0}, {"evrey": 3}])
def test_options_that_make_no_sense_are_told(options: dict[str, float]) -> None:
    with pytest.raises(TypeError, match=f"@probe: {next(iter(options))}"):
        probe(**options)  # type: ignore[call-overload]


def test_methods_that_need_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match=r"nobody knows what to give .* for 'docs'"):

        @probe
        def feel(self: object, docs: list[str]) -> None: ...

    with pytest.raises(TypeError, match="must be a method of an Executor"):

        @warmup
        def stretch() -> None: ...

    with pytest.raises(TypeError, match="not an iterator"):

        @warmup
        def many(self: object) -> object:
            yield 1

    with pytest.raises(TypeError, match="belongs directly above a method"):
        probe(3)  # type: ignore[call-overload]
