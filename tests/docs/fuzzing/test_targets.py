"""Bytes of strangers end in documents or in an error of ours: nothing is run, and memory stays in proportion."""

import gc
import pickle
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from tests.docs.fuzzing.hostile import hostile, steady
from tests.docs.fuzzing.targets import TARGETS, Target
from thalweg.docs.codecs.compression import COMPRESSIONS


@pytest.mark.parametrize("name", TARGETS)
def test_sound_bytes_are_read(name: str) -> None:
    for seed in TARGETS[name].seeds:
        with suppress(*TARGETS[name].errors):
            TARGETS[name].read(seed)
    TARGETS[name].read(TARGETS[name].seeds[0])


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_bytes_end_in_documents_or_in_an_error_of_ours(name: str) -> None:
    target = TARGETS[name]

    @steady(15)
    @given(hostile(target))
    def read(data: bytes) -> None:
        with suppress(*target.errors):
            target.read(data)

    read()


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", TARGETS)
def test_no_pickle_is_run(name: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    bodies = [pickle.dumps(Touch(mark), protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    framed = [b"\x02" + (1).to_bytes(8, "big") + len(body).to_bytes(4, "big") + body for body in bodies]
    for body in bodies + framed:
        with suppress(*TARGETS[name].errors, ValueError):
            TARGETS[name].read(body)
    assert not mark.exists()


def peak_of(target: Target, data: bytes) -> int:
    """Bytes that reading takes at most."""
    gc.collect()
    tracemalloc.start()
    try:
        with suppress(*target.errors):
            target.read(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


SIZE = 50_000
COMPRESSED = {*COMPRESSIONS, *(f"protobuf.{name}" for name in COMPRESSIONS)}
"""Targets for which these bombs are no bytes at all; theirs are beside the tests of compressions."""
BOMBS = {
    "brackets": b"[" * SIZE,
    "braces": b'{"a":' * (SIZE // 5),
    "numbers": b"[" + b"1," * (SIZE // 2) + b"1]",
    "nothing": bytes(SIZE),
    "lengths": b"\xff" * SIZE,
    "an enormous count": b"\x02" + b"\xff" * 8 + b"\x7f" * SIZE,
    "many buffers": b"thalweg\x01" + (SIZE // 8 - 2).to_bytes(8, "little") + b"\0" * (SIZE - 16),
    "an index with a long header": b"THALWEGi" + b"\xff" * 4 + b"\x92" * SIZE,
    "an index of many parts": b"THALWEGi"
    + SIZE.to_bytes(4, "little")
    + b"\x92\x01\xdd\xff\xff\xff\xff"
    + b"\xc0" * SIZE,
    "a collection of a long chunk": b"thaldoc\x01" + bytes(4) + b"\xff" * 8 + b"a" * SIZE,
    "a digit after the other": b"1" * SIZE,
    "one long string": b'"' + b"a" * SIZE + b'"',
    "one long cell": b'text\n"' + b"\n" * SIZE,
    "columns of a table": b"text" + b",text" * (SIZE // 5),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_few_bytes_do_not_take_much_memory(bomb: str) -> None:
    """Ten times the bytes, and a megabyte for what is made once."""
    data = BOMBS[bomb]
    took = {name: peak_of(target, data) for name, target in TARGETS.items() if name not in COMPRESSED}
    assert {name: peak for name, peak in took.items() if peak > (1 << 20) + 10 * len(data)} == {}


@pytest.mark.parametrize(
    "name, data, count",
    [
        ("protobuf", b"\x02" + (3000).to_bytes(8, "big") + b"\0\0\0\0" * 3000, 3000),
        ("csv", b"text\n" + b"a\n" * 3000, 3000),
        ("json-array", b"[" + b'{"text":"a"},' * 3000 + b"{}]", 3000),
    ],
)
def test_a_document_takes_less_than_two_kilobytes_however_little_it_says(name: str, data: bytes, count: int) -> None:
    assert peak_of(TARGETS[name], data) < 2048 * count
