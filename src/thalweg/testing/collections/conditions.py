"""Conditions mean what Python makes of them, in `select` and in `nearest` alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

import numpy as np

from thalweg.docs.index.collection import OPERATORS, Collection, Record, Unsupported, ValueColumn
from thalweg.docs.index.condition import askable
from thalweg.docs.query.condition import And, Comparison, Condition, Not, Operator, Or, Path
from thalweg.testing.collections.nearness import assert_nearest, true_scores
from thalweg.testing.collections.subject import (
    SIZE,
    VECTOR,
    CollectionSubject,
    collection_check,
    random_vectors,
)

COLUMNS = (
    ValueColumn("title", str),
    ValueColumn("pages", int),
    ValueColumn("price", float),
    ValueColumn("sold", bool),
    ValueColumn("labels", str, many=True),
    ValueColumn("years", int, many=True),
    ValueColumn("author__name", str),
    ValueColumn("author__age", int),
    ValueColumn("notes", dict),
)

ROWS: tuple[dict[str, Any], ...] = (
    {
        "title": "The Art of Fugue",
        "pages": 120,
        "price": 9.5,
        "sold": True,
        "labels": ["music", "old"],
        "years": [1751],
        "author__name": "Bach",
        "author__age": 65,
        "notes": {"shelf": "a", "copies": 3, "inner": {"deep": True}, "list": [1, 2]},
    },
    {"title": "art", "pages": -3, "price": -1.25, "sold": False, "labels": [], "years": [], "author__name": "Ann"},
    {"title": "", "pages": 0, "price": 0.0, "sold": True, "labels": ["old"], "years": [1, 2, 3], "notes": {}},
    {"title": "Zebra", "pages": 1000, "price": 120.0, "labels": ["new", "music", "live"], "author__age": 1000},
    {"title": "zebra crossing", "pages": 65, "price": 65.0, "sold": False, "notes": {"shelf": "b", "copies": 0.5}},
    {"title": "Straße nach Süden 北京", "pages": 66, "price": 65.5, "labels": ["北京"], "author__age": 66},
    {"title": "50% off_all [a-z]*?", "sold": True, "years": [1751, 1999], "author__name": "Bach"},
    {"title": "The Art of Fugue", "pages": 120, "price": 1e-3, "author__name": "The Art of Fugue"},
    {"pages": 7, "price": 1e9, "notes": {"shelf": None, "copies": 10}},
    {},
    {"title": None, "pages": None, "price": None, "sold": None, "labels": None, "years": None, "author__name": None},
)

_OPERANDS: dict[str, tuple[Any, ...]] = {
    "title": ("The Art of Fugue", "art", "", "Straße nach Süden 北京", "50% off_all [a-z]*?", "absent"),
    "pages": (120, 0, -3, 65.0, 65.5, 10**9),
    "price": (9.5, 0, 65, -1.25, 1e9, 1e-3),
    "sold": (True, False),
    "author__name": ("Bach", "Ann"),
    "author__age": (65,),
    "id": ("r1", "none"),
}
_PATTERNS = ("Art", "^[Aa]rt$", "z.*g$", "[0-9]+%", "北", "^$", "r{2}|ss")
_LISTS: tuple[tuple[Operator, list[str]], ...] = (
    (Operator.EQ, ["music", "old"]),
    (Operator.EQ, ["old", "music"]),
    (Operator.NEQ, ["old"]),
    (Operator.EQ, []),
)

_CONTAINED: dict[str, Sequence[Any]] = {
    "labels": ("music", "北京", "mus"),
    "years": (1751, 7),
    "notes": ("shelf", "inner"),
}
_ANY_COLUMN: dict[Operator, Sequence[Any]] = {
    Operator.EXISTS: (True, False),
    Operator.SIZE: (0, 1, 3, 16),
    Operator.REGEX: _PATTERNS,
}


def made_records() -> list[Record]:
    """One record for each of `ROWS`; the last but two have no vector."""
    vectors = random_vectors(len(ROWS), seed=11)
    return [
        Record(f"r{n}", f"payload of r{n}".encode(), {} if n == len(ROWS) - 3 else {VECTOR: vectors[n]}, row)
        for n, row in enumerate(ROWS)
    ]


def is_true(condition: Condition, key: str, row: dict[str, Any]) -> bool:
    """What Python makes of a condition on one record."""
    if isinstance(condition, And):
        return all(is_true(part, key, row) for part in condition.conditions)
    if isinstance(condition, Or):
        return any(is_true(part, key, row) for part in condition.conditions)
    if isinstance(condition, Not):
        return not is_true(condition.condition, key, row)
    value, operand = _value(condition.path, key, row), condition.operand
    if isinstance(operand, Path):
        operand = _value(operand, key, row)
        if operand is None and condition.operator not in (Operator.EQ, Operator.NEQ):
            return False
    return _MEANINGS[condition.operator](value, operand)


def _value(path: Path, key: str, row: dict[str, Any]) -> Any:
    if path.parts == ("id",):
        return key
    if str(path) in row:
        return row[str(path)]
    value: Any = row
    for part in path.parts:
        if isinstance(value, list):
            value = value[int(part)] if part.isdigit() and int(part) < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, operand: value is not None and compare(value, operand)


_MEANINGS: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQ: lambda value, operand: value == operand,
    Operator.NEQ: lambda value, operand: value != operand,
    Operator.LT: _ordered(lambda value, operand: value < operand),
    Operator.LTE: _ordered(lambda value, operand: value <= operand),
    Operator.GT: _ordered(lambda value, operand: value > operand),
    Operator.GTE: _ordered(lambda value, operand: value >= operand),
    Operator.IN: lambda value, operand: value in operand,
    Operator.NIN: lambda value, operand: value not in operand,
    Operator.CONTAINS: _ordered(lambda value, operand: operand in value),
    Operator.REGEX: _ordered(lambda value, operand: re.search(operand, value) is not None),
    Operator.SIZE: _ordered(lambda value, operand: len(value) == operand),
    Operator.EXISTS: lambda value, operand: (value is not None) is operand,
}


def comparisons() -> Iterator[Comparison]:
    """Comparisons of every column with every operator that makes sense for it."""
    for column in (*COLUMNS, ValueColumn("id", str)):
        kind = list if column.many else column.type
        path = Path(tuple(column.name.split("__")))
        for operator in sorted(OPERATORS[kind]):
            for operand in _operands(column, operator):
                yield Comparison(path, operator, operand)


def _operands(column: ValueColumn, operator: Operator) -> Sequence[Any]:
    single = _OPERANDS.get(column.name, ())
    if operator in (Operator.IN, Operator.NIN):
        return ([], list(single[:1]), list(single), [*single[1:], None], [None])
    if operator is Operator.CONTAINS:
        return _CONTAINED.get(column.name, ("rt", "%", "北", ""))
    if operator in (Operator.EQ, Operator.NEQ):
        lists = [operand for each, operand in _LISTS if each is operator] if column.name == "labels" else []
        return (*single, None, *lists)
    return _ANY_COLUMN.get(operator, single)


def claimed(collection: Collection, conditions: Iterator[Comparison]) -> list[Comparison]:
    """Those that the collection says it can ask."""
    return [one for one in conditions if _passes(one, collection)]


def _passes(condition: Condition, collection: Collection) -> bool:
    try:
        askable(condition, collection)
    except Unsupported:
        return False
    return True


def _assert_selects(collection: Collection, records: Sequence[Record], condition: Condition) -> None:
    wanted = {record.id for record in records if is_true(condition, record.id, dict(record.values))}
    found = collection.select(condition)
    keys = [key for key, _ in found]
    assert len(set(keys)) == len(keys), f"{condition} finds a record twice"
    assert set(keys) == wanted, f"{condition} finds {sorted(keys)}, but should {sorted(wanted)}"
    assert all(payload == f"payload of {key}".encode() for key, payload in found)


def _check_all(subject: CollectionSubject, conditions: Callable[[list[Comparison]], Iterator[Condition]]) -> None:
    records = made_records()
    with subject.collection(values=COLUMNS) as collection:
        collection.put(records)
        for condition in conditions(claimed(collection, comparisons())):
            _assert_selects(collection, records, condition)


@collection_check()
def every_comparison_selects_what_it_says(subject: CollectionSubject) -> None:
    _check_all(subject, iter)


@collection_check()
def the_opposite_of_every_comparison_selects_the_others(subject: CollectionSubject) -> None:
    _check_all(subject, lambda leaves: (Not(leaf) for leaf in leaves))


@collection_check()
def conditions_are_joined_by_and_and_or(subject: CollectionSubject) -> None:
    def joined(leaves: list[Comparison]) -> Iterator[Condition]:
        mixed = np.random.default_rng(0).permutation(len(leaves)).tolist()
        for one, other in pairwise(mixed[:60]):
            yield And((leaves[one], leaves[other]))
            yield Or((leaves[one], leaves[other]))
            yield And((leaves[one], Not(leaves[other])))

    _check_all(subject, joined)


@collection_check()
def conditions_may_be_nested_deep(subject: CollectionSubject) -> None:
    def nested(leaves: list[Comparison]) -> Iterator[Condition]:
        generator = np.random.default_rng(1)

        def grown(depth: int) -> Condition:
            if depth == 0:
                return leaves[int(generator.integers(len(leaves)))]
            parts = tuple(grown(depth - 1) for _ in range(int(generator.integers(1, 4))))
            return (And(parts), Or(parts), Not(parts[0]))[int(generator.integers(3))]

        for _ in range(40):
            yield grown(4)

    _check_all(subject, nested)


@collection_check()
def no_conditions_are_true_together_and_false_as_a_choice(subject: CollectionSubject) -> None:
    _check_all(subject, lambda leaves: iter((And(()), Or(()), Not(And(())), Not(Or(())), And((Or(()), leaves[0])))))


@collection_check(lambda subject: subject.kind().compares_values)
def values_are_compared_with_each_other(subject: CollectionSubject) -> None:
    def pairs(leaves: list[Comparison]) -> Iterator[Condition]:
        for one, other in (("pages", "price"), ("pages", "author__age"), ("title", "author__name")):
            for operator in (Operator.EQ, Operator.NEQ, Operator.LT, Operator.GTE):
                compared = Comparison(Path((one,)), operator, Path(tuple(other.split("__"))))
                yield from (compared, Not(compared))

    _check_all(subject, pairs)


@collection_check(lambda subject: subject.kind().asks_inside)
def what_is_inside_of_values_is_asked_for(subject: CollectionSubject) -> None:
    asked = [
        Comparison(Path(("notes", "shelf")), Operator.EQ, "a"),
        Comparison(Path(("notes", "shelf")), Operator.NEQ, "a"),
        Comparison(Path(("notes", "shelf")), Operator.EXISTS, True),
        Comparison(Path(("notes", "copies")), Operator.GTE, 1),
        Comparison(Path(("notes", "copies")), Operator.IN, [3, 10]),
        Comparison(Path(("notes", "inner", "deep")), Operator.EQ, True),
        Comparison(Path(("notes", "none", "deeper")), Operator.EXISTS, False),
    ]

    def both(leaves: list[Comparison]) -> Iterator[Condition]:
        for one in asked:
            yield from (one, Not(one))

    _check_all(subject, both)


@collection_check(lambda subject: subject.kind().asks_inside)
def keys_inside_of_values_do_no_harm(subject: CollectionSubject) -> None:
    """What the database has no spelling for is refused."""
    records = made_records()
    with subject.collection(values=COLUMNS) as collection:
        collection.put(records)
        for key in ("shelf'\"; --", 'a" OR 1=1', "a.b", "a[0]", "$gt", "", "*", "a b", "0", "北"):
            condition = Comparison(Path(("notes", key)), Operator.EQ, "a")
            with suppress(Unsupported):
                assert collection.select(condition) == [], key


@collection_check()
def the_nearest_are_those_that_fulfil_the_condition(subject: CollectionSubject) -> None:
    records = made_records()
    query = random_vectors(1, seed=21)
    with subject.collection(values=COLUMNS) as collection:
        metric = collection.layout.vectors[0].metric
        collection.put(records)
        leaves = claimed(collection, comparisons())
        conditions: list[Condition] = [*leaves[::5], *(Not(leaf) for leaf in leaves[::11]), And(()), Or(())]
        for condition in conditions:
            left = [record for record in records if is_true(condition, record.id, dict(record.values))]
            for limit in (2, 50):
                (hits,) = collection.nearest(VECTOR, query, limit, condition)
                assert_nearest(metric, hits, true_scores(metric, left, query[0]), limit, collection.exact)


@collection_check()
def few_that_fulfil_the_condition_are_found_among_many(subject: CollectionSubject) -> None:
    """Those that fulfil it are far away from the query: who filters only what is nearest finds none of them."""
    vectors = random_vectors(1000, seed=4)
    query = np.ones((1, SIZE), np.float32)
    order = np.argsort(-(vectors @ query[0]) / np.linalg.norm(vectors, axis=1))
    rare = set(order[-5:].tolist())
    records = [Record(f"r{n}", b"", {VECTOR: vectors[n]}, {"pages": int(n in rare)}) for n in range(1000)]
    with subject.collection(values=[ValueColumn("pages", int)]) as collection:
        collection.put(records)
        condition = Comparison(Path(("pages",)), Operator.EQ, 1)
        (hits,) = collection.nearest(VECTOR, query, 5, condition)
        assert {hit.id for hit in hits} == {f"r{n}" for n in rare}


@collection_check()
def a_limit_of_a_selection_holds(subject: CollectionSubject) -> None:
    with subject.collection(values=COLUMNS) as collection:
        collection.put(made_records())
        some = Comparison(Path(("pages",)), Operator.NEQ, -1)
        assert len(collection.select(some, 4)) == 4
        assert len(collection.select(some, 400)) == len(ROWS)
        assert len(collection.select(And(()), 3)) == 3


@collection_check()
def large_integers_are_told_apart(subject: CollectionSubject) -> None:
    numbers = [2**53, 2**53 + 1, 2**63 - 1, -(2**63), 1_700_000_000_123]
    with subject.collection(values=[ValueColumn("pages", int)]) as collection:
        collection.put([Record(f"r{n}", b"", {}, {"pages": number}) for n, number in enumerate(numbers)])
        for n, number in enumerate(numbers):
            found = collection.select(Comparison(Path(("pages",)), Operator.EQ, number))
            assert found == [(f"r{n}", b"")], f"{number} finds {found}"


@collection_check()
def values_follow_a_replaced_record(subject: CollectionSubject) -> None:
    with subject.collection(values=COLUMNS) as collection:
        collection.put([Record("a", b"payload of a", {}, {"pages": 1, "labels": ["x"]})])
        collection.put([Record("a", b"payload of a", {}, {"pages": 2})])
        assert collection.select(Comparison(Path(("pages",)), Operator.EQ, 1)) == []
        assert collection.select(Comparison(Path(("pages",)), Operator.EQ, 2)) == [("a", b"payload of a")]
