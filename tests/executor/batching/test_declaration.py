"""`@dynamic_batching`, the options laid over it, and everything that makes no sense."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from thalweg import Deployment, Flow
from thalweg.config.batching import BatchingOptions
from thalweg.config.workers import WorkerOptions
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ConfigurationError
from thalweg.executor import Executor, dynamic_batching, requests
from thalweg.executor.batching.key import frozen
from thalweg.executor.description import describe
from thalweg.executor.loading import reference
from thalweg.executor.source import ExecutorSource, executor_class


class Text(BaseDoc):
    text: str = ""


def length(doc: Any) -> float:
    return len(doc.text)


class Batched(Executor):
    @requests(on="/above")
    @dynamic_batching(preferred_batch_size=4, timeout=20, custom_metric=length)
    def above(self, docs: DocList[Text], **kwargs: Any) -> None: ...

    @dynamic_batching(preferred_batch_size=5)
    @requests(on=["/below", "/twice"])
    def below(self, docs: DocList[Text], **kwargs: Any) -> None: ...

    @requests(on="/plain")
    def plain(self, docs: DocList[Text], **kwargs: Any) -> None: ...

    @requests(on="/one")
    def one(self, doc: Text, **kwargs: Any) -> None: ...

    @requests(on="/stream")
    def stream(self, docs: DocList[Text], **kwargs: Any) -> Iterator[Text]: ...


def effective(**options: Any) -> dict[str, BatchingOptions]:
    return ExecutorSource(Batched).batching(WorkerOptions(uses_dynamic_batching=options.pop("options", {})))


def test_the_decorator_stands_above_or_below_requests() -> None:
    found = effective()
    assert {path: batching.preferred_batch_size for path, batching in found.items()} == {
        "/above": 4,
        "/below": 5,
        "/twice": 5,
    }
    assert found["/below"].timeout == 10_000


def test_the_method_stays_what_it_was() -> None:
    assert Batched(metas={"name": "batched"}).above(DocList[Text]()) is None


def test_an_endpoints_options_win_over_its_methods_and_those_over_the_decorators() -> None:
    found = effective(
        options={
            "above": {"preferred_batch_size": 10, "timeout": 30},
            "/above": {"timeout": 40},
            "plain": {"preferred_batch_size": 7},
        }
    )
    above = found["/above"]
    assert (above.preferred_batch_size, above.timeout, above.custom_metric) == (10, 40, length)
    assert found["/plain"].preferred_batch_size == 7


def test_it_can_be_switched_off() -> None:
    assert "/above" not in effective(options={"/above": {"use_dynamic_batching": False}})
    found = effective(options={"below": {"use_dynamic_batching": False}, "/twice": {"use_dynamic_batching": True}})
    assert set(found) == {"/above", "/twice"}


@pytest.mark.parametrize(
    "options, words",
    [
        ({"/nowhere": {"preferred_batch_size": 2}}, "'/nowhere', which is neither an endpoint nor a method"),
        ({"/one": {"preferred_batch_size": 2}}, "takes one `doc` at a time"),
        ({"stream": {"preferred_batch_size": 2}}, "it streams"),
        ({"/plain": {"timeout": 3}}, "preferred_batch_size is missing"),
        ({"/below": {"use_custom_metric": True}}, "needs a custom_metric"),
        ({"/below": {"flush_all": True}, "below": {"objective_ms": 5}}, "exclude each other"),
    ],
)
def test_options_that_make_no_sense_are_found_before_anything_starts(options: dict[str, Any], words: str) -> None:
    worker = WorkerOptions(uses_dynamic_batching=options)
    with pytest.raises(ConfigurationError, match=words):
        describe(ExecutorSource(Batched), worker)


def test_a_deployment_says_so_with_the_name_of_the_key() -> None:
    with pytest.raises(ConfigurationError, match="preferred_batch_size"):
        Deployment(uses=Batched, uses_dynamic_batching={"/plain": {"preferred_batch_size": 0}})
    with pytest.raises(ConfigurationError, match="preferred_size"):
        Flow().add(uses=Batched, uses_dynamic_batching={"/plain": {"preferred_size": 3}})  # type: ignore[dict-item]


def test_a_streaming_method_is_refused_where_it_is_defined() -> None:
    with pytest.raises(TypeError, match=r"Streaming\.tokens: @dynamic_batching cannot stand here: it streams"):

        class Streaming(Executor):
            @requests
            @dynamic_batching(preferred_batch_size=2)
            async def tokens(self, docs: DocList[Text]) -> AsyncIterator[Text]:
                yield Text()


def test_a_method_of_single_documents_is_refused_where_it_is_defined() -> None:
    with pytest.raises(TypeError, match="takes one `doc` at a time; take `docs`"):

        class Single(Executor):
            @dynamic_batching(preferred_batch_size=2)
            @requests
            def each(self, doc: Text) -> Text:
                return doc


@pytest.mark.parametrize(
    "options",
    [
        {"preferred_batch_size": 0},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"objective_ms": 0},
        {"custom_metric": 3},
        {"unknown": 1},
        {"flush_all": True, "objective_ms": 5.0},
    ],
)
def test_a_value_that_does_not_fit_is_refused_at_the_decorator(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="@dynamic_batching"):
        dynamic_batching(**options)


def test_a_function_can_be_batched_too() -> None:
    @requests(on="/f")
    @dynamic_batching(preferred_batch_size=3)
    def function(docs: DocList[Text], **kwargs: Any) -> None: ...

    source = ExecutorSource(executor_class(function, "function"))
    assert source.batching(WorkerOptions())["/f"].preferred_batch_size == 3


def test_an_executors_yaml_has_it_and_a_deployments_options_win(tmp_path: Any) -> None:
    file = tmp_path / "executor.yml"
    file.write_text(
        f"jtype: {__name__}:Batched\ndynamic_batching:\n  /plain:\n    preferred_batch_size: 9\n    timeout: 70\n"
    )
    source = reference(str(file)).resolve()
    assert source.batching(WorkerOptions())["/plain"].preferred_batch_size == 9
    over = source.batching(WorkerOptions(uses_dynamic_batching={"/plain": {"timeout": 1}}))["/plain"]
    assert (over.preferred_batch_size, over.timeout) == (9, 1)


def test_a_deployments_yaml_has_it() -> None:
    deployment = Deployment.load_config(
        "jtype: Deployment\nwith:\n  uses_dynamic_batching:\n    /encode:\n      preferred_batch_size: 12\n"
    )
    assert deployment.options.uses_dynamic_batching["/encode"].preferred_batch_size == 12


class Model(BaseModel):
    a: int


@pytest.mark.parametrize(
    "one, other",
    [
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1}, {"a": True}),
        ({"a": 0.0}, {"a": -0.0}),
        ({"a": [1]}, {"a": (1,)}),
        ({"a": None}, {}),
        ({"1": 1}, {1: 1}),
        ({"a": {1, 2}}, {"a": {1, 2}}),
        ({"a": Model(a=1)}, {"a": Model(a=1)}),
    ],
)
def test_parameters_that_user_code_could_tell_apart_are_unlike(one: Any, other: Any) -> None:
    assert frozen(one) != frozen(other)


def test_equal_parameters_are_equal_in_any_order() -> None:
    one = {"a": 1, "b": {"c": [1.5, None, "x"], "d": True}}
    other = {"b": {"d": True, "c": [1.5, None, "x"]}, "a": 1}
    assert frozen(one) == frozen(other)
    assert hash(frozen(one)) == hash(frozen(other))
