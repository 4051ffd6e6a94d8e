"""NumPy arrays that know what they stand for: pictures, sound, films.

They are arrays in every respect and share the memory of what they were made of. What is cut out of one is one too.
Tensors of other libraries stay what they are; the functions of `thalweg.docs.media` do the same for them.
"""

from __future__ import annotations

from os import PathLike
from typing import IO, Any, TypeAlias

import numpy as np

File: TypeAlias = str | PathLike[str] | IO[bytes]


class WrappedArray(np.ndarray[Any, np.dtype[Any]]):
    """An array with the methods that DocArray's arrays have."""

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """For NumPy: what a calculation gives is of the same class, and a number where it has no dimensions."""
        return array[()] if array.ndim == 0 else array.view(type(self))

    def unwrap(self) -> np.ndarray[Any, Any]:
        """The same memory as a plain array."""
        return self.view(np.ndarray)

    def get_comp_backend(self) -> Any:
        """The functions of `thalweg.docs.computation` for its library."""
        from thalweg.docs.computation import backend_of

        return backend_of(self)


class ImageArray(WrappedArray):
    """Pixels of a picture: (rows, columns) or (rows, columns, channels)."""

    def to_bytes(self, format: str = "PNG") -> bytes:  # noqa: A002  # Pillow's name for it
        """The encoded picture; see `thalweg.docs.media.image.write_image`."""
        from thalweg.docs.media.image import write_image

        return write_image(self, format)

    def save(self, file_path: File, format: str | None = None) -> None:  # noqa: A002
        """Write it to a file; see `thalweg.docs.media.image.save_image`."""
        from thalweg.docs.media.image import save_image

        save_image(self, file_path, format)

    def display(self) -> None:
        """Show it in a notebook; elsewhere a warning is all."""
        from thalweg.docs.media.notebook import show_image

        show_image(self.to_bytes)


class AudioArray(WrappedArray):
    """Samples of sound from -1 to 1, those of several `channels` interleaved."""

    channels: int = 1

    def __array_finalize__(self, source: Any) -> None:
        if type(source) is AudioArray:
            self.channels = source.channels

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        made = super().__array_wrap__(array, context, return_scalar)
        if type(made) is AudioArray:
            made.channels = self.channels
        return made

    def to_bytes(self) -> bytes:
        """Little-endian 16-bit integers without a header; see `thalweg.docs.media.audio.sixteen_bits`."""
        from thalweg.docs.media.audio import sixteen_bits

        return sixteen_bits(self)

    def save(
        self,
        file_path: File,
        format: str = "wav",  # noqa: A002
        frame_rate: int = 44100,
        sample_width: int = 2,
        channels: int | None = None,
    ) -> None:
        """Write it to a file; see `thalweg.docs.media.audio.save_audio`."""
        from thalweg.docs.media.audio import save_audio

        save_audio(self, file_path, format, frame_rate, sample_width, channels)

    def display(self, rate: int = 44100) -> None:
        """Play it in a notebook, with `rate` samples per second; elsewhere a warning is all."""
        from thalweg.docs.media.audio import write_audio
        from thalweg.docs.media.notebook import show_audio

        show_audio(lambda: write_audio(self, frame_rate=rate))


class VideoArray(WrappedArray):
    """Frames of a film: (frames, rows, columns, 3), or one of them."""

    def to_bytes(self, audio_tensor: Any = None, video_frame_rate: float = 24, **options: Any) -> bytes:
        """The film as MP4; the arguments are those of `thalweg.docs.media.video.save_video`."""
        from thalweg.docs.media.video import write_video

        return write_video(self, audio_tensor=audio_tensor, video_frame_rate=video_frame_rate, **options)

    def save(self, file_path: File, audio_tensor: Any = None, video_frame_rate: float = 24, **options: Any) -> None:
        """Write it to a file; see `thalweg.docs.media.video.save_video`."""
        from thalweg.docs.media.video import save_video

        save_video(self, file_path, audio_tensor, video_frame_rate, **options)

    def display(self, audio: Any = None) -> None:
        """Show it in a notebook, with sound where `audio` holds some; elsewhere a warning is all."""
        from thalweg.docs.media.notebook import show_video

        show_video(lambda: self.to_bytes(audio_tensor=audio))


ARRAYS: dict[str, type[np.ndarray[Any, Any]]] = {"image": ImageArray, "audio": AudioArray, "video": VideoArray}
"""Family -> the class of its NumPy arrays; those of other families are plain."""
