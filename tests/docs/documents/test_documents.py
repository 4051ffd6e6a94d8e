"""Predefined documents: fields, defaults, bare values in their place, and what a text can do."""

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from thalweg.docs import BaseDoc, DocList
from thalweg.docs.codecs import columns
from thalweg.docs.documents import (
    AudioDoc,
    ImageDoc,
    Mesh3D,
    PointCloud3D,
    PointsAndColors,
    TextDoc,
    VerticesAndFaces,
    VideoDoc,
)
from thalweg.docs.fields import is_plain
from thalweg.docs.typing import AudioBytes, ImageBytes, ImageUrl, Mesh3DUrl, VideoBytes
from thalweg.docs.typing.media_array import AudioArray, ImageArray, VideoArray

FIELDS = {
    TextDoc: "text url embedding bytes_",
    ImageDoc: "url tensor embedding bytes_",
    AudioDoc: "url tensor embedding bytes_ frame_rate",
    VideoDoc: "url audio tensor key_frame_indices embedding bytes_",
    Mesh3D: "url tensors embedding bytes_",
    PointCloud3D: "url tensors embedding bytes_",
}
PIXELS = np.zeros((2, 2, 3), np.uint8)


@pytest.mark.parametrize("doc_type", FIELDS)
def test_fields_and_their_defaults(doc_type: Any) -> None:
    assert list(doc_type.model_fields) == ["id", *FIELDS[doc_type].split()]
    doc = doc_type()
    assert len(doc.id) == 32
    assert {getattr(doc, name) for name in FIELDS[doc_type].split()} == {None}
    assert doc_type.from_json(doc.to_json()) == doc
    assert is_plain(doc_type)


def test_parts_that_must_be_there() -> None:
    with pytest.raises(ValidationError, match="faces"):
        VerticesAndFaces(vertices=PIXELS)
    with pytest.raises(ValidationError, match="points"):
        PointsAndColors()
    assert PointsAndColors(points=PIXELS).colors is None


@pytest.mark.parametrize(
    "doc_type, given, field, kind",
    [
        (TextDoc, "river.png", "text", str),
        (TextDoc, b"river", "bytes_", bytes),
        (ImageDoc, "river.png", "url", ImageUrl),
        (ImageDoc, b"river", "bytes_", ImageBytes),
        (ImageDoc, bytearray(b"river"), "bytes_", ImageBytes),
        (ImageDoc, memoryview(b"river"), "bytes_", ImageBytes),
        (ImageDoc, PIXELS, "tensor", ImageArray),
        (AudioDoc, b"river", "bytes_", AudioBytes),
        (AudioDoc, np.zeros(3), "tensor", AudioArray),
        (VideoDoc, b"river", "bytes_", VideoBytes),
        (VideoDoc, PIXELS, "tensor", VideoArray),
        (Mesh3D, "river.obj", "url", Mesh3DUrl),
        (Mesh3D, b"river", "bytes_", bytes),
        (PointCloud3D, b"river", "bytes_", bytes),
        (PointCloud3D, np.zeros((4, 3)), "tensors", PointsAndColors),
        (PointsAndColors, np.zeros((4, 3)), "points", np.ndarray),
    ],
)
def test_a_bare_value_stands_for_a_document(doc_type: Any, given: Any, field: str, kind: Any) -> None:
    class Around(BaseDoc):
        one: doc_type
        several: DocList[doc_type]
        maybe: list[doc_type | None]

    around = Around(one=given, several=[given, given], maybe=[given, None])
    around.one = given
    for doc in (around.one, *around.several, around.maybe[0], TypeAdapter(doc_type).validate_python(given)):
        assert type(doc) is doc_type
        assert type(getattr(doc, field)) is kind
        filled = {name for name, value in doc.__dict__.items() if value is not None}
        assert filled == {"id", field}


def test_bare_values_in_json() -> None:
    class Page(BaseDoc):
        text: TextDoc
        images: DocList[ImageDoc]

    page = Page.from_json('{"text": "the river", "images": ["a.png", {"url": "b.png"}]}')
    assert page.text == "the river"
    assert page.images.url == ["a.png", "b.png"]


@pytest.mark.parametrize(
    "doc_type, given, reason",
    [
        (ImageDoc, "river.txt", "no file extension of ImageUrl"),
        (VideoDoc, np.zeros(3), "Expected frames"),
        (ImageDoc, 5, "valid dictionary or instance of ImageDoc"),
        (Mesh3D, np.zeros(3), "valid dictionary or instance of Mesh3D"),
        (VerticesAndFaces, "river.obj", "valid dictionary or instance of VerticesAndFaces"),
    ],
)
def test_bare_values_that_stand_for_nothing(doc_type: Any, given: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        TypeAdapter(doc_type).validate_python(given)


def test_a_text_is_given_by_position_or_by_name() -> None:
    assert TextDoc("the river").text == TextDoc(text="the river").text == "the river"
    assert TextDoc("the river", embedding=[1.0]).embedding.tolist() == [1]
    with pytest.raises(TypeError, match="positional"):
        TextDoc("the", "river")  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        TextDoc(5)  # type: ignore[arg-type]


def test_a_text_equals_the_string_that_it_is() -> None:
    doc = TextDoc("the river")
    assert doc == "the river"
    assert doc != "river"
    assert TextDoc() != ""
    assert doc == TextDoc("the river")
    assert doc != TextDoc("the river", embedding=[1])
    assert doc != 5
    with pytest.raises(TypeError):
        hash(doc)


def test_parts_of_a_text_are_in_it() -> None:
    assert "river" in TextDoc("the river")
    assert "sea" not in TextDoc("the river")
    assert "river" not in TextDoc()


def test_rows_of_columns_are_documents_too() -> None:
    vec = DocList[TextDoc]([TextDoc("a", embedding=[1.0]), TextDoc("b", embedding=[2.0])]).to_doc_vec()
    assert vec[1] == "b"
    assert "b" in vec[1]
    assert vec.embedding.shape == (2, 1)


@pytest.mark.parametrize(
    "doc",
    [
        TextDoc("a", url="a.txt", embedding=[1.0], bytes_=b"\xff"),
        ImageDoc(url="a.png", tensor=PIXELS, bytes_=b"\xff"),
        AudioDoc(tensor=[0.5], frame_rate=44_100, bytes_=b"\xff"),
        VideoDoc(audio={"tensor": [0.5]}, tensor=PIXELS, key_frame_indices=[0]),
        Mesh3D(tensors={"vertices": np.eye(3), "faces": [[0, 1, 2]]}),
        PointCloud3D(tensors=np.eye(3)),
    ],
    ids=lambda doc: type(doc).__name__,
)
def test_round_trips(doc: Any) -> None:
    doc_type = type(doc)
    docs = DocList[doc_type]([doc, doc.copy(), doc_type()])
    assert doc_type.from_json(doc.to_json()) == doc
    back = columns.decode(columns.encode(docs), doc_type)
    assert back == docs
    assert {name: type(value) for name, value in back[0].__dict__.items()} == {
        name: type(value) for name, value in doc.__dict__.items()
    }
    assert columns.decode_vec(columns.encode(docs[:2].to_doc_vec()), doc_type) == docs[:2]


def test_subclasses_add_fields_and_keep_what_they_inherit() -> None:
    class Caption(TextDoc):
        language: str = "en"

    class Around(BaseDoc):
        caption: Caption

    assert Caption("a").language == "en"
    assert Caption("a") == "a"
    assert Around(caption="the river").caption.text == "the river"
    assert is_plain(Caption)
