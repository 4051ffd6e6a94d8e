"""Methods that join the documents of several branches themselves."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from thalweg import Executor, dynamic_batching, requests
from thalweg.docs import BaseDoc, DocList, DocVec
from thalweg.errors import MalformedRequest
from thalweg.executor.executor import BoundEndpoint
from thalweg.executor.procedure import Procedure
from thalweg.message import Context, Request
from thalweg.message.branches import BRANCHES


class Text(BaseDoc):
    text: str = ""


class Other(BaseDoc):
    number: int = 0


def seen_by(cls: type[Executor], parameters: dict[str, Any], documents: int = 3) -> dict[str, Any]:
    """What the method of `cls` was given, and the parameters that came back."""
    executor = cls()
    bound: BoundEndpoint = executor.requests["/e"]
    body = {"data": [{"id": str(number), "text": "x"} for number in range(documents)], "parameters": parameters}
    answer = Procedure("e", "/e", bound).answer(Request("/e", (json.dumps(body).encode(),)), Context())
    sent = json.loads(answer.body[0])["parameters"]
    return {**executor.given, "sent": sent}  # type: ignore[attr-defined]


class Joins(Executor):
    @requests(on="/e")
    def join(self, docs_matrix: list[DocList[Text]], docs_map: Mapping[str, DocList[Text]], parameters: dict) -> None:
        self.given = {"docs_matrix": docs_matrix, "docs_map": docs_map, "parameters": parameters}


class Takes(Executor):
    @requests(on="/e")
    def take(self, docs: DocList[Text], **kwargs: Any) -> None:
        self.given = {"docs": docs, **kwargs}


def test_documents_of_each_branch_come_in_order_and_by_name_typed():
    given = seen_by(Joins, {BRANCHES: [["b", 1], ["a", 2]], "k": 1})
    assert [[doc.id for doc in docs] for docs in given["docs_matrix"]] == [["0"], ["1", "2"]]
    assert {name: len(docs) for name, docs in given["docs_map"].items()} == {"b": 1, "a": 2}
    assert all(type(docs) is DocList[Text] for docs in given["docs_matrix"])
    assert (given["parameters"], given["sent"]) == ({"k": 1}, {"k": 1})


def test_without_branches_all_documents_are_one():
    given = seen_by(Joins, {})
    assert ([len(docs) for docs in given["docs_matrix"]], given["docs_map"]) == ([3], {})


def test_who_takes_what_there_is_gets_them_where_they_are():
    assert "docs_matrix" not in seen_by(Takes, {})
    given = seen_by(Takes, {BRANCHES: [["a", 3]]})
    assert (len(given["docs"]), given["docs_map"]["a"][0].id, given["sent"]) == (3, "0", {})


def test_columns_come_in_parts_too():
    class Columns(Executor):
        @requests(on="/e")
        def join(self, docs: DocVec[Text], docs_matrix: Any) -> None:
            self.given = {"docs_matrix": docs_matrix}

    given = seen_by(Columns, {BRANCHES: [["a", 1], ["b", 2]]})
    assert [len(docs) for docs in given["docs_matrix"]] == [1, 2]


@pytest.mark.parametrize(
    "branches", ["abc", 1, [["a", 2]], [["a", -1], ["b", 4]], [["a"]], [[1, 3]], [["a", "3"]], None]
)
def test_counts_that_do_not_fit_are_an_error_of_the_caller(branches: Any):
    with pytest.raises(MalformedRequest, match="__branches__"):
        seen_by(Joins, {BRANCHES: branches})


def test_annotations_say_of_which_class_the_documents_are():
    class Maps(Executor):
        @requests(on="/e")
        def join(self, docs_map: "dict[str, DocList[Text]]") -> DocList[Text]:
            return DocList[Text]()

        @requests(on="/f")
        def list(self, docs_matrix: Sequence[DocList[Text]] | None) -> DocList[Text]:
            return DocList[Text]()

    assert {bound.endpoint.input_type for bound in Maps().requests.values()} == {Text}


@pytest.mark.parametrize("hint", [DocList[Text], list[Text], dict[str, Text], list[DocVec[Text]], int])
def test_what_is_no_list_of_lists_is_refused_where_it_is_defined(hint: Any):
    with pytest.raises(TypeError, match=r"docs_matrix: list\[DocList\[YourDocument\]\]"):

        class Wrong(Executor):
            @requests(on="/e")
            def join(self, docs_matrix: hint) -> None:
                """Never called."""


def test_two_classes_of_documents_are_refused():
    with pytest.raises(TypeError, match="has Other where there is Text before"):

        class Wrong(Executor):
            @requests(on="/e")
            def join(self, docs: DocList[Text], docs_matrix: list[DocList[Other]]) -> None:
                """Never called."""


def test_single_documents_and_batches_have_no_branches():
    with pytest.raises(TypeError, match="and `doc`, which is one"):

        class Single(Executor):
            @requests(on="/e")
            def join(self, doc: Text, docs_map: Any) -> None:
                """Never called."""

    with pytest.raises(TypeError, match="it joins the branches of one request"):

        class Batches(Executor):
            @requests(on="/e")
            @dynamic_batching(preferred_batch_size=2)
            def join(self, docs: DocList[Text], docs_map: Any) -> None:
                """Never called."""
