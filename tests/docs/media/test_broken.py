"""Media that were damaged on the way, or on purpose: decoded, or a ValueError."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thalweg.docs.media.audio import read_audio, write_audio
from thalweg.docs.media.image import read_image, write_image
from thalweg.docs.media.mesh import read_mesh
from thalweg.docs.media.video import read_video, write_video

for library in ("PIL", "av", "trimesh"):
    pytest.importorskip(library)

PIXELS = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
MESH = {"obj": b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "off": b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"}

damage = st.lists(st.tuples(st.sampled_from(["set", "cut", "put", "end"]), st.integers(0, 5000), st.binary(max_size=4)))


@cache
def whole(kind: str) -> bytes:
    if kind in ("wav", "flac", "mp3"):
        return write_audio(np.sin(np.arange(2000) / 10), kind, 16_000)
    if kind in MESH:
        return MESH[kind]
    return write_video(np.stack([PIXELS] * 3)) if kind == "mp4" else write_image(PIXELS, kind)


def damaged(data: bytes, steps: list[tuple[str, int, bytes]]) -> bytes:
    held = bytearray(data)
    for step, number, piece in steps:
        place = number % (len(held) + 1)
        if step == "set":
            held[place : place + len(piece)] = piece
        elif step == "cut":
            del held[place : place + 4]
        elif step == "put":
            held[place:place] = piece
        else:
            del held[place:]
    return bytes(held)


READERS: dict[str, Callable[[bytes], Any]] = {
    **dict.fromkeys(("png", "jpeg", "gif", "webp", "tiff", "bmp"), read_image),
    **dict.fromkeys(("wav", "flac", "mp3"), lambda data: read_audio(data, 1 << 24)),
    "mp4": lambda data: read_video(data, 1 << 24),
}


@settings(deadline=None)
@given(st.sampled_from(list(READERS)), damage)
def test_damaged_media_are_decoded_or_refused(kind: str, steps: list[tuple[str, int, bytes]]) -> None:
    with suppress(ValueError):
        READERS[kind](damaged(whole(kind), steps))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(list(MESH)), damage)
def test_damaged_meshes_are_read_or_refused(tmp_path: Path, kind: str, steps: list[tuple[str, int, bytes]]) -> None:
    path = tmp_path / f"damaged.{kind}"
    path.write_bytes(damaged(whole(kind), steps))
    with suppress(ValueError):
        read_mesh(str(path))
