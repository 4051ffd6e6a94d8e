"""Pictures and sounds in the fields of a document, small enough to be shown."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from thalweg.docs.document import BaseDocWithoutId, contents
from thalweg.docs.media.audio import sixteen_bits
from thalweg.docs.media.image import write_image
from thalweg.docs.typing.array import is_tensor, to_numpy

SIDE = 256
"""Rows and columns of a picture that is made of a tensor; a larger tensor is thinned out."""
BYTES = 2_000_000
"""Encoded pictures and sounds up to this size are shown."""
SAMPLES = 1_000_000
"""Samples of sound that are played, of all channels together."""
MEDIA = 4
"""Pictures and sounds of one document."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}


class Medium(NamedTuple):
    """Encoded data and its media type, such as "image/png"."""

    type: str
    data: bytes


def media_of(doc: BaseDocWithoutId) -> list[Medium]:
    """What can be seen or heard of a document's own fields: the first few.

    A picture is an encoded one, or a `uint8` tensor of rows, columns and 3 or 4 channels. Sound is an encoded one, or a
    tensor of samples where the document says its `frame_rate`.
    """
    return list(islice(_media(contents(doc)), MEDIA))


def _media(fields: dict[str, Any]) -> Iterator[Medium]:
    rate = fields.get("frame_rate")
    for value in fields.values():
        if isinstance(value, (bytes, bytearray)):
            kind = _type_of(value)
            if kind and len(value) <= BYTES:
                yield Medium(kind, bytes(value))
        elif is_tensor(value):
            if _is_picture(value):
                yield Medium("image/png", _png(value))
            elif type(rate) is int and _is_sound(value, rate):
                yield Medium("audio/wav", _wav(value, rate))


def _type_of(data: bytes | bytearray) -> str | None:
    if data[:4] == b"RIFF":
        return _RIFF.get(bytes(data[8:12]))
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)


def _is_picture(tensor: Any) -> bool:
    shape = tuple(tensor.shape)
    if len(shape) != 3 or shape[2] not in (3, 4) or 0 in shape or to_numpy(tensor).dtype != np.uint8:
        return False
    return find_spec("PIL") is not None  # without Pillow the document is shown all the same, but not the picture


def _png(tensor: Any) -> bytes:
    step = -(-max(tensor.shape[0], tensor.shape[1]) // SIDE)
    return write_image(np.ascontiguousarray(to_numpy(tensor[::step, ::step])))


def _is_sound(tensor: Any, rate: int) -> bool:
    shape = tuple(tensor.shape)
    mono_or_stereo = len(shape) == 1 or (len(shape) == 2 and shape[1] in (1, 2))
    return mono_or_stereo and 0 not in shape and 0 < rate <= 192_000 and to_numpy(tensor).dtype.kind in "if"


def _wav(tensor: Any, rate: int) -> bytes:
    channels = tensor.shape[1] if len(tensor.shape) == 2 else getattr(tensor, "channels", 1)
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(sixteen_bits(tensor[: SAMPLES // channels] if len(tensor.shape) == 2 else tensor[:SAMPLES]))
    return stream.getvalue()
