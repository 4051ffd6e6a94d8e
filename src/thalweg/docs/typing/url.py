"""Addresses of media. Each is a `str`; its scheme and its file extension are checked, and nothing is opened.

An address without a file extension fits every class. A path of the local machine is an address too.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):")  # two letters at least: one letter is a drive of Windows


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


class AnyUrl(str):
    """An address of anything.

    `schemes` are those that an address may begin with; a plain path has none. `extensions` are the file extensions that
    fit, in lower case and without the dot; any fits where there are none. `media` is what a `data:` address must hold,
    such as "image".

    Raises:
        ValueError: the scheme is not one of those, or the extension does not fit. The text is kept as it is otherwise.
    """

    __slots__ = ()

    schemes: ClassVar[frozenset[str]] = frozenset({"http", "https", "ftp", "file", "data", "s3", "gs", "az", "hf"})
    extensions: ClassVar[frozenset[str]] = frozenset()
    media: ClassVar[str] = ""

    def __new__(cls, address: str) -> Self:
        cls._check(address)
        return super().__new__(cls, address)

    @classmethod
    def _check(cls, address: str) -> None:
        match = _SCHEME.match(address)
        scheme = match[1].lower() if match else ""
        if scheme and scheme not in cls.schemes:
            raise PydanticCustomError(
                "url_scheme",
                "Expected a path or an address that begins with one of {schemes}, got one with '{scheme}:'",
                {"schemes": ", ".join(sorted(cls.schemes)), "scheme": scheme},
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
        _, dot, extension = re.split(r"[/\\]", path)[-1].rpartition(".")
        if dot and extension.lower() not in cls.extensions:
            raise PydanticCustomError(
                "url_extension",
                "'.{extension}' is no file extension of {kind}",
                {"extension": extension, "kind": cls.__name__},
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

    extensions = _words(
        "txt text md markdown rst log csv tsv htm html xhtml css js mjs py pyi c h cpp java sh xml vtt ics tex"
    )
    media = "text"


class ImageUrl(AnyUrl):
    """An address of a picture."""

    __slots__ = ()

    extensions = _words(
        "jpg jpeg jpe jfif png apng gif bmp webp avif heic heif tif tiff svg ico ppm pgm pbm pnm xbm xpm jp2 jxl"
    )
    media = "image"


class AudioUrl(AnyUrl):
    """An address of sound."""

    __slots__ = ()

    extensions = _words("wav mp3 mp2 ogg oga opus flac aac m4a aif aiff aifc au snd wma amr 3gp 3gpp weba ra")
    media = "audio"


class VideoUrl(AnyUrl):
    """An address of moving pictures."""

    __slots__ = ()

    extensions = _words("mp4 m4v mpg mpeg mpe m1v mov qt avi mkv webm ogv wmv flv 3gp 3gpp 3g2 3gpp2 ts movie")
    media = "video"


class Mesh3DUrl(AnyUrl):
    """An address of a mesh."""

    __slots__ = ()

    extensions = _words(
        "3ds 3dxml 3mf ac amf ase ast b3d blend bvh cob collada csm ctm dae dxf fbx glb gltf hmp ifc iges igs iqm lwo lws"
        " lxo md2 md3 md5mesh mdl msh nff nif obj off ogex ply q3o raw sib smd step stl stp ter usd usda usdc usdz vrm"
        " vrml wrl x x3d xaml xgl zae zgl"
    )
    media = "model"


class PointCloud3DUrl(AnyUrl):
    """An address of a point cloud."""

    __slots__ = ()

    extensions = _words(
        "3ds 3mf asc csv ctm dae e57 glb gltf las laz msh npy npz obj off pcd ply pts ptx stl txt usd usdz wrl x3d xyz"
        " xyzn xyzrgb"
    )
    media = "model"
