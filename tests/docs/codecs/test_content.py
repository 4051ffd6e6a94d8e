"""One document, in each form that a content type can name."""

from __future__ import annotations

import numpy as np
import pytest

from thalweg.docs import BaseDoc, DocList
from thalweg.docs.codecs.content import ARROW, CONTENT_TYPES, decode_content, encode_content
from thalweg.docs.typing import NdArray
from thalweg.errors import MalformedRequest, UnsupportedContent


class Photo(BaseDoc):
    title: str
    pixels: NdArray[3]


def photos() -> DocList[Photo]:
    return DocList[Photo]([Photo(title=f"number {i}", pixels=np.arange(3) + i) for i in range(4)])


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
@pytest.mark.parametrize("as_columns", [False, True])
def test_documents_come_back_as_they_went(content_type: str, as_columns: bool) -> None:
    sent = photos()
    body, beside = encode_content(content_type, sent.to_doc_vec() if as_columns else sent, {"k": 1})
    docs, parameters = decode_content(content_type, [bytes(part) for part in body], Photo)
    assert [(doc.id, doc.title, doc.pixels.tolist()) for doc in docs] == [
        (doc.id, doc.title, doc.pixels.tolist()) for doc in sent
    ]
    assert {**beside, **parameters} == {"k": 1}


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_no_documents_are_no_documents(content_type: str) -> None:
    body, _ = encode_content(content_type, DocList[Photo]([]), {})
    assert len(decode_content(content_type, body, Photo)[0]) == 0


@pytest.mark.parametrize("garbage", [b"", b"\0" * 40, b"ARROW1\0\0", b"\xff\xff\xff\xff\x10\0\0\0" + b"\7" * 32])
def test_garbage_is_no_arrow_stream(garbage: bytes) -> None:
    with pytest.raises(MalformedRequest):
        decode_content(ARROW, [garbage], Photo)


def test_an_unknown_content_type_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UnsupportedContent, match="application/json"):
        decode_content("text/csv", [b""], None)
    with pytest.raises(UnsupportedContent, match="application/json"):
        encode_content("text/csv", photos(), {})
