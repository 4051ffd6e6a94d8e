"""Addresses of media: schemes, file extensions, text that is there."""

import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from thalweg.docs import BaseDoc, DocList
from thalweg.docs.codecs import columns
from thalweg.docs.typing import AnyUrl, AudioUrl, ImageUrl, Mesh3DUrl, PointCloud3DUrl, TextUrl, Url3D, VideoUrl

EXTENSIONS = {
    TextUrl: "txt md log html htm css csv tsv js py c h java sh xml tex rst vtt ts srt",
    ImageUrl: "png jpg jpeg gif bmp webp tiff svg ico heic avif psd tga",
    AudioUrl: "wav mp3 flac ogg opus aac m4a aiff au mid wma",
    VideoUrl: "mp4 mpeg mpg mov avi mkv webm ogv wmv flv m4v 3gp ts",
    Mesh3DUrl: "obj ply stl glb gltf off fbx 3ds dae 3mf x3d pcd xyz vtk pmx",
    PointCloud3DUrl: "ply pcd las laz obj xyz pts e57 npy glb",
}
"""Extensions that fit each class."""


@pytest.mark.parametrize("kind", EXTENSIONS)
def test_every_class_knows_its_extensions(kind: Any) -> None:
    for extension in EXTENSIONS[kind].split():
        for address in (f"river.{extension}", f"https://example.org/a/river.{extension.upper()}?b=c.exe"):
            assert kind(address) == address
            assert AnyUrl(address) == address
    foreign = {"json", "pdf", "exe", "zip", "docx", "yaml", "mp3" if kind is not AudioUrl else "html"}
    for extension in foreign:
        with pytest.raises(ValueError, match=f"'.{extension}' is no file extension of {kind.__name__}"):
            kind(f"river.{extension}")


def test_a_class_may_allow_less() -> None:
    class WebImage(ImageUrl):
        schemes = frozenset({"https"})

    assert WebImage("https://example.org/river.png").endswith("river.png")
    for address in ("river.png", "http://example.org/river.png", "file:///river.png", "s3://bucket/river.png"):
        with pytest.raises(ValueError, match="Expected an address that begins with one of https"):
            WebImage(address)


def test_every_class_knows_the_key_of_docarrays_messages() -> None:
    keys = ["any_url", "text_url", "image_url", "audio_url", "video_url", "url3d", "mesh_url", "point_cloud_url"]
    kinds = (AnyUrl, TextUrl, ImageUrl, AudioUrl, VideoUrl, Url3D, Mesh3DUrl, PointCloud3DUrl)
    assert [kind.type_key for kind in kinds] == keys


def test_the_text_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "river.txt"
    path.write_bytes("müde".encode("latin-1"))
    assert TextUrl(str(path)).load("latin-1") == "müde"
    assert TextUrl(path.as_uri()).load_bytes() == b"m\xfcde"
    assert TextUrl("data:text/plain,the%20river").load() == "the river"
    with pytest.raises(ValueError, match="codec can't decode"):
        TextUrl(str(path)).load()
    with pytest.raises(ValueError, match="no charset is named 'river'"):
        TextUrl(str(path)).load("river")
    with pytest.raises(FileNotFoundError):
        TextUrl("nowhere.txt").load()
    with pytest.raises(ValueError, match="more than 3 bytes"):
        TextUrl(str(path)).load(max_bytes=3)


@pytest.mark.parametrize(
    "kind, address",
    [
        (AnyUrl, ""),
        (AnyUrl, "river.unknown"),
        (AnyUrl, "s3://bucket/key"),
        (AnyUrl, "memory://river"),
        (Url3D, "bank.pcd"),
        (ImageUrl, "river.png"),
        (ImageUrl, "RIVER.JPG"),
        (ImageUrl, "https://example.org/a.b/river.webp?size=1.5#top.txt"),
        (ImageUrl, "https://example.org/pictures/17"),
        (ImageUrl, "https://example.org"),
        (ImageUrl, "data:image/png;base64,AAAA"),
        (ImageUrl, "data:;base64,AAAA"),
        (ImageUrl, r"C:\pictures.old\river.png"),
        (ImageUrl, "/home/user/river"),
        (ImageUrl, "file:///home/user/river.gif"),
        (TextUrl, "notes.md"),
        (TextUrl, "page.html"),
        (AudioUrl, "sound.mp3"),
        (VideoUrl, "film.mp4"),
        (Mesh3DUrl, "bridge.glb"),
        (PointCloud3DUrl, "bank.pcd"),
    ],
)
def test_addresses_that_fit(kind: type[AnyUrl], address: str) -> None:
    found = TypeAdapter(kind).validate_python(address)
    assert type(found) is kind
    assert found == address
    assert type(kind(address)) is kind


@pytest.mark.parametrize(
    "kind, address, reason",
    [
        (ImageUrl, "river.txt", r"'.txt' is no file extension of ImageUrl"),
        (ImageUrl, "https://example.org/river.mp3?name=a.png", "no file extension"),
        (ImageUrl, r"C:\river.doc", "no file extension"),
        (ImageUrl, "data:text/plain,hello", r"Expected data of type image/\*"),
        (TextUrl, "data.json", "no file extension"),
        (AudioUrl, "film.mp4", "no file extension"),
        (AnyUrl, "javascript:alert(1)", "begins with one of .* got one with 'javascript:'"),
        (ImageUrl, "http://[broken/a.png", "Not an address"),
    ],
)
def test_addresses_that_do_not_fit(kind: type[AnyUrl], address: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        TypeAdapter(kind).validate_python(address)
    with pytest.raises(ValueError, match=reason):
        kind(address)


@pytest.mark.parametrize("given", [5, None, b"\xff"])
def test_only_text_is_an_address(given: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(AnyUrl).validate_python(given)


class Page(BaseDoc):
    url: ImageUrl | None = None


def test_addresses_in_documents() -> None:
    page = Page(url="a.png")  # type: ignore[arg-type]
    assert type(page.url) is ImageUrl
    assert Page.from_json(page.to_json()) == page
    assert type(pickle.loads(pickle.dumps(page)).url) is ImageUrl  # noqa: S301
    assert Page.model_json_schema()["properties"]["url"]["anyOf"][0]["type"] == "string"


def test_addresses_in_columns() -> None:
    docs = DocList[Page]([Page(url="a.png"), Page()])  # type: ignore[arg-type]
    back = columns.decode(columns.encode(docs), Page)
    assert back == docs
    assert [type(doc.url) for doc in back] == [ImageUrl, type(None)]
