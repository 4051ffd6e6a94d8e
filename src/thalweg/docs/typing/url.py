"""Addresses of media. Each is a `str`; its scheme and its file extension are checked, and nothing is opened until `load`.

An address without a file extension fits every class. A path of the local machine is an address too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from thalweg.docs.media.address import scheme_of
from thalweg.docs.media.container import MAX_DECODED
from thalweg.docs.media.fetching import MAX_BYTES, SECONDS
from thalweg.docs.typing import extension
from thalweg.docs.typing.bytes import AudioBytes, ImageBytes, VideoBytes
from thalweg.docs.typing.media_array import AudioArray, ImageArray

if TYPE_CHECKING:
    from thalweg.docs.documents.mesh import VerticesAndFaces
    from thalweg.docs.documents.point_cloud import PointsAndColors
    from thalweg.docs.media.video import VideoLoadResult


class AnyUrl(str):
    """An address of anything.

    `schemes` are those that an address may begin with; "" stands for a plain path. `extensions` are the file extensions
    that fit, in lower case and without the dot; any fits where there are none. `media` is what a `data:` address must
    hold, such as "image". `type_key` is the name in DocArray's messages. A subclass may allow less:

        class WebImage(ImageUrl):
            schemes = frozenset({"https"})

    Raises:
        ValueError: the scheme is not one of those, or the extension does not fit. The text is kept as it is otherwise.
    """

    __slots__ = ()

    schemes: ClassVar[frozenset[str]] = extension.SCHEMES | {""}
    extensions: ClassVar[frozenset[str]] = frozenset()
    media: ClassVar[str] = ""
    type_key: ClassVar[str] = "any_url"

    def __new__(cls, address: str) -> Self:
        cls._check(address)
        return super().__new__(cls, address)

    def load_bytes(self, timeout: float | None = SECONDS, max_bytes: int = MAX_BYTES) -> bytes:
        """What is there; see `thalweg.docs.media.fetching.fetch`.

        Args:
            timeout: seconds; None for no limit.
            max_bytes: more is never read.

        Raises:
            FileNotFoundError: nothing is there.
            TimeoutError: it took longer than `timeout`.
            OSError: it cannot be read or fetched.
            ValueError: there are more than `max_bytes`.
        """
        from thalweg.docs.media.fetching import fetch

        return fetch(self, timeout, max_bytes)

    @classmethod
    def _check(cls, address: str) -> None:
        scheme = scheme_of(address)
        if scheme not in cls.schemes:
            path = "a path or " if "" in cls.schemes else ""
            raise PydanticCustomError(
                "url_scheme",
                "Expected {path}an address that begins with one of {schemes}, got {given}",
                {
                    "path": path,
                    "schemes": ", ".join(sorted(cls.schemes - {""})),
                    "given": f"one with '{scheme}:'" if scheme else "a path",
                },
            )
        if scheme == "data":
            cls._check_media(address)
        elif cls.extensions:
            cls._check_extension(address)

    @classmethod
    def _check_media(cls, address: str) -> None:
        media = address[len("data:") :].partition(",")[0].partition(";")[0]
        if cls.media and media and media.partition("/")[0].lower() != cls.media:
            raise PydanticCustomError(
                "url_media", "Expected data of type {media}, got {given}", {"media": f"{cls.media}/*", "given": media}
            )

    @classmethod
    def _check_extension(cls, address: str) -> None:
        try:
            path = urlsplit(address).path
        except ValueError as error:
            raise PydanticCustomError("url_syntax", "Not an address: {reason}", {"reason": str(error)}) from None
        _, dot, ending = re.split(r"[/\\]", path)[-1].rpartition(".")
        if dot and ending.lower() not in cls.extensions:
            raise PydanticCustomError(
                "url_extension",
                "'.{extension}' is no file extension of {kind}",
                {"extension": ending, "kind": cls.__name__},
            )

    @classmethod
    def _from(cls, address: Any) -> Self:
        return address if type(address) is cls else cls(address)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls._from, core_schema.str_schema(), serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        kinds = f" File extensions: {', '.join(sorted(cls.extensions))}." if cls.extensions else ""
        return {"type": "string", "description": f"An address or a path.{kinds}"}


class TextUrl(AnyUrl):
    """An address of text."""

    __slots__ = ()

    extensions = extension.TEXT
    media = "text"
    type_key = "text_url"

    def load(self, charset: str = "utf-8", timeout: float | None = SECONDS, max_bytes: int = MAX_BYTES) -> str:
        """The text that is there.

        Raises:
            ValueError: it is no text in this charset; and what `load_bytes` raises.
        """
        try:
            return self.load_bytes(timeout, max_bytes).decode(charset)
        except LookupError:
            raise ValueError(f"no charset is named {charset!r}") from None


class ImageUrl(AnyUrl):
    """An address of a picture."""

    __slots__ = ()

    extensions = extension.IMAGE
    media = "image"
    type_key = "image_url"

    def load_bytes(self, timeout: float | None = SECONDS, max_bytes: int = MAX_BYTES) -> ImageBytes:
        """The encoded picture; see `AnyUrl.load_bytes`."""
        return ImageBytes(super().load_bytes(timeout, max_bytes))

    def load_pil(self, timeout: float | None = SECONDS, max_bytes: int = MAX_BYTES) -> Any:
        """The `PIL.Image.Image`; raises what `load_bytes` and `thalweg.docs.media.image.open_image` raise."""
        return self.load_bytes(timeout, max_bytes).load_pil()

    def load(
        self,
        width: int | None = None,
        height: int | None = None,
        axis_layout: Sequence[str] = ("H", "W", "C"),
        timeout: float | None = SECONDS,
        max_bytes: int = MAX_BYTES,
    ) -> ImageArray:
        """The pixels as RGB, resized where `width` or `height` is given; `axis_layout` is the order of the axes.

        Raises what `load_bytes` and `thalweg.docs.media.image.read_image` raise.
        """
        return self.load_bytes(timeout, max_bytes).load(width, height, axis_layout)

    def display(self) -> None:
        """Show it in a notebook; elsewhere a warning is all."""
        from thalweg.docs.media.notebook import show_image

        show_image(self.load_bytes)


class AudioUrl(AnyUrl):
    """An address of sound."""

    __slots__ = ()

    extensions = extension.AUDIO
    media = "audio"
    type_key = "audio_url"

    def load_bytes(self, timeout: float | None = SECONDS, max_bytes: int = MAX_BYTES) -> AudioBytes:
        """The encoded sound; see `AnyUrl.load_bytes`."""
        return AudioBytes(super().load_bytes(timeout, max_bytes))

    def load(
        self, timeout: float | None = SECONDS, max_bytes: int = MAX_BYTES, max_decoded: int = MAX_DECODED
    ) -> tuple[AudioArray, int]:
        """The samples and how many come per second; see `AudioBytes.load`. Raises what `load_bytes` raises, too."""
        return self.load_bytes(timeout, max_bytes).load(max_decoded)

    def display(self) -> None:
        """Play it in a notebook; elsewhere a warning is all."""
        from thalweg.docs.media.notebook import show_audio

        show_audio(self.load_bytes)


class VideoUrl(AnyUrl):
    """An address of a film."""

    __slots__ = ()

    extensions = extension.VIDEO
    media = "video"
    type_key = "video_url"

    def load_bytes(self, timeout: float | None = SECONDS, max_bytes: int = MAX_BYTES) -> VideoBytes:
        """The encoded film; see `AnyUrl.load_bytes`."""
        return VideoBytes(super().load_bytes(timeout, max_bytes))

    def load(
        self, timeout: float | None = SECONDS, max_bytes: int = MAX_BYTES, max_decoded: int = MAX_DECODED
    ) -> VideoLoadResult:
        """Frames, sound and key frames; see `VideoBytes.load`. Raises what `load_bytes` raises, too."""
        return self.load_bytes(timeout, max_bytes).load(max_decoded)

    def display(self) -> None:
        """Show it in a notebook; elsewhere a warning is all."""
        from thalweg.docs.media.notebook import show_video

        show_video(self.load_bytes)


class Url3D(AnyUrl):
    """An address of something in space."""

    __slots__ = ()

    extensions = extension.MESH | extension.POINTS
    media = "model"
    type_key = "url3d"


class Mesh3DUrl(Url3D):
    """An address of a mesh."""

    __slots__ = ()

    extensions = extension.MESH
    type_key = "mesh_url"

    def load(
        self,
        skip_materials: bool = True,
        trimesh_args: dict[str, Any] | None = None,
        timeout: float | None = SECONDS,
        max_bytes: int = MAX_BYTES,
    ) -> VerticesAndFaces:
        """The vertices and triangles; arguments and errors are those of `thalweg.docs.media.mesh.read_mesh`."""
        from thalweg.docs.documents.mesh import VerticesAndFaces
        from thalweg.docs.media.mesh import read_mesh

        mesh = read_mesh(self, skip_materials, trimesh_args, timeout, max_bytes)
        return VerticesAndFaces(vertices=mesh.vertices, faces=mesh.faces)

    def display(self) -> None:
        """Show it in a notebook; elsewhere a warning is all."""
        self.load().display()


class PointCloud3DUrl(Url3D):
    """An address of a point cloud, or of a mesh of whose surface points are taken."""

    __slots__ = ()

    extensions = extension.POINTS
    type_key = "point_cloud_url"

    def load(
        self,
        samples: int,
        multiple_geometries: bool = False,
        skip_materials: bool = True,
        trimesh_args: dict[str, Any] | None = None,
        timeout: float | None = SECONDS,
        max_bytes: int = MAX_BYTES,
    ) -> PointsAndColors:
        """`samples` points at random; arguments and errors are those of `thalweg.docs.media.mesh.read_points`."""
        from thalweg.docs.documents.point_cloud import PointsAndColors
        from thalweg.docs.media.mesh import read_points

        found = read_points(self, samples, multiple_geometries, skip_materials, trimesh_args, timeout, max_bytes)
        return PointsAndColors(points=found.points, colors=found.colors)

    def display(self, samples: int = 10_000) -> None:
        """Show it in a notebook; elsewhere a warning is all."""
        self.load(samples).display()
