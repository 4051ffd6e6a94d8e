"""Rows of columns, cut and joined without documents."""

import random
from typing import Any

import msgspec
import numpy as np
import pytest

from thalweg.docs import AnyDoc, BaseDoc, DocList
from thalweg.docs.codecs import columns
from thalweg.docs.codecs.columns.layout import (
    Cell,
    Documents,
    Group,
    Header,
    Nested,
    NestedLists,
    Ragged,
    Stacked,
    Values,
)
from thalweg.docs.codecs.columns.rows import RawRows
from thalweg.docs.typing import NdArray


class Part(BaseDoc):
    note: str = ""
    vector: NdArray[3] | None = None


class Whole(BaseDoc):
    text: str = ""
    number: int = 0
    tags: dict[str, Any] = {}  # noqa: RUF012  # pydantic copies it
    vector: NdArray[4]
    sometimes: NdArray[2] | None = None
    part: Part = Part()
    perhaps: Part | None = None
    parts: DocList[Part] = DocList[Part]([])
    list_or_none: DocList[Part] | None = None


def whole(number: int) -> Whole:
    chance = random.Random(number)
    return Whole(
        id=f"w{number}",
        text=f"text {number}",
        number=number,
        tags={"n": [number, {"a": None}]},
        vector=np.full(4, number, np.float32),
        sometimes=np.full(2, number) if chance.random() < 0.5 else None,
        part=Part(note=f"p{number}", vector=np.full(3, number)),
        perhaps=Part(note="there", vector=np.ones(3)) if chance.random() < 0.5 else None,
        parts=DocList[Part]([Part(note=str(n), vector=np.full(3, n)) for n in range(chance.randrange(4))]),
        list_or_none=DocList[Part]([Part(vector=np.zeros(3))]) if chance.random() < 0.5 else None,
    )


DOCS = DocList[Whole]([whole(number) for number in range(12)])


def rows_of(docs: DocList[Any]) -> RawRows:
    rows = RawRows.of(tuple(bytes(part) for part in columns.encode(docs)))
    assert rows is not None
    return rows


def same(left: Any, right: Any) -> bool:
    encoded = [columns.encode(DocList[Whole](list(docs))) for docs in (left, right)]
    return [bytes(part) for part in encoded[0]] == [bytes(part) for part in encoded[1]]


@pytest.mark.parametrize("places", [[0], [11, 3, 3, 0], list(range(12)), list(range(11, -1, -1)), [5, 2]])
def test_rows_that_are_cut_are_the_documents_at_these_places(places: list[int]) -> None:
    cut = columns.decode(rows_of(DOCS).cut(places).body(), Whole)
    assert same(cut, [DOCS[place] for place in places])


def test_parts_that_are_joined_are_all_documents() -> None:
    rows = rows_of(DOCS)
    parts = [rows.cut(places) for places in ([3, 1, 7], [0, 11, 4, 5], [2, 6, 8, 9, 10])]
    joined = RawRows.joined(parts)
    assert joined is not None
    assert len(joined) == 12
    order = [joined.ids.index(f"w{number}") for number in range(12)]  # type: ignore[union-attr]
    assert same(columns.decode(joined.cut(order).body(), Whole), DOCS)


def test_ids_are_read_from_the_header() -> None:
    assert rows_of(DOCS).ids == [document.id for document in DOCS]


def test_no_row_at_all_is_nothing_to_cut() -> None:
    assert columns.decode(rows_of(DOCS).cut([]).body(), Whole) == []


@pytest.mark.parametrize(
    "docs",
    [
        DocList([AnyDoc(text="a"), AnyDoc(other=1)]),
        DocList([AnyDoc(vector=np.zeros(2)), AnyDoc(vector=np.zeros(3))]),
        DocList([AnyDoc(held=[np.zeros(2)])]),
        DocList([]),
    ],
)  # fmt: skip
def test_what_does_not_lie_in_plain_columns_has_to_be_taken_for_documents(docs: DocList[Any]) -> None:
    assert RawRows.of(columns.encode(docs)) is None


def test_parts_with_other_fields_are_not_joined() -> None:
    one, other = rows_of(DocList([AnyDoc(text="a")])), rows_of(DocList([AnyDoc(words="a")]))
    assert RawRows.joined([one, other]) is None
    vectors = [rows_of(DocList([AnyDoc(vector=np.zeros(size))])) for size in (2, 3)]
    assert RawRows.joined(vectors) is None
    kinds = [rows_of(DocList([AnyDoc(value=value)])) for value in ("text", np.zeros(2))]
    assert RawRows.joined(kinds) is None


def body(*groups: Group, order: tuple[int, ...] = (), buffers: tuple[bytes, ...] = ()) -> tuple[bytes, ...]:
    return (msgspec.msgpack.encode(Header(1, Documents(list(groups), list(order)))), *buffers)


NOTHING = Documents([])


@pytest.mark.parametrize(
    "given",
    [
        (),
        (b"",),
        (b"\xff\xff",),
        body(),
        body(Group("A", -1, [])),
        body(Group("A", 2, [Values("id", ["a"])])),
        body(Group("A", 1, []), buffers=(b"unused",)),
        body(Group("A", 1, [Stacked("v", "<f4", [1], 0)])),
        body(Group("A", 1, [Stacked("v", "<f4", [1], -1)]), buffers=(b"0000",)),
        body(Group("A", 3, [Stacked("v", "<f4", [1], 0)]), buffers=(b"0000",)),
        body(Group("A", 1, [Stacked("v", "<f4", [1], 0), Stacked("w", "<f4", [1], 0)]), buffers=(b"0000",)),
        body(Group("A", 1, [Ragged("v", [Cell("<f4", [1], 0)])]), buffers=(b"0000",)),
        body(Group("A", 1, [Nested("n", NOTHING)])),
        body(Group("A", 1, [Nested("n", Documents([Group("B", 2, [])]))])),
        body(Group("A", 2, [NestedLists("n", [-1, 1], NOTHING)])),
        body(Group("A", 2, [NestedLists("n", [1, 5], Documents([Group("B", 2, [])]))])),
    ],
)
def test_bytes_that_are_wrong_are_left_to_who_reads_them(given: tuple[bytes, ...]) -> None:
    assert RawRows.of(given) is None
