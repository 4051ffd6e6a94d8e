"""Compressed data comes back as it was, and what a stranger compressed cannot fill the memory."""

import bz2
import gzip
import lzma
import random
import tracemalloc
import zlib

import lz4.frame
import pytest

from thalweg.docs.codecs import compression
from thalweg.docs.codecs.compression import COMPRESSIONS, compressed, decompressed
from thalweg.errors import MalformedRequest

TEXT = b"the river bed " * 1000
THEIRS = {
    "lz4": (lz4.frame.compress, lz4.frame.decompress),
    "bz2": (bz2.compress, bz2.decompress),
    "lzma": (lzma.compress, lzma.decompress),
    "zlib": (zlib.compress, zlib.decompress),
    "gzip": (gzip.compress, gzip.decompress),
}


@pytest.mark.parametrize("name", COMPRESSIONS)
@pytest.mark.parametrize(
    "data", [b"", b"a", TEXT, random.Random(0).randbytes(3 << 19)], ids=["none", "one", "text", "noise"]
)
def test_data_comes_back(name: str, data: bytes) -> None:
    assert decompressed(compressed(data, name), name) == data


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_every_compression_makes_text_smaller_in_its_own_format(name: str) -> None:
    compress, decompress = THEIRS[name]
    assert len(compressed(TEXT, name)) < len(TEXT) / 10
    assert decompress(compressed(TEXT, name)) == TEXT
    assert decompressed(memoryview(compress(TEXT)), name) == TEXT


def test_no_compression_is_the_data_itself() -> None:
    assert compressed(TEXT, None) is TEXT
    assert decompressed(TEXT, None) is TEXT


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_streams_that_follow_one_another_are_read_as_one(name: str) -> None:
    assert decompressed(compressed(b"one ", name) + compressed(TEXT, name), name) == b"one " + TEXT


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_data_that_was_cut_off_is_malformed(name: str) -> None:
    data = compressed(TEXT, name)
    for length in (0, 1, len(data) // 2, len(data) - 1):
        with pytest.raises(MalformedRequest, match=f"{name}.*its end is missing"):
            decompressed(data[:length], name)


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_data_in_another_format_is_malformed(name: str) -> None:
    for data in (b"x" * 50, compressed(TEXT, name) + b"more", compressed(TEXT, "zlib" if name != "zlib" else "gzip")):
        with pytest.raises(MalformedRequest, match=f"cannot be read as {name}|its end is missing"):
            decompressed(data, name)


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_a_bomb_is_refused_before_it_fills_the_memory(name: str) -> None:
    bomb = compressed(bytes(32 << 20), name)
    tracemalloc.start()
    with pytest.raises(MalformedRequest, match=r"more than 4,194,304 bytes .* max_bytes"):
        decompressed(bomb, name, 4 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20


def test_the_limit_grows_with_the_data_and_can_be_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "FLOOR", 1000)
    data = compressed(bytes(1_000_000), "gzip")
    with pytest.raises(MalformedRequest, match=f"more than {compression.RATIO * len(data):,} bytes"):
        decompressed(data, "gzip")
    assert len(decompressed(data, "gzip", 1_000_000)) == 1_000_000
    assert decompressed(compressed(b"", "gzip"), "gzip", 0) == b""
    with pytest.raises(MalformedRequest, match="more than 0 bytes"):
        decompressed(data, "gzip", 0)
    with pytest.raises(MalformedRequest, match="more than 999,999 bytes"):
        decompressed(data, "gzip", 999_999)
    digits = bytes(random.Random(0).choices(b"01", k=100_000))
    assert decompressed(compressed(digits, "gzip"), "gzip") == digits


def test_lzma_cannot_ask_for_a_dictionary_of_gigabytes() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 29}]
    with pytest.raises(MalformedRequest, match=r"[Mm]emory usage limit"):
        decompressed(lzma.compress(b"a", lzma.FORMAT_XZ, filters=filters), "lzma")


@pytest.mark.parametrize("call", [compressed, decompressed])
def test_an_unknown_compression_is_named_with_the_nearest_one(call) -> None:
    with pytest.raises(ValueError, match="There is no compression 'gzi'; did you mean 'gzip'"):
        call(b"", "gzi")
