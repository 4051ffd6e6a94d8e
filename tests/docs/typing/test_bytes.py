"""Encoded media in memory, as fields."""

import pickle
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from thalweg.docs import AnyDoc, BaseDoc, DocList
from thalweg.docs.codecs import columns
from thalweg.docs.typing import AudioBytes, ImageBytes, VideoBytes


class Held(BaseDoc):
    image: ImageBytes | None = None


@pytest.mark.parametrize("kind", [ImageBytes, AudioBytes, VideoBytes])
@pytest.mark.parametrize("given", [b"a\xff", bytearray(b"a\xff"), "ü"])
def test_what_makes_bytes(kind: Any, given: Any) -> None:
    found = TypeAdapter(kind).validate_python(given)
    assert type(found) is kind
    assert found == (given.encode() if isinstance(given, str) else given)
    assert TypeAdapter(kind).validate_python(found) is found
    assert type(pickle.loads(pickle.dumps(found))) is kind  # noqa: S301


@pytest.mark.parametrize("given", [5, None, [1], 1.5])
def test_what_makes_no_bytes(given: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ImageBytes).validate_python(given)


def test_every_class_knows_the_key_of_docarrays_messages() -> None:
    assert [kind.type_key for kind in (ImageBytes, AudioBytes, VideoBytes)] == [
        "image_bytes",
        "audio_bytes",
        "video_bytes",
    ]


def test_bytes_are_base64_in_json() -> None:
    held = Held(image=b"\xff\xfe")
    assert '"image":"__4="' in held.to_json()
    assert Held.from_json(held.to_json()) == held
    assert type(Held.from_json(held.to_json()).image) is ImageBytes
    assert Held.model_json_schema()["properties"]["image"]["anyOf"][0]["type"] == "string"


def test_bytes_in_columns() -> None:
    docs = DocList[Held]([Held(image=b"\xff\xfe"), Held()])
    back = columns.decode(columns.encode(docs), Held)
    assert back == docs
    assert [type(doc.image) for doc in back] == [ImageBytes, type(None)]
    # Through a party that did not know the class, and spoke JSON.
    unknown = DocList([AnyDoc.from_json(doc.to_json()) for doc in docs])
    assert columns.decode(columns.encode(unknown), Held) == docs
