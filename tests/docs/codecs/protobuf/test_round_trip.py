"""Whatever the class of document, what is written as DocArray's messages is read again."""

import os
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.docs.codecs.schemas import WIDE, any_documents, lists_of, schemas
from thalweg.docs import AnyDoc, DocList, DocVec
from thalweg.docs.codecs import protobuf

EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
relaxed = settings(
    max_examples=EXAMPLES or 30,
    derandomize=not EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def alike(left: Any, right: Any) -> bool:
    """Equal, ids and dtypes of tensors included."""
    return left == right and [doc.id for doc in left] == [doc.id for doc in right] and dtypes(left) == dtypes(right)


def dtypes(docs: Any) -> list[Any]:
    return [
        value.dtype
        for doc in docs
        for value in (*doc.__dict__.values(), *(doc.__pydantic_extra__ or {}).values())
        if isinstance(value, np.ndarray)
    ]


@relaxed
@given(st.data())
def test_lists(data: st.DataObject) -> None:
    schema = data.draw(schemas(WIDE))
    docs = data.draw(lists_of(schema))
    body = protobuf.encode_list(docs)
    back = protobuf.decode_list(body, schema.doc_type)
    assert type(back) is DocList[schema.doc_type]  # type: ignore[name-defined]
    assert alike(back, docs)
    # A party that does not know the class passes everything on.
    unknown = protobuf.decode_list(body, None)
    assert alike(protobuf.decode_list(protobuf.encode_list(unknown), schema.doc_type), docs)


@relaxed
@given(st.data())
def test_many_documents_at_once_and_one_after_the_other(data: st.DataObject) -> None:
    schema = data.draw(schemas(WIDE))
    docs = data.draw(lists_of(schema)) * data.draw(st.integers(1, 20))
    messages = [protobuf.encode_document(doc) for doc in docs]
    assert protobuf.encode_documents(docs) == messages
    assert alike(protobuf.decode_documents(messages, schema.doc_type), docs)
    assert alike([protobuf.decode_document(message, schema.doc_type) for message in messages[:4]], docs[:4])
    assert alike(protobuf.decode_list(protobuf.encode_list(docs), schema.doc_type), docs)


@relaxed
@given(st.data())
def test_message_objects(data: st.DataObject) -> None:
    schema = data.draw(schemas(WIDE))
    docs = data.draw(lists_of(schema))
    array: Any = DocList[schema.doc_type]  # type: ignore[name-defined]
    assert alike(array.from_protobuf(docs.to_protobuf()), docs)
    assert alike([schema.doc_type.from_protobuf(doc.to_protobuf()) for doc in docs], docs)


@relaxed
@given(st.data())
def test_columns_of_a_doc_vec(data: st.DataObject) -> None:
    schema = data.draw(schemas(WIDE))
    docs = data.draw(lists_of(schema))
    vector: Any = DocVec[schema.doc_type]  # type: ignore[name-defined]
    try:
        vec = vector(docs)
    except ValueError:
        return
    back = protobuf.decode_vec(protobuf.encode_vec(vec), schema.doc_type)
    assert type(back) is vector
    assert alike(back, vec)
    assert alike(vector.from_protobuf(vec.to_protobuf()), vec)


@relaxed
@given(st.lists(any_documents(), max_size=4))
def test_documents_without_a_schema(docs: list[AnyDoc]) -> None:
    given = DocList[AnyDoc](docs)
    assert alike(protobuf.decode_list(protobuf.encode_list(given), None), given)
