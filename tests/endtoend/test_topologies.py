"""Graphs of every shape, with real processes."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from thalweg import Deployment, Executor, Flow, requests
from thalweg.docs import BaseDoc, DocList


class Number(BaseDoc):
    n: int = 0
    marks: list[str] = Field(default_factory=list)


class Mark(Executor):
    """Says who was there."""

    def __init__(self, mark: str, file: str = "", seconds: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mark, self.file, self.seconds = mark, file, seconds

    @requests(on="/mark")
    def write(self, docs: DocList[Number], parameters: dict) -> DocList[Number]:
        time.sleep(self.seconds)
        for doc in docs:
            doc.marks.append(self.mark + str(parameters.get("sign", "")))
        if self.file:
            with open(self.file, "a") as lines:
                lines.writelines(f"{doc.n}\n" for doc in docs)
        return docs

    @requests(on="/tell")
    def tell(self, docs: DocList[Number]) -> dict:
        return {"documents": len(docs)}

    @requests(on="/count")
    def count(self, doc: Number) -> Iterator[Number]:
        for number in range(2):
            yield Number(id=f"{doc.id}.{number}", n=number, marks=[*doc.marks, self.mark])

    @requests(on="/pass")
    def passes(self, doc: Number) -> Number:
        return Number(id=doc.id, n=doc.n, marks=[*doc.marks, self.mark])


class Gather(Executor):
    @requests(on="/mark")
    def gather(self, docs_matrix: list[DocList[Number]], docs_map: dict[str, DocList[Number]]) -> DocList[Number]:
        names = [f"{name}:{[doc.n for doc in docs]}" for name, docs in docs_map.items()]
        return DocList[Number]([Number(n=len(docs_matrix), marks=names)])


def mark(name: str, **options: Any) -> dict[str, Any]:
    return {"uses": Mark, "uses_with": {"mark": name, **options}, "name": name}


def numbers(count: int = 6) -> DocList[Number]:
    return DocList[Number]([Number(id=f"d{number}", n=number) for number in range(count)])


LOW: dict[str, Any] = {"n": {"$lt": 3}}
HIGH: dict[str, Any] = {"n": {"$gte": 3}}


@pytest.fixture(scope="module")
def forked() -> Iterator[Flow]:
    """Two branches that choose, a join without a process, and one behind it that others pass around."""
    flow = (
        Flow(protocol="http")
        .add(**mark("first"))
        .add(**mark("low-numbers"), needs="first", when=LOW)
        .add(**mark("high"), needs="first", when=HIGH)
        .needs(["high", "low-numbers"], name="both")
        .add(**mark("some"), when={"n": {"$in": [1, 4]}}, otherwise="skip")
    )
    with flow:
        yield flow


def test_complementary_conditions_and_a_join_keep_all_documents_in_order(forked: Flow):
    found = forked.post("/mark", numbers(), return_type=DocList[Number])
    assert [(doc.n, doc.marks) for doc in found] == [
        (0, ["first", "low-numbers"]),
        (1, ["first", "low-numbers", "some"]),
        (2, ["first", "low-numbers"]),
        (3, ["first", "high"]),
        (4, ["first", "high", "some"]),
        (5, ["first", "high"]),
    ]


def test_a_join_has_no_process(forked: Flow):
    assert sorted(forked.pids) == ["first/0", "gateway", "high/0", "low-numbers/0", "some/0"]


def test_parameters_reach_the_executor_that_they_name(forked: Flow):
    found = forked.post(
        "/mark", numbers(2), parameters={"low-numbers__sign": "!", "sign": "?"}, return_type=DocList[Number]
    )
    assert [doc.marks for doc in found] == [["first?", "low-numbers!"], ["first?", "low-numbers!", "some?"]]


def test_each_executor_reports_for_itself(forked: Flow):
    answer = forked.post("/tell", numbers(), return_responses=True)
    answer = answer[0] if isinstance(answer, list) else answer
    assert answer.parameters["__results__"] == {
        "first": {"documents": 6},
        "low-numbers": {"documents": 3},
        "high": {"documents": 3},
        "some": {"documents": 2},
    }


def test_a_target_leaves_out_executors_and_joins_all_the_same(forked: Flow):
    found = forked.post("/mark", numbers(4), target_executor="first|high", return_type=DocList[Number])
    assert [(doc.n, doc.marks) for doc in found] == [(3, ["first", "high"])]
    found = forked.post("/mark", numbers(2), target_executor="some", return_type=DocList[Number])
    assert [doc.marks for doc in found] == [[], ["some"]]


def test_streams_are_chosen_from_item_by_item():
    flow = (
        Flow()
        .add(**mark("source"))
        .add(name="odd", uses=None, when={"n": {"$eq": 1}})
        .add(**mark("last"), when={"n": {"$gt": 9}}, otherwise="skip")
    )
    with flow:
        items = list(flow.stream("/count", Number(id="a"), return_type=Number, target_executor="source"))
    assert [(item.id, item.marks) for item in items if item is not None] == [("a.1", ["source"])]


def test_floating_executors_work_on_when_the_answer_is_there_and_end_before_the_flow(tmp_path: Path):
    file = tmp_path / "seen"
    flow = (
        Flow()
        .add(**mark("a"))
        .add(**mark("aside", file=str(file), seconds=0.5), floating=True, when=HIGH)
        .add(**mark("b"))
    )
    with flow:
        found = flow.post("/mark", numbers(), return_type=DocList[Number])
        assert not file.exists()
        assert [doc.marks for doc in found] == [["a", "b"]] * 6
        for number in range(20):
            flow.post("/mark", Number(n=100 + number), return_type=Number)
    seen = [int(line) for line in file.read_text().split()]
    assert sorted(seen) == [3, 4, 5, *range(100, 120)]


def test_who_joins_branches_itself_gets_each_of_them_in_the_order_of_its_needs():
    flow = (
        Flow()
        .add(**mark("a"), needs="gateway")
        .add(**mark("b"), needs="gateway", when=LOW)
        .add(uses=Gather, name="gather", needs=["b", "a"], reduce=False)
    )
    with flow:
        [found] = flow.post("/mark", numbers(4), return_type=DocList[Number])
    assert (found.n, found.marks) == (2, ["b:[0, 1, 2]", "a:[0, 1, 2, 3]"])


def test_a_gateway_alone_gives_back_what_comes():
    with Flow(protocol="http") as flow:
        assert list(flow.pids) == ["gateway"]
        assert flow.post("/anything", numbers(3), return_type=DocList[Number]).n == [0, 1, 2]


def test_a_flow_in_a_flow_and_a_flow_that_runs_elsewhere():
    inner = Flow().add(**mark("x")).add(**mark("y"))
    with Flow(protocol="grpc", host="127.0.0.1").add(**mark("far")) as elsewhere:
        flow = (
            Flow()
            .add(name="in", uses=inner, when=LOW, otherwise="skip")
            .add(name="elsewhere", external=True, host=elsewhere.addresses[0])
        )
        with flow:
            assert sorted(flow.pids) == ["gateway", "in-x/0", "in-y/0"]
            found = flow.post("/mark", numbers(4), return_type=DocList[Number], parameters={"in-x__sign": "!"})
            assert [doc.marks for doc in found] == [["x!", "y", "far"]] * 3 + [["far"]]


def test_replicas_of_an_executor_that_runs_elsewhere_share_the_work():
    with (
        Deployment(**mark("e"), protocol="grpc", host="127.0.0.1") as one,
        Deployment(**mark("f"), protocol="grpc", host="127.0.0.1") as other,
    ):
        hosts = f"{one.addresses[0]},{other.addresses[0].removeprefix('grpc://')}"
        with Flow().add(name="both", external=True, host=hosts) as flow:
            seen = {flow.post("/mark", Number(), return_type=Number).marks[0] for _ in range(20)}
    assert seen == {"e", "f"}


def test_who_inspects_is_seen_in_the_answer():
    with Flow().add(**mark("a")).inspect(uses=Mark, uses_with={"mark": "look"}).add(**mark("b")) as flow:
        assert flow.post("/mark", Number(), return_type=Number).marks == ["a", "look", "b"]


def test_many_requests_through_joins_lose_no_document(forked: Flow):
    documents = DocList[Number]([Number(id=str(number), n=number % 6) for number in range(3000)])
    found = forked.post("/mark", documents, request_size=64, results_in_order=True, return_type=DocList[Number])
    assert found.id == documents.id
    assert all(doc.marks[1] == ("low-numbers" if doc.n < 3 else "high") for doc in found)
