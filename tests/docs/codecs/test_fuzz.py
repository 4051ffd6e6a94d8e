"""Bytes of strangers end in documents or in an error of ours, never in anything else."""

import os
import tracemalloc
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thalweg.docs import BaseDoc, DocList
from thalweg.docs.codecs import columns, json
from thalweg.docs.typing import AnyTensor, NdArray
from thalweg.errors import MalformedRequest, ThalwegError


class Part(BaseDoc):
    text: str
    tensor: NdArray["n"] | None = None  # noqa: F821


class Whole(BaseDoc):
    text: str
    number: int = 0
    blob: bytes = b""
    tensor: NdArray[3]
    ragged: AnyTensor | None = None
    part: Part | None = None
    parts: DocList[Part] = DocList[Part]()
    anything: Any = None
    tags: dict[str, list[int]] = {}  # noqa: RUF012


DOCS = DocList[Whole](
    [
        Whole(text="a", tensor=[1, 2, 3], ragged=[1, 2], part=Part(text="p", tensor=[1.5])),
        Whole(text="b", tensor=[4, 5, 6], ragged=np.zeros((2, 2), np.int8), parts=[Part(text="q"), Part(text="r")]),  # type: ignore[arg-type]
        Whole(
            text="c", tensor=[7, 8, 9], anything={"t": np.arange(3), "d": Part(text="x"), "n": 2**70}, tags={"a": [1]}
        ),
    ]
)
BODIES = [
    tuple(bytes(part) for part in columns.encode(docs))
    for docs in (DOCS, DOCS[:1].to_doc_vec(), DocList([*DOCS, Part(text="z")]))
]
EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
steady = settings(
    max_examples=EXAMPLES or 80,
    derandomize=not EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def read(body: Any) -> None:
    for attempt in (
        lambda: columns.decode(body, Whole),
        lambda: columns.decode(body, None),
        lambda: columns.decode_vec(body, Whole),
        lambda: columns.decode_vec(body, Part),
    ):
        try:
            docs = attempt()
        except ThalwegError:
            continue
        for doc in docs:
            repr(doc)


def test_the_bodies_are_sound() -> None:
    assert columns.decode(BODIES[0], Whole) == DOCS


@steady
@given(st.sampled_from(BODIES), st.data())
def test_changed_bytes(body: tuple[bytes, ...], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(body) - 1))
    part = bytearray(body[number])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(part)))
        cut = data.draw(st.sampled_from([0, 1, 1, 4, len(part)]))
        part[at : at + cut] = data.draw(st.binary(max_size=6))
    read((*body[:number], bytes(part), *body[number + 1 :]))


NUMBERS = st.integers(-3, 300) | st.sampled_from([2**31, 2**63 - 1, 2**64 - 1, -(2**63)])
NAMES = st.sampled_from(["text", "tensor", "id", "part", "parts", "", "<f8", "|O", ">c16", "|u1"])
LEAVES = st.none() | st.booleans() | NUMBERS | NAMES | st.binary(max_size=9) | st.floats()
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=5), max_leaves=8)


def _changed(tree: Any, data: st.DataObject) -> Any:
    if isinstance(tree, list) and tree and data.draw(st.integers(0, 8)):
        at = data.draw(st.integers(0, len(tree) - 1))
        return [*tree[:at], _changed(tree[at], data), *tree[at + 1 :]]
    if isinstance(tree, list) and data.draw(st.booleans()):
        return data.draw(st.sampled_from([tree[1:], tree * 2, tree[::-1], [tree]]))
    return data.draw(NUMBERS if type(tree) is int else TREES)


@steady
@given(st.sampled_from(BODIES), st.data())
def test_changed_headers(body: tuple[bytes, ...], data: st.DataObject) -> None:
    header = msgspec.msgpack.decode(body[0])
    for _ in range(data.draw(st.integers(1, 3))):
        header = _changed(header, data)
    read((msgspec.msgpack.encode(header), *body[1:]))


@steady
@given(TREES, st.lists(st.binary(max_size=20), max_size=2))
def test_headers_out_of_nothing(documents: Any, buffers: list[bytes]) -> None:
    read((msgspec.msgpack.encode([1, documents]), *buffers))


@steady
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_json_out_of_nothing(body: bytes) -> None:
    for doc_type in (Whole, None):
        try:
            json.decode(body, doc_type)
        except ThalwegError:
            continue


@steady
@given(st.data())
def test_changed_json(data: st.DataObject) -> None:
    body = bytearray(json.encode(DOCS[:2], {"a": 1}))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        tokens = [b"", b'"', b"{", b"[", b"]", b"null", b"-1", b"1e999", b"NaN", b"\xff", b"\\ud800", b"9" * 30]
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.sampled_from(tokens))
    for doc_type in (Whole, None):
        try:
            json.decode(body, doc_type)
        except ThalwegError:
            continue


@pytest.mark.parametrize("depth", [100, 10_000, 1_000_000])
def test_deep_nesting(depth: int) -> None:
    read((b"\x92\x01" + b"\x91" * depth + b"\x00",))
    packed = b"\x91" * depth + b"\xc0"
    read((b"\x92\x01\x92\x91\x93\xa0\x01\x91\x93\x03\xa8anything\x91" + packed + b"\x90",))
    with pytest.raises(ThalwegError):
        json.decode(b'{"data": [{"anything": ' + b"[" * depth + b"]" * depth + b"}]}", Whole)


@pytest.mark.parametrize("body", [b"[%s1]", b'{"data": [%s1]}', b'[{"tags": {"a": [%s"x"]}}]'])
def test_no_kilobyte_is_taken_for_each_wrong_value(body: bytes) -> None:
    data = body.replace(b"%s", b"{}," * 30_000)
    tracemalloc.start()
    with pytest.raises((ThalwegError, ValueError)):
        DocList[Whole].from_bytes(data, "json-array") if body[:1] == b"[" else json.decode(data, Whole)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150 * len(data)


@pytest.mark.parametrize(
    "column",
    [
        [4, "part", [[["Part", 1, [[0, "id", ["p"]]]]], []], [False]],
        [5, "parts", [1], [[["Part", 2, [[0, "id", ["p", "q"]]]]], []]],
    ],
)
def test_more_nested_documents_than_there_is_room_for(column: list[Any]) -> None:
    header = [1, [[["Whole", 1, [[0, "text", ["a"]], column]]], []]]
    with pytest.raises(MalformedRequest):
        columns.decode([msgspec.msgpack.encode(header)], Whole)
