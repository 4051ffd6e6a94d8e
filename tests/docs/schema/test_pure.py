"""Classes of Python's own containers."""

from typing import Annotated, Any, Literal, Optional

import pytest

from thalweg.docs import BaseDoc, DocList, DocVec
from thalweg.docs.schema import create_base_doc_from_schema, create_pure_python_type_model
from thalweg.docs.typing import NdArray


class Text(BaseDoc):
    text: str = ""


class Parent(BaseDoc):
    inherited: DocList[Text] = DocList[Text]()


class Page(Parent):
    """Told."""

    docs: DocList[Text]
    maybe: DocList[Text] | None = None
    older: Optional[DocVec[Text]] = None  # noqa: UP045
    by_name: dict[str, DocList[Text]] = {}  # noqa: RUF012
    any: DocList = DocList()
    noted: Annotated[DocList[Text] | None, "note"] = None
    tensor: NdArray[3] | None = None
    kind: Literal["a"] = "a"
    self: DocList["Page"] | None = None


@pytest.mark.parametrize(
    "name, kind",
    [
        ("inherited", list[Text]),
        ("docs", list[Text]),
        ("maybe", list[Text] | None),
        ("older", list[Text] | None),
        ("by_name", dict[str, list[Text]]),
        ("noted", list[Text] | None),
        ("tensor", NdArray[3] | None),
        ("kind", Literal["a"]),
        ("self", list[Page] | None),
    ],
)
def test_lists_stand_where_arrays_of_documents_were(name: str, kind: Any) -> None:
    pure = create_pure_python_type_model(Page)
    assert pure.model_fields[name].annotation == kind
    assert pure.model_fields[name].is_required() == Page.model_fields[name].is_required()
    assert pure.__name__ == "Page"
    assert pure.__doc__ == "Told."
    assert issubclass(pure, Page)


def test_data_and_schema_stay_the_same() -> None:
    pure: Any = create_pure_python_type_model(Page)
    doc = Page(id="p", docs=[{"text": "a"}], by_name={"k": [{"text": "b"}]})  # type: ignore[arg-type]
    read = pure.from_json(doc.to_json())
    assert type(read.docs) is list
    assert read.to_json() == doc.to_json()
    properties = pure.schema()["$defs"]["Page"]["properties"] if "$defs" in pure.schema() else {}
    assert "docs" in (properties or pure.schema()["properties"])
    made: Any = create_base_doc_from_schema(pure.schema(), "Page")
    assert made.from_json(doc.to_json()).docs.text == ["a"]


def test_the_class_itself_is_not_changed() -> None:
    create_pure_python_type_model(Page)
    assert Page.model_fields["docs"].annotation is DocList[Text]
