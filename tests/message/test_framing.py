import struct
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.errors import MalformedRequest
from thalweg.message.framing import ALIGNMENT, pack_body, unpack_body


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=20))
def test_what_is_packed_is_unpacked(parts: list[bytes]) -> None:
    assert [bytes(part) for part in unpack_body(b"".join(pack_body(parts)))] == parts


def test_buffers_of_any_item_size_keep_their_bytes() -> None:
    floats = array("f", range(5))
    (unpacked,) = unpack_body(b"".join(pack_body([memoryview(floats)])))
    assert bytes(unpacked) == floats.tobytes()


def test_packing_does_not_copy_and_unpacking_does_not_either() -> None:
    large = bytes(10_000)
    assert any(part is large for part in pack_body([b"x", large]))
    packed = bytearray(b"".join(pack_body([b"abc"])))
    (view,) = unpack_body(packed)
    packed[-1] = ord("z")
    assert bytes(view) == b"abz"


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=99), min_size=1, max_size=9))
def test_every_buffer_is_aligned(parts: list[bytes]) -> None:
    position = 0
    for piece in pack_body(parts):
        if piece in parts and any(piece is part for part in parts):
            assert position % ALIGNMENT == 0
        position += len(piece)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_unpacked_or_refused(data: bytes) -> None:
    try:
        parts = unpack_body(data)
    except MalformedRequest:
        return
    assert sum(map(len, parts)) <= len(data)


@pytest.mark.parametrize(
    "data,reason",
    [
        (b"", "at least 8"),
        (struct.pack("<II", 1, 7) + bytes(80), "cannot be their frame"),
        (struct.pack("<II", 0xFFFFFFFF, 0), "4294967295 buffers"),
        (struct.pack("<IIQ", 1, 0, 1 << 60), "should end at byte"),
        (b"".join(pack_body([b"abc"]))[:-1], "should end at byte"),
        (b"".join(pack_body([b"abc"])) + b"!", "1 bytes follow"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedRequest, match=reason):
        unpack_body(data)
