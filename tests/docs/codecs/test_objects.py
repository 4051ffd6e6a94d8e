import numpy as np
import pytest

from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.docs.codecs.content import COLUMNS, CONTENT_TYPES, OBJECTS, decode_content, encode_content
from thalweg.docs.typing import NdArray
from thalweg.errors import InvalidDocument, MalformedRequest, UnsupportedContent


class Text(BaseDoc):
    text: str


class Longer(Text):
    length: int = 0


class Number(BaseDoc):
    text: int


class Vector(BaseDoc):
    vector: NdArray[3]


def given(documents, doc_type):
    body, beside = encode_content(OBJECTS, documents, {"key": "value"})
    assert beside == {"key": "value"}
    return decode_content(OBJECTS, body, doc_type)[0]


def test_the_documents_themselves_are_handed_over():
    texts = DocList[Text]([Text(text="a"), Text(text="b")])
    assert given(texts, Text) is texts


def test_documents_of_a_derived_class_stay_what_they_are():
    longer = DocList[Longer]([Longer(text="a", length=1)])
    assert given(longer, Text)[0] is longer[0]


def test_a_list_that_names_no_class_is_looked_through():
    texts = DocList([Text(text="a"), Longer(text="b")])
    taken = given(texts, Text)
    assert [one is other for one, other in zip(taken, texts, strict=True)] == [True, True]
    assert taken.doc_type is Text
    assert type(given(texts, None)[0]) is AnyDoc


def test_columns_become_rows_that_share_their_memory():
    vectors = DocVec[Vector]([Vector(vector=np.zeros(3)), Vector(vector=np.ones(3))])
    taken = given(vectors, Vector)
    assert isinstance(taken, DocList)
    assert np.shares_memory(taken[1].vector, vectors.vector)


def test_documents_of_another_class_are_read_as_if_they_came_over_a_wire():
    taken = given(DocList[Text]([Text(text="7")]), AnyDoc)
    assert (type(taken[0]), taken[0].text) == (AnyDoc, "7")
    with pytest.raises(InvalidDocument, match=r"data\.0\.text"):
        given(DocList[Text]([Text(text="seven")]), Number)


def test_no_body_is_no_documents():
    assert decode_content(OBJECTS, (), Text)[0] == DocList[Text]()


def test_bytes_are_no_documents():
    with pytest.raises(MalformedRequest):
        decode_content(OBJECTS, (b"pickled?",), Text)


def test_nobody_outside_can_ask_for_them():
    """What comes over a wire is text that is equal to the content type, and never that text itself."""
    from_outside = OBJECTS.encode().decode()
    assert from_outside == OBJECTS
    assert OBJECTS not in CONTENT_TYPES
    with pytest.raises(UnsupportedContent):
        encode_content(from_outside, DocList[Text](), {})
    with pytest.raises(UnsupportedContent):
        decode_content(from_outside, encode_content(OBJECTS, DocList[Text](), {})[0], Text)
    assert COLUMNS in CONTENT_TYPES
