"""Bytes of strangers end in documents or in an error of ours, never in anything else."""

import gc
import os
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.docs.codecs.protobuf import fuzzing
from thalweg.docs.codecs import protobuf
from thalweg.errors import InvalidDocument, MalformedRequest

EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
steady = settings(
    max_examples=EXAMPLES or 80,
    derandomize=not EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_the_messages_are_sound() -> None:
    assert protobuf.decode_list(fuzzing.MESSAGES[2], fuzzing.Whole) == fuzzing.MANY
    assert protobuf.decode_vec(fuzzing.MESSAGES[4], fuzzing.Part) == fuzzing.PARTS


@steady
@given(fuzzing.changed())
def test_changed_bytes(data: bytes) -> None:
    fuzzing.read(data)


@steady
@given(fuzzing.crafted() | st.binary(max_size=60))
def test_messages_out_of_nothing(data: bytes) -> None:
    fuzzing.read(data)


@pytest.mark.parametrize("message", fuzzing.MESSAGES[:2] + fuzzing.MESSAGES[4:])
def test_truncated_bytes(message: bytes) -> None:
    for end in range(0, len(message), 7):
        fuzzing.read(message[:end])


def peak_of(data: bytes) -> int:
    """Bytes that reading `data` takes at most, whatever it is read as."""
    fuzzing.read(data[:100])
    gc.collect()
    tracemalloc.start()
    try:
        for reader in fuzzing.READERS:
            try:
                reader(data)
            except (MalformedRequest, InvalidDocument):
                continue
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\x00" * 100_000,
        b"\x0a" * 200_000,
        b"\x0a\x0d\x0a\x01x\x12\x08\x32\x06\x0a\x04\x1a\x02<f" * 5_000,
        b"\x12\x80\x80\x40" + b"\xff" * 200_000,
        b"\x0a\x1a\x0a\x01x\x12\x15\x32\x13\x0a\x11\x12\x0a" + b"\xff\xff\xff\xff\x07" * 2 + b"\x1a\x03<f4",
        b"\xa8\x06\xff\xff\xff\xff\xff\x0f",
    ],
    ids=["empty documents", "one byte", "tensors", "garbage", "one enormous tensor", "a count"],
)
def test_nothing_is_made_that_the_bytes_do_not_hold(data: bytes) -> None:
    assert peak_of(data) < 1_000_000 + 10 * len(data)


def test_a_document_takes_less_than_a_kilobyte_however_little_it_says() -> None:
    data = b"\x0a\x09\x0a\x07\x0a\x01x\x12\x02\x0a\x00" * 3000
    assert peak_of(data) < 3000 * 1024
