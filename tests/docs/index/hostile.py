"""What any text and any number must survive, for backends that are asked in a language of their own."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from thalweg.docs.index.collection import ID, Collection, Layout, Record, ValueColumn, VectorColumn
from thalweg.docs.query.condition import Comparison, Not, Operator, Path

ONES = np.ones(3, np.float32)
PIECES = (
    "'",
    '"',
    "\\",
    "`",
    "''",
    '\\"',
    "%",
    "%s",
    "{}",
    "--",
    ";",
    "\n",
    "\r",
    "\t",
    "\x01",
    "\x7f",
    "\u2028",
    "ß",
    "🐍",
    "\0",
)

texts = st.one_of(st.text(max_size=12), st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
values = st.fixed_dictionaries(
    {
        "text": st.none() | texts,
        "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
        "real": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "labels": st.none() | st.lists(texts, max_size=3),
    }
)
cases = st.lists(st.tuples(texts.filter(bool), values), min_size=1, max_size=3, unique_by=lambda case: case[0])
few = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
COLUMNS = (
    ValueColumn("text", str),
    ValueColumn("whole", int),
    ValueColumn("real", float),
    ValueColumn("labels", str, many=True),
)


def opened(kind: Callable[[Layout], Collection]) -> Collection:
    return kind(Layout(f"hostile{uuid4().hex[:12]}", (VectorColumn("vector", 3),), COLUMNS))


def assert_found_by_what_they_hold(collection: Collection, given: list[tuple[str, dict[str, Any]]]) -> None:
    """Records come back, and conditions with their own ids and values find them and nothing else."""
    collection.put([Record(key, key.encode(), {"vector": ONES}, held) for key, held in given])
    keys = [key for key, _ in given]
    try:
        assert collection.get(keys) == [key.encode() for key in keys]
        for key, held in given:
            assert collection.select(Comparison(Path((ID,)), Operator.EQ, key)) == [(key, key.encode())]
            for name in ("text", "whole", "real", "labels"):
                same = {other for other, row in given if row[name] == held[name]}
                equal = Comparison(Path((name,)), Operator.EQ, held[name])
                (hits,) = collection.nearest("vector", ONES[None], 10, equal)
                assert {hit.id for hit in hits} == same, (name, held[name])
                assert {found for found, _ in collection.select(equal)} == same, (name, held[name])
                assert {found for found, _ in collection.select(Not(equal))} == {*keys} - same, (name, held[name])
            for label in held["labels"] or ():
                with_it = {other for other, row in given if label in (row["labels"] or ())}
                contains = Comparison(Path(("labels",)), Operator.CONTAINS, label)
                assert {found for found, _ in collection.select(contains)} == with_it, label
    finally:
        collection.delete(keys)
    assert collection.count() == 0
