"""Sound: encoded bytes to samples and back, by PyAV.

Samples are numbers from -1 to 1 in one dimension. Those of several channels are interleaved: left, right, left, right.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from os import PathLike, fspath
from typing import IO, Any, NamedTuple, TypeAlias

import numpy as np

from thalweg.docs.extras import load_extra
from thalweg.docs.media.container import MAX_DECODED, check_codec, codec_stream, input_container, output_container
from thalweg.docs.typing.array import to_numpy

Samples: TypeAlias = np.ndarray[Any, np.dtype[Any]]

_CODECS = {
    "mp3": "libmp3lame",
    "flac": "flac",
    "ogg": "libopus",
    "opus": "libopus",
    "webm": "libopus",
    "m4a": "aac",
    "mp4": "aac",
    "aac": "aac",
}
_CONTAINERS = {"m4a": "ipod", "aac": "adts", "wave": "wav"}
_WIDTHS = {1: "u8", 2: "s16le", 3: "s24le", 4: "s32le"}
_PIECE = 1 << 16


class Sound(NamedTuple):
    """Interleaved samples, how many come per second and channel, and the number of channels."""

    samples: Samples
    frame_rate: int
    channels: int


def read_audio(data: bytes, max_decoded: int = MAX_DECODED) -> Sound:
    """The first track of sound in `data`: WAV, MP3, FLAC, Ogg, AAC, or whatever else PyAV reads, films too.

    Integers of n bits are divided by 2^(n-1); the samples are float64.

    Raises:
        ValueError: there is no sound in it that PyAV reads, or the samples take more than `max_decoded` bytes.
        MissingDependency: PyAV is not installed.
    """
    with input_container(data, "sound") as container:
        if not container.streams.audio:
            raise ValueError("There is no sound in these bytes")
        stream = container.streams.audio[0]
        check_codec(stream, "sound")
        pieces, size = [], 0
        for frame in container.decode(stream):
            size += frame.samples * frame.layout.nb_channels * 8
            if size > max_decoded:
                raise ValueError(f"The sound takes more than {max_decoded:,} bytes; raise max_decoded to read it")
            pieces.append(channels_of(frame).T.reshape(-1))
        channels = stream.codec_context.layout.nb_channels
        return Sound(np.concatenate(pieces) if pieces else np.zeros(0), stream.rate, channels)


def channels_of(frame: Any) -> Samples:
    """The samples of an `av.AudioFrame` in the shape (channels, samples): float64 from -1 to 1."""
    array = frame.to_ndarray()
    if not frame.format.is_planar:
        array = array.reshape(-1, frame.layout.nb_channels).T
    if array.dtype.kind == "f":
        return array.astype(np.float64)  # type: ignore[no-any-return]
    if array.dtype == np.uint8:
        return (array.astype(np.float64) - 128) / 128  # type: ignore[no-any-return]
    return array / float(1 << (8 * array.itemsize - 1))  # type: ignore[no-any-return]


def sixteen_bits(samples: Any) -> bytes:
    """Samples as little-endian 16-bit integers, without any header. What is beyond -1 and 1 is clipped."""
    return _integers(samples, 2).astype("<i2").tobytes()


def write_audio(
    samples: Any,
    format: str = "wav",  # noqa: A002
    frame_rate: int = 44100,
    sample_width: int = 2,
    channels: int | None = None,
) -> bytes:
    """Encoded sound; see `save_audio`."""
    stream = io.BytesIO()
    save_audio(samples, stream, format, frame_rate, sample_width, channels)
    return stream.getvalue()


def save_audio(
    samples: Any,
    file: str | PathLike[str] | IO[bytes],
    format: str | None = None,  # noqa: A002
    frame_rate: int = 44100,
    sample_width: int = 2,
    channels: int | None = None,
) -> None:
    """Write sound to a file.

    Args:
        samples: a tensor of any library: interleaved, or of the shape (samples, channels). Numbers from -1 to 1, beyond
            which they are clipped, or integers of 16 or 32 bits, or bytes, as sound cards have them.
        file: a path, or a binary file.
        format: "wav", "mp3", "flac", "ogg", "m4a" and others; from the extension of the path where it is None.
        frame_rate: samples per second and channel. Where the format knows other rates only, they are resampled.
        sample_width: bytes of a sample, 1 to 4, where the format lets one choose: WAV and FLAC.
        channels: of interleaved samples; None for as many as the tensor knows of, otherwise one.

    Raises:
        ValueError: the samples have another shape, or PyAV does not write the format or the rate.
    """
    kind = format or (fspath(file).rpartition(".")[2] if isinstance(file, (str, PathLike)) else "wav")
    kind = kind.lower().lstrip(".")
    count = channel_count(samples, channels)
    if sample_width not in _WIDTHS:
        raise ValueError(f"a sample has 1 to 4 bytes, not {sample_width}")
    codec = _CODECS.get(kind, f"pcm_{_WIDTHS[sample_width]}")
    with output_container(file, _CONTAINERS.get(kind, kind), "sound") as container:
        stream = codec_stream(container, codec, possible_rate(codec, frame_rate))
        stream.layout = layout_of(count)
        wide = 4 if sample_width > 2 else 2
        stream.format = _format(stream, wide)
        samples = _integers(samples, wide).reshape(-1, count)
        encode_audio(container, stream, samples, f"s{wide * 8}", frame_rate)


def encode_audio(container: Any, stream: Any, samples: Samples, sample_format: str, frame_rate: int) -> None:
    """Write `samples` (samples, channels) of a packed format, such as "s16", to a stream of a container."""
    av = load_extra("av", "audio", "Sounds")
    resampler = av.AudioResampler(stream.format, stream.layout, stream.rate)
    layout = layout_of(samples.shape[1])
    for start in range(0, len(samples), _PIECE):
        piece = np.ascontiguousarray(samples[start : start + _PIECE]).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(piece, format=sample_format, layout=layout)
        frame.sample_rate = frame_rate
        frame.pts = start
        _write(container, stream, resampler.resample(frame))
    _write(container, stream, resampler.resample(None))
    container.mux(stream.encode(None))


def channel_count(samples: Any, channels: int | None = None) -> int:
    """The channels of a tensor of samples; see `save_audio`.

    Raises:
        ValueError: its shape is no shape of samples, or does not agree with `channels`.
    """
    shape = tuple(samples.shape)
    known: int = shape[1] if len(shape) == 2 else getattr(samples, "channels", 1)
    found = known if channels is None else channels
    layout_of(found)
    fits = shape[1] == found if len(shape) == 2 else len(shape) == 1 and shape[0] % found == 0
    if not fits:
        raise ValueError(
            f"samples of {found} channels have the shape (samples, {found}) or are interleaved, not {shape}"
        )
    if not shape[0]:
        raise ValueError("there are no samples to write")
    return found


def possible_rate(codec: str, frame_rate: int) -> int:
    """`frame_rate`, or the next one above it that the encoder has, or its highest."""
    av = load_extra("av", "audio", "Sounds")
    try:
        rates = sorted(av.Codec(codec, "w").audio_rates or ())
    except ValueError:
        raise ValueError(f"PyAV has no encoder {codec!r}") from None
    return next((rate for rate in rates if rate >= frame_rate), rates[-1]) if rates else frame_rate


def layout_of(channels: int) -> str:
    """The name that PyAV has for an arrangement of so many channels.

    Raises:
        ValueError: it has none.
    """
    names = ("mono", "stereo", "2.1", "quad", "5.0", "5.1", "6.1", "7.1")
    if not 1 <= channels <= len(names):
        raise ValueError(f"sound has 1 to {len(names)} channels, not {channels}")
    return names[channels - 1]


def _write(container: Any, stream: Any, frames: Iterable[Any]) -> None:
    for frame in frames:
        container.mux(stream.encode(frame))


def _format(stream: Any, wide: int) -> Any:
    """What the codec takes: integers as wide as wished where it can."""
    formats = {found.name: found for found in stream.codec_context.codec.audio_formats or ()}
    for name in (f"s{wide * 8}", f"s{wide * 8}p"):
        if name in formats:
            return formats[name]
    return next(iter(formats.values()), stream.format)


def _integers(samples: Any, width: int) -> Samples:
    """Samples as integers of 16 or 32 bits."""
    array = to_numpy(samples)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"samples are numbers from -1 to 1, not {array.dtype}")
    values = array.astype(np.float64)
    if array.dtype == np.uint8:
        values = (values - 128) / 128
    elif array.dtype in (np.int16, np.int32):  # samples of that many bits already
        values /= 1 << (8 * array.itemsize - 1)
    full = 1 << (8 * width - 1)
    whole = np.clip(np.rint(np.nan_to_num(values) * full), -full, full - 1)
    made: Samples = whole.astype(np.int16 if width == 2 else np.int32)
    return made
