from typing import Any, TypeVar

import pytest

from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.docs.query import check_condition, parse, paths_of
from thalweg.docs.query.condition import Condition
from thalweg.docs.typing import NdArray


class Part(BaseDoc):
    label: str
    parts: DocList["Part"] | None = None


class Other(BaseDoc):
    size: int


class Whole(BaseDoc):
    title: str | None
    price: float
    part: Part | None
    either: Part | Other
    parts: DocList[Part]
    columns: DocVec[Part]
    names: list[str]
    table: dict[str, list[Part]]
    tags: dict[str, Any]
    open: AnyDoc
    vector: NdArray[3]
    anything: Any


def asked(path: str) -> Condition:
    condition = parse({path: {"$eq": 1}})
    assert condition is not None
    return condition


def test_the_fields_of_a_condition_are_its_paths_each_once() -> None:
    condition = parse({"$or": [{"a": {"$gt": 1}}, {"$not": {"b__c": {"$lt": "{d}"}}}, {"a": {"$eq": 2}}]})
    assert condition is not None
    assert [str(path) for path in paths_of(condition)] == ["a", "b__c", "d"]


@pytest.mark.parametrize(
    "path",
    [
        "id",
        "title",
        "part__label",
        "part__parts__0__label",
        "either__label",
        "either__size",
        "parts__0__label",
        "columns__0__label",
        "names__-1",
        "table__any__0__label",
        "tags__a__b__c",
        "open__whatever__x",
        "vector__0",
        "anything__at__all",
    ],
)
def test_fields_that_are_there_pass(path: str) -> None:
    check_condition(asked(path), Whole)


@pytest.mark.parametrize(
    "path, message",
    [
        ("titel", r"titel: Whole has no field 'titel'; did you mean 'title'\?"),
        ("part__lable", r"part__lable: Part has no field 'lable'; did you mean 'label'\?"),
        ("zzz", "Whole has no field 'zzz'; there are 'anything', 'columns'"),
        ("parts__label", "parts__label: 'label' follows a list, where only a position can"),
        ("parts__0__lbl", r"Part has no field 'lbl'; did you mean 'label'\?"),
        ("table__x__0__nope", "Part has no field 'nope'"),
        ("either__nope", "has no field 'nope'"),
        ("price__x", "'x' follows a value of type float"),
    ],
)
def test_fields_that_are_not_there_are_named(path: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_condition(asked(path), Whole)


def test_the_field_of_a_placeholder_is_checked_too() -> None:
    condition = parse({"price": {"$gt": "{prise}"}})
    assert condition is not None
    with pytest.raises(ValueError, match=r"no field 'prise'; did you mean 'price'\?"):
        check_condition(condition, Whole)


T = TypeVar("T", bound=Part)


def test_a_type_variable_stands_for_its_bound() -> None:
    class Box(BaseDoc):
        held: T  # type: ignore[valid-type]

    check_condition(asked("held__label"), Box)
    with pytest.raises(ValueError, match="Part has no field 'nope'"):
        check_condition(asked("held__nope"), Box)
