"""Encoded media in memory. Each is `bytes` that knows how to be decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from thalweg.docs.media.container import MAX_DECODED
from thalweg.docs.typing.media_array import AudioArray, ImageArray, VideoArray

if TYPE_CHECKING:
    from thalweg.docs.media.video import VideoLoadResult


class MediaBytes(bytes):
    """Encoded media. Text becomes UTF-8; in JSON it is base64. `type_key` is the name in DocArray's messages."""

    __slots__ = ()

    type_key: ClassVar[str]

    @classmethod
    def _from(cls, data: bytes) -> Self:
        return data if type(data) is cls else cls(data)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls._from, core_schema.bytes_schema())


class ImageBytes(MediaBytes):
    """An encoded picture."""

    __slots__ = ()

    type_key = "image_bytes"

    def load_pil(self) -> Any:
        """The `PIL.Image.Image`; see `thalweg.docs.media.image.open_image`."""
        from thalweg.docs.media.image import open_image

        return open_image(self)

    def load(
        self, width: int | None = None, height: int | None = None, axis_layout: Sequence[str] = ("H", "W", "C")
    ) -> ImageArray:
        """The pixels as RGB; see `thalweg.docs.media.image.read_image`."""
        from thalweg.docs.media.image import read_image

        return read_image(self, width, height, axis_layout).view(ImageArray)

    def display(self) -> None:
        """Show it in a notebook; elsewhere a warning is all."""
        from thalweg.docs.media.notebook import show_image

        show_image(lambda: self)


class AudioBytes(MediaBytes):
    """Encoded sound."""

    __slots__ = ()

    type_key = "audio_bytes"

    def load(self, max_decoded: int = MAX_DECODED) -> tuple[AudioArray, int]:
        """The samples from -1 to 1, channels interleaved, and how many come per second and channel.

        `samples.channels` tells how many channels there are. Raises what `thalweg.docs.media.audio.read_audio` raises.
        """
        from thalweg.docs.media.audio import read_audio

        sound = read_audio(self, max_decoded)
        samples = sound.samples.view(AudioArray)
        samples.channels = sound.channels
        return samples, sound.frame_rate

    def display(self) -> None:
        """Play it in a notebook; elsewhere a warning is all."""
        from thalweg.docs.media.notebook import show_audio

        show_audio(lambda: self)


class VideoBytes(MediaBytes):
    """An encoded film."""

    __slots__ = ()

    type_key = "video_bytes"

    def load(self, max_decoded: int = MAX_DECODED, **options: Any) -> VideoLoadResult:
        """Frames, sound and key frames; see `thalweg.docs.media.video.read_video`. `options` are those of `av.open`."""
        from thalweg.docs.media.video import VideoLoadResult, read_video

        film = read_video(self, max_decoded, **options)
        return VideoLoadResult(film.video.view(VideoArray), film.audio.view(AudioArray), film.key_frame_indices)

    def display(self) -> None:
        """Show it in a notebook; elsewhere a warning is all."""
        from thalweg.docs.media.notebook import show_video

        show_video(lambda: self)
