"""Addresses of media: schemes and file extensions."""

import pickle

import pytest
from pydantic import TypeAdapter, ValidationError

from thalweg.docs import BaseDoc
from thalweg.docs.typing import AnyUrl, AudioUrl, ImageUrl, Mesh3DUrl, PointCloud3DUrl, TextUrl, VideoUrl


@pytest.mark.parametrize(
    "kind, address",
    [
        (AnyUrl, ""),
        (AnyUrl, "river.unknown"),
        (AnyUrl, "s3://bucket/key"),
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
