"""Whatever the class of document, what is put into a table comes out again."""

import io
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.docs.codecs.schemas import WIDE, any_documents, lists_of, schemas
from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec

EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
relaxed = settings(
    max_examples=EXAMPLES or 30,
    derandomize=not EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def alike(left: Any, right: Any) -> bool:
    """Equal, ids included."""
    return left == right and [doc.id for doc in left] == [doc.id for doc in right]


@relaxed
@given(st.data())
def test_tables(data: st.DataObject) -> None:
    schema = data.draw(schemas(WIDE))
    docs = data.draw(lists_of(schema))
    back = type(docs).from_arrow(docs.to_arrow())
    assert type(back) is type(docs)
    assert alike(back, docs)


@relaxed
@given(st.data())
def test_parquet_files(data: st.DataObject) -> None:
    schema = data.draw(schemas(WIDE))
    docs = data.draw(lists_of(schema))
    file = io.BytesIO()
    docs.to_parquet(file)
    assert alike(type(docs).from_parquet(file), docs)


@relaxed
@given(st.data())
def test_tables_of_a_doc_vec(data: st.DataObject) -> None:
    schema = data.draw(schemas(WIDE))
    docs = data.draw(lists_of(schema))
    doc_type: type[BaseDoc] = schema.doc_type
    try:
        vec: DocVec[Any] = DocVec[doc_type](docs)  # type: ignore[valid-type]
    except ValueError:
        return
    back = type(vec).from_arrow(vec.to_arrow())
    assert type(back) is type(vec)
    assert alike(back, vec)
    assert alike(type(docs).from_arrow(vec.to_arrow()), docs)


@relaxed
@given(st.lists(any_documents(), max_size=4))
def test_documents_without_a_schema(docs: list[AnyDoc]) -> None:
    given = DocList[AnyDoc](docs)
    if docs:
        assert alike(DocList.from_arrow(given.to_arrow()), given)
    else:
        with pytest.raises(ValueError, match="no fields"):
            given.to_arrow()
