"""Which parameters an Executor sees."""

from typing import Any

import pytest
from pydantic import BaseModel

from thalweg.errors import InvalidDocument
from thalweg.executor import Executor, requests
from thalweg.executor.endpoint import Endpoint, endpoints
from thalweg.executor.parameters import checked, seen_by, with_results


class Settings(BaseModel):
    limit: int
    name: str = ""


def endpoint(annotation: Any) -> Endpoint:
    @requests
    def answer(self: Any, parameters: Any) -> None: ...

    answer.__annotations__["parameters"] = annotation
    answer = requests(answer)
    return endpoints(type("Sample", (Executor,), {"answer": answer}))["/default"]


@pytest.mark.parametrize(
    "given, seen",
    [
        ({}, {}),
        ({"n": 3}, {"n": 3}),
        ({"a__k": 1, "b__k": 2, "n": 3}, {"k": 1, "n": 3}),
        ({"a__k": 1, "k": 2}, {"k": 1}),
        ({"k": 2, "a__k": 1}, {"k": 1}),
        ({"a__x__y": 1}, {"x__y": 1}),
        ({"__results__": {"b": {}}}, {}),
        ({"ab__k": 1}, {}),
        ({"a": {"k": 1}, "k": 2}, {"a": {"k": 1}, "k": 1}),
        ({"a": {"k": 1}, "a__k": 2}, {"a": {"k": 1}, "k": 2}),
        ({"a": 5, "b": {"k": 1}}, {"a": 5, "b": {"k": 1}}),
    ],
)
def test_an_executor_sees_plain_keys_and_its_own(given: dict[str, Any], seen: dict[str, Any]) -> None:
    assert seen_by("a", given) == seen


def test_what_the_executor_sees_is_a_copy() -> None:
    given = {"n": 3}
    seen_by("a", given)["n"] = 4
    assert given == {"n": 3}


def test_parameters_become_the_model_they_are_annotated_with() -> None:
    assert checked(endpoint(Settings), {"limit": "4"}) == Settings(limit=4)
    assert checked(endpoint(dict), {"limit": "4"}) == {"limit": "4"}


def test_no_parameters_are_none_where_they_are_optional() -> None:
    assert checked(endpoint(Settings | None), {}) is None
    assert checked(endpoint(Settings | None), {"limit": 1}) == Settings(limit=1)


def test_parameters_that_do_not_fit_are_the_callers_fault() -> None:
    with pytest.raises(InvalidDocument, match=r"parameters\.limit") as caught:
        checked(endpoint(Settings), {"limit": "many"})
    assert caught.value.details[0]["loc"] == ["parameters", "limit"]


def test_results_are_kept_by_executor_and_add_up() -> None:
    first = with_results({"n": 1}, "a", {"x": 1})
    assert first == {"n": 1, "__results__": {"a": {"x": 1}}}
    assert with_results(first, "b", {"y": 2})["__results__"] == {"a": {"x": 1}, "b": {"y": 2}}
    assert first["__results__"] == {"a": {"x": 1}}
