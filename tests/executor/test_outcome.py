"""What an endpoint may return."""

from collections.abc import Iterator
from typing import Any

import pytest

from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.errors import WrongReturnType
from thalweg.executor import Executor, requests
from thalweg.executor.endpoint import endpoints
from thalweg.executor.outcome import Outcomes


class Text(BaseDoc):
    text: str = ""


class Long(Text):
    length: int = 0


class Twin(BaseDoc):
    text: Any = ""


class Image(BaseDoc):
    url: str = ""


def outcomes(returns: Any, takes: Any = DocList[Text], name: str = "docs") -> Outcomes:
    def answer(self: Any, **kwargs: Any) -> None: ...

    scope: dict[str, Any] = {"takes": takes, "returns": returns}
    exec(f"def answer(self, {name}: takes) -> returns: ...", scope)
    cls = type("Encoder", (Executor,), {"answer": requests(on="/encode")(scope["answer"])})
    return Outcomes("enc", "/encode", endpoints(cls)["/encode"])


DOCS = DocList[Text]([Text(text="a"), Text(text="b")])


def test_none_keeps_the_documents() -> None:
    assert outcomes(None).of_batch(None, DOCS) == (DOCS, None)
    assert outcomes(DocList[Text]).of_batch(None, DOCS)[0] is DOCS


def test_documents_are_the_result() -> None:
    given = DocList[Long]([Long()])
    assert outcomes(DocList[Long]).of_batch(given, DOCS)[0] is given


def test_documents_of_a_subclass_pass() -> None:
    given = DocList[Long]([Long(length=3)])
    assert outcomes(DocList[Text]).of_batch(given, DOCS)[0] is given


def test_columns_pass() -> None:
    given = DocVec[Text](DOCS)
    assert outcomes(DocList[Text]).of_batch(given, DOCS)[0] is given


@pytest.mark.parametrize("given", [[Long()], (Long(),), DocList([Long()])])
def test_a_list_becomes_a_typed_one(given: Any) -> None:
    docs, _ = outcomes(DocList[Long]).of_batch(given, DOCS)
    assert type(docs) is DocList[Long]
    assert docs[0] is given[0]


def test_a_dict_keeps_the_documents_and_is_the_result_beside_them() -> None:
    assert outcomes(dict).of_batch({"n": 2}, DOCS) == (DOCS, {"n": 2})


def test_without_an_annotation_any_documents_pass() -> None:
    given = DocList[Image]([Image()])
    assert outcomes(Any).of_batch(given, DOCS)[0] is given
    assert outcomes(Any).of_batch([Image(), Text()], DOCS)[0] == DocList([Image(), Text()])


def test_another_class_with_the_same_fields_is_converted() -> None:
    docs, _ = outcomes(DocList[Text]).of_batch(DocList[Twin]([Twin(id="1", text="x")]), DOCS)
    assert type(docs[0]) is Text
    assert (docs[0].id, docs[0].text) == ("1", "x")


@pytest.mark.parametrize(
    "returned, found",
    [
        (3, "int"),
        ("text", "str"),
        (Text(), "Text"),
        ([3], "int"),
        (DocList[Image]([Image()]), "Image"),
        (DocList[Twin]([Twin(text=[])]), "Twin"),
        (DocList([AnyDoc()]), "AnyDoc"),
    ],
)
def test_anything_else_is_an_error_that_names_both_types(returned: Any, found: str) -> None:
    with pytest.raises(
        WrongReturnType, match=rf"enc returned {found} at /encode.*DocList\[Text\] is expected"
    ) as caught:
        outcomes(DocList[Text]).of_batch(returned, DOCS)
    assert caught.value.executor == "enc"


def test_a_value_that_does_not_convert_is_explained() -> None:
    with pytest.raises(WrongReturnType, match=r"\(text: Input should be a valid string\)"):
        outcomes(DocList[Text]).of_batch([Twin(text=[])], DOCS)


def test_nothing_returned_where_other_documents_are_promised_is_an_error() -> None:
    with pytest.raises(WrongReturnType, match=r"returned None, which keeps .* Text at /encode; DocList\[Long\]"):
        outcomes(DocList[Long]).of_batch(None, DOCS)


def test_documents_that_became_what_is_promised_may_be_kept() -> None:
    docs = DocList[Text]([Text()])
    docs[0] = Long()
    assert type(outcomes(DocList[Long]).of_batch(None, docs)[0]) is DocList[Long]


# --- once for each document


def test_each_document_is_replaced_or_kept() -> None:
    checks = outcomes(Text, Text, "doc")
    new = Text(text="c")
    docs, results = checks.of_each([new, None], DOCS)
    assert list(docs) == [new, DOCS[1]]
    assert results is None


def test_dicts_of_single_documents_are_joined() -> None:
    docs, results = outcomes(dict, Text, "doc").of_each([{"a": 1}, {"b": 2}], DOCS)
    assert list(docs) == list(DOCS)
    assert results == {"a": 1, "b": 2}


def test_something_else_for_one_document_is_an_error() -> None:
    with pytest.raises(WrongReturnType, match="enc returned DocList at /encode; Text is expected"):
        outcomes(Text, Text, "doc").of_each([DocList([Text()]), None], DOCS)


# --- items of a stream


@pytest.mark.parametrize("item", [Text(), [Text()], DocList[Text]([Text()])])
def test_an_item_is_one_document_or_several(item: Any) -> None:
    docs = outcomes(Iterator[Text], Text, "doc").of_item(item)
    assert type(docs) is DocList[Text]
    assert len(docs) == 1


@pytest.mark.parametrize("item", [None, 3, {"a": 1}, Image()])
def test_any_other_item_is_an_error(item: Any) -> None:
    with pytest.raises(WrongReturnType, match=r"enc returned an item of type .* at /encode; Text is expected"):
        outcomes(Iterator[Text], Text, "doc").of_item(item)
