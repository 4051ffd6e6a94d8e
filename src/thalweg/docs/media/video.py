"""Films: encoded bytes to frames and sound and back, by PyAV."""

from __future__ import annotations

import io
from fractions import Fraction
from os import PathLike
from typing import IO, Any, NamedTuple, TypeAlias

import numpy as np

from thalweg.docs.extras import load_extra
from thalweg.docs.media.audio import channels_of, encode_audio, layout_of, possible_rate
from thalweg.docs.media.container import MAX_DECODED, check_codec, codec_stream, input_container, output_container
from thalweg.docs.media.image import eight_bits
from thalweg.docs.typing.array import to_numpy

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class VideoLoadResult(NamedTuple):
    """A film, decoded.

    `video` are its frames (frames, rows, columns, 3) as RGB, `uint8`. `audio` is its sound (pieces, channels, samples),
    float32 from -1 to 1, in pieces as they were encoded, the last filled up with silence; it is empty, of shape (0,),
    where there is none. `key_frame_indices` are the numbers of the frames that do not depend on others.
    """

    video: Array
    audio: Array
    key_frame_indices: Array


def read_video(data: bytes, max_decoded: int = MAX_DECODED, **options: Any) -> VideoLoadResult:
    """Frames and sound of a film: MP4, WebM, Matroska, AVI, or whatever else PyAV reads.

    Raises:
        ValueError: there is no film in it that PyAV reads, its frames differ in size, or what it holds takes more than
            `max_decoded` bytes.
        MissingDependency: PyAV is not installed.
    """
    room = max_decoded
    frames: list[Array] = []
    keys: list[int] = []
    pieces: list[Array] = []
    with input_container(data, "film", **options) as container:
        if not container.streams.video:
            raise ValueError("There is no film in these bytes")
        track = container.streams.video[0]
        check_codec(track, "a film")
        voices = [stream for stream in container.streams.audio[:1] if stream.codec_context is not None]
        _check_room(max_decoded - 3 * track.width * track.height, max_decoded)
        for frame in container.decode([track, *voices]):
            # Counted before anything is made of the frame.
            room -= 3 * frame.width * frame.height if hasattr(frame, "width") else 8 * frame.samples
            _check_room(room, max_decoded)
            if hasattr(frame, "width"):
                if frame.key_frame:
                    keys.append(len(frames))
                frames.append(frame.to_ndarray(format="rgb24"))
            else:
                pieces.append(channels_of(frame).astype(np.float32))
    return VideoLoadResult(_stacked(frames), _sound(pieces), np.array(keys, np.int64))


def write_video(frames: Any, **options: Any) -> bytes:
    """An encoded film as MP4; `options` are those of `save_video`."""
    stream = io.BytesIO()
    save_video(frames, stream, **options)
    return stream.getvalue()


def save_video(
    frames: Any,
    file: str | PathLike[str] | IO[bytes],
    audio_tensor: Any = None,
    video_frame_rate: float = 24,
    video_codec: str = "h264",
    audio_frame_rate: int = 48000,
    audio_codec: str = "aac",
    audio_format: str = "fltp",
) -> None:
    """Write a film to a file.

    Args:
        frames: a tensor (frames, rows, columns, 3) or of one frame (rows, columns, 3), of whole numbers from 0 to 255.
        file: a path, whose extension says the format, or a binary file, which becomes MP4.
        audio_tensor: sound (pieces, channels, samples) as `VideoLoadResult` has it, (channels, samples) or (samples,),
            from -1 to 1.
        video_frame_rate: frames per second.
        video_codec: the name of an encoder of PyAV, such as "h264" or "mpeg4".
        audio_frame_rate: samples per second and channel.
        audio_codec: the name of an encoder of PyAV.
        audio_format: of the samples that the encoder takes; another is taken where it has not this one.

    Raises:
        ValueError: tensors of another shape or other numbers, or PyAV does not write this.
    """
    pixels = _frames(frames)
    sound = None if audio_tensor is None else _interleaved(audio_tensor)
    kind = None if isinstance(file, (str, PathLike)) else "mp4"
    with output_container(file, kind, "film") as container:
        # All streams are there before the first frame is written: the file's head names them.
        track = codec_stream(container, video_codec, Fraction(video_frame_rate).limit_denominator(1001))
        track.width, track.height = pixels.shape[2], pixels.shape[1]
        track.pix_fmt = _pixel_format(track, pixels)
        voice = None
        if sound is not None:
            voice = codec_stream(container, audio_codec, possible_rate(audio_codec, audio_frame_rate))
            voice.layout = layout_of(sound.shape[1])
            voice.format = _sample_format(voice, audio_format)
        _encode_frames(container, track, pixels)
        if voice is not None and sound is not None:
            encode_audio(container, voice, sound, "flt", audio_frame_rate)


def _check_room(room: int, max_decoded: int) -> None:
    if room < 0:
        raise ValueError(f"The film takes more than {max_decoded:,} bytes; raise max_decoded to read it")


def _stacked(frames: list[Array]) -> Array:
    if not frames:
        return np.zeros((0, 0, 0, 3), np.uint8)
    if len({frame.shape for frame in frames}) > 1:
        raise ValueError("The frames of the film differ in size")
    return np.stack(frames)


def _sound(pieces: list[Array]) -> Array:
    if not pieces:
        return np.zeros(0, np.float32)
    longest = max(piece.shape[1] for piece in pieces)
    sound = np.zeros((len(pieces), pieces[0].shape[0], longest), np.float32)
    for number, piece in enumerate(pieces):
        sound[number, :, : piece.shape[1]] = piece
    return sound


def _frames(tensor: Any) -> Array:
    array = eight_bits(tensor, "Frames")
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or array.shape[3] != 3 or array.size == 0:
        raise ValueError(f"A film has the shape (frames, rows, columns, 3), not {tuple(tensor.shape)}")
    return array


def _interleaved(tensor: Any) -> Array:
    """Sound as (samples, channels), float32."""
    array = to_numpy(tensor)
    if array.dtype.kind not in "fiu" or array.ndim not in (1, 2, 3) or not array.size:
        raise ValueError(
            f"Sound is a tensor (pieces, channels, samples) of numbers from -1 to 1, not {array.shape} of {array.dtype}"
        )
    if array.ndim == 1:
        array = array[None]
    if array.ndim == 3:
        array = np.moveaxis(array, 0, 1).reshape(array.shape[1], -1)
    return np.clip(np.nan_to_num(array.T.astype(np.float32)), -1, 1)  # type: ignore[no-any-return]


def _pixel_format(track: Any, pixels: Array) -> str:
    """What the codec takes: half the colour where both sizes are even, as every player expects."""
    names = [found.name for found in track.codec_context.codec.video_formats or ()]
    even = pixels.shape[1] % 2 == 0 and pixels.shape[2] % 2 == 0
    wished = ("yuv420p", "yuv444p") if even else ("yuv444p", "rgb24", "yuv420p")
    return next((name for name in wished if name in names or not names), names[0] if names else "yuv420p")


def _sample_format(voice: Any, wished: str) -> str:
    names = [found.name for found in voice.codec_context.codec.audio_formats or ()]
    return wished if wished in names or not names else names[0]


def _encode_frames(container: Any, track: Any, pixels: Array) -> None:
    av = load_extra("av", "video", "Films")
    for number, array in enumerate(pixels):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format="rgb24")
        frame.pts = number
        container.mux(track.encode(frame))
    container.mux(track.encode(None))
