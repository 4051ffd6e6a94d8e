"""Forms and files as documents."""

import json
from collections.abc import Iterator

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from thalweg import Deployment, Executor, requests
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.documents import ImageDoc
from thalweg.errors import MalformedRequest, ThalwegError
from thalweg.transport.http.uploads import form_upload, parts_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 300
BOUNDARY = b"multipart/form-data; boundary=xyz"


class Page(BaseDoc):
    picture: ImageDoc
    caption: str = ""
    stars: int = 0
    tags: list[str] = Field([])


class Blob(BaseDoc):
    raw: bytes
    size: int = 0


class Text(BaseDoc):
    text: str


class Two(BaseDoc):
    left: bytes = b""
    right: bytes = b""


class Scanner(Executor):
    @requests(on="/page")
    def page(self, docs: DocList[Page], parameters: dict) -> DocList[Page]:
        for doc in docs:
            assert doc.picture.bytes_ == PNG
            doc.caption += f"/{len(PNG)}/{sorted(parameters.items())}"
            doc.picture.bytes_ = None
        return docs

    @requests(on="/blob")
    def blob(self, docs: DocList[Blob], parameters: dict) -> DocList[Blob]:
        return DocList[Blob]([Blob(raw=doc.raw[:4], size=len(doc.raw)) for doc in docs])

    @requests(on="/text")
    def text(self, docs: DocList[Text]) -> DocList[Text]:
        return docs

    @requests(on="/two")
    def two(self, docs: DocList[Two]) -> DocList[Two]:
        return docs

    @requests(on="/any")
    def any(self, docs: DocList) -> DocList:  # type: ignore[type-arg]
        return docs


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Deployment(uses=Scanner, protocol="http", port=0) as deployment:
        yield f"http://127.0.0.1:{deployment.ports[0]}"


async def post(url: str, data: object, **headers: str) -> tuple[int, dict]:
    lines = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as session, session.post(url, data=data, headers=lines) as response:
        return response.status, json.loads(await response.read())


def form(**parts: object) -> aiohttp.FormData:
    made = aiohttp.FormData()
    for name, part in parts.items():
        if isinstance(part, bytes):
            made.add_field(name, part, filename="a.png", content_type="image/png")
        elif isinstance(part, list):
            for one in part:
                made.add_field(name, one)
        else:
            made.add_field(name, str(part))
    return made


async def test_parts_named_after_fields_fill_them(url: str) -> None:
    sent = form(picture=PNG, caption="a river", stars=4, tags=["x", "y"], parameters='{"k": 1}')
    status, body = await post(f"{url}/page", sent)
    assert status == 200, body
    (doc,) = body["data"]
    assert (doc["caption"], doc["stars"], doc["tags"]) == (f"a river/{len(PNG)}/[('k', 1)]", 4, ["x", "y"])


async def test_a_part_of_json_has_the_other_fields(url: str) -> None:
    status, body = await post(f"{url}/page", form(picture=PNG, data='{"caption": "c", "stars": 2}'))
    assert status == 200, body
    assert body["data"][0]["stars"] == 2


@pytest.mark.parametrize("content_type", ["image/png", "application/octet-stream", "audio/wav", "application/pdf"])
async def test_a_file_by_itself_is_the_field_of_bytes(url: str, content_type: str) -> None:
    status, body = await post(f"{url}/blob", PNG, content_type=content_type)
    assert status == 200, body
    assert body["data"][0]["size"] == len(PNG)


async def test_a_picture_by_itself_is_the_document_that_pictures_make(url: str) -> None:
    status, body = await post(f"{url}/page?k=7", PNG, content_type="image/png")
    assert status == 200, body
    assert body["data"][0]["caption"] == f"/{len(PNG)}/[('k', '7')]"


async def test_text_by_itself_is_the_field_of_text(url: str) -> None:
    status, body = await post(f"{url}/text", "größer".encode("latin-1"), content_type="text/plain; charset=latin-1")
    assert (status, body["data"][0]["text"]) == (200, "größer")


@pytest.mark.parametrize(
    "path,data,content_type,status,code",
    [
        ("/text", PNG, "image/png", 415, "unsupported_content"),
        ("/any", PNG, "image/png", 415, "unsupported_content"),
        ("/blob", b"a=b", "application/x-www-form-urlencoded", 415, "unsupported_content"),
        ("/two", PNG, "image/png", 422, "invalid_document"),
        ("/text", b"\xff", "text/plain", 400, "malformed_request"),
        ("/text", b"a", "text/plain; charset=klingon", 400, "malformed_request"),
        ("/blob", b"", "multipart/form-data", 400, "malformed_request"),
        ("/blob", b"--xyz\r\nno", BOUNDARY.decode(), 400, "malformed_request"),
        ("/blob", PNG, "nonsense", 415, "unsupported_content"),
    ],
)
async def test_what_cannot_be_a_document_is_refused(
    url: str, path: str, data: bytes, content_type: str, status: int, code: str
) -> None:
    found, body = await post(url + path, data, content_type=content_type)
    assert (found, body["code"]) == (status, code), body


@pytest.mark.parametrize(
    "parts,place",
    [
        ({"raw": b"x", "weight": "3"}, ["body", "weight"]),
        ({"raw": b"x", "data": '[{"size": 1}, {"size": 2}]'}, ["body", "data"]),
        ({"size": b"\xff"}, ["body", "size"]),
    ],
)
async def test_a_part_without_a_place_is_named(url: str, parts: dict, place: list) -> None:
    status, body = await post(f"{url}/blob", form(**parts))
    assert status == 422, body
    assert body["detail"][0]["loc"] == place


async def test_two_files_for_one_field_are_one_too_many(url: str) -> None:
    made = form(raw=b"x")
    made.add_field("raw", b"y", filename="b.png")
    status, body = await post(f"{url}/blob", made)
    assert (status, body["message"]) == (422, "'raw' takes one file, and 2 were sent.")


def test_a_form_of_too_many_parts_is_refused() -> None:
    part = b'--xyz\r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n'
    with pytest.raises(MalformedRequest, match="more than 1000 parts"):
        parts_of(BOUNDARY, part * 1001 + b"--xyz--\r\n")


def test_a_part_of_endless_headers_is_refused() -> None:
    with pytest.raises(MalformedRequest):
        parts_of(BOUNDARY, b"--xyz\r\nx-a: " + b"y" * 100_000)


@given(
    st.lists(
        st.sampled_from([b"--xyz", b"--", b"\r\n", b"content-disposition: form-data; name=", b'"a"', b"x", b"\xff"])
    )
)
def test_garbage_is_an_error_and_nothing_worse(pieces: list[bytes]) -> None:
    try:
        form_upload(BOUNDARY, b"".join(pieces), None)
    except ThalwegError:
        return


async def test_every_one_of_many_documents_is_answered(url: str) -> None:
    sent = json.dumps({"data": [{"text": str(number)} for number in range(250)]}).encode()
    status, body = await post(f"{url}/text", sent, content_type="application/json")
    assert status == 200
    assert [document["text"] for document in body["data"]] == [str(number) for number in range(250)]
