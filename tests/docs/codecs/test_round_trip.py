"""Whatever the class of document, what is written is read again."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.docs.codecs.schemas import JSONABLE, WIDE, any_documents, lists_of, schemas
from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.docs.codecs import columns, json
from thalweg.errors import InvalidDocument

EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
relaxed = settings(
    max_examples=EXAMPLES or 40,
    derandomize=not EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def alike(left: Any, right: Any) -> bool:
    """Equal, ids and dtypes of tensors included."""
    return left == right and [doc.id for doc in left] == [doc.id for doc in right]


@relaxed
@given(st.data())
def test_json(data: st.DataObject) -> None:
    schema = data.draw(schemas(JSONABLE))
    docs = data.draw(lists_of(schema))
    back, parameters = json.decode(json.encode(docs, {"a": [1]}), schema.doc_type)
    assert type(back) is DocList[schema.doc_type]  # type: ignore[name-defined]
    assert alike(back, docs)
    assert parameters == {"a": [1]}


@relaxed
@given(st.data())
def test_columns(data: st.DataObject) -> None:
    schema = data.draw(schemas(WIDE))
    docs = data.draw(lists_of(schema))
    body = columns.encode(docs)
    back = columns.decode(body, schema.doc_type)
    assert type(back) is DocList[schema.doc_type]  # type: ignore[name-defined]
    assert alike(back, docs)
    # A party that does not know the class passes everything on.
    unknown = columns.decode(body, None)
    assert alike(columns.decode(columns.encode(unknown), schema.doc_type), docs)


@relaxed
@given(st.data())
def test_columns_of_a_doc_vec(data: st.DataObject) -> None:
    schema = data.draw(schemas(WIDE))
    docs = data.draw(lists_of(schema))
    doc_type: type[BaseDoc] = schema.doc_type
    try:
        vec: DocVec[Any] = DocVec[doc_type](docs)  # type: ignore[valid-type]
    except ValueError:
        body = columns.encode(docs)
        with pytest.raises(InvalidDocument, match="do not make columns"):
            columns.decode_vec(body, doc_type)
        return
    body = columns.encode(vec)
    back = columns.decode_vec(body, doc_type)
    assert type(back) is DocVec[doc_type]  # type: ignore[valid-type]
    assert alike(back, vec)
    assert alike(columns.decode(body, doc_type), docs)
    assert alike(columns.decode_vec(columns.encode(docs), doc_type), docs)


@relaxed
@given(st.lists(any_documents(), max_size=4))
def test_columns_of_documents_without_a_schema(docs: list[AnyDoc]) -> None:
    given = DocList[AnyDoc](docs)
    assert alike(columns.decode(columns.encode(given), None), given)
