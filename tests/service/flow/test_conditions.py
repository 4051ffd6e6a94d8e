"""Which documents an Executor is given."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from thalweg.docs import AnyDoc, DocList
from thalweg.docs.codecs import columns
from thalweg.docs.codecs.content import encode_content
from thalweg.docs.query import parse
from thalweg.graph import Step
from thalweg.message import COLUMNS, JSON, Context, Pending, Reply, Request, Response
from thalweg.message.branches import BRANCHES
from thalweg.service.flow.conditions import Conditional
from thalweg.service.steps.joining import opened_documents
from thalweg.testing.reply import AwaitedReply

LOW = parse({"n": {"$lt": 2}})


class Upper:
    """Answers by both ways; reads a stream where one comes."""

    def __init__(self) -> None:
        self.seen: list[Request] = []

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.seen.append(request)
        async for body in request.payloads():
            yield self.answer(body, request)

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        self.seen.append(request)
        asyncio.get_running_loop().call_soon(reply.answer, self.answer(request.body, request))
        return self

    def answer(self, body: Any, request: Request) -> Response:
        documents, parameters = opened_documents(Response(body, request.content_type, request.parameters))
        made = [{**document.model_dump(), "up": True} for document in documents]
        if request.accept == COLUMNS:
            return Response(columns.encode(DocList[AnyDoc]([AnyDoc(**one) for one in made])), COLUMNS, parameters)
        return Response((json.dumps({"data": made, "parameters": parameters}).encode(),))

    def cancel(self) -> None:
        """Nothing is under way for long enough."""


def step(skips: bool = False, streaming: bool = False, reduce: bool = True) -> Step:
    return Step("e", ("gateway",), "", streaming, when=LOW, skips=skips, reduce=reduce)


def asked(*numbers: int, **parameters: Any) -> Request:
    body = {"data": [{"id": f"d{number}", "n": number} for number in numbers], "parameters": parameters}
    return Request("/e", (json.dumps(body).encode(),))


def shown(response: Response) -> list[tuple[int, bool]]:
    return [(document.n, document.model_dump().get("up", False)) for document in opened_documents(response)[0]]


async def both_ways(made: Conditional, request: Request) -> list[list[tuple[int, bool]]]:
    answer = AwaitedReply()
    pending = made.submit(request, Context(), answer)
    submitted = None if pending is None else [shown(await answer.future)]
    handled = [shown(response) async for response in made.handle(request, Context())]
    assert submitted in (None, handled)
    return handled


async def test_others_are_dropped():
    assert await both_ways(Conditional(Upper(), step()), asked(0, 5, 1)) == [[(0, True), (1, True)]]


async def test_others_pass_around_and_keep_their_places():
    found = await both_ways(Conditional(Upper(), step(skips=True)), asked(0, 5, 1))
    assert found == [[(0, True), (5, False), (1, True)]]


async def test_a_request_whose_documents_all_fulfil_it_goes_on_as_it_came():
    upper = Upper()
    request = asked(0, 1)
    await both_ways(Conditional(upper, step(skips=True)), request)
    assert all(seen.body is request.body for seen in upper.seen)


async def test_who_is_left_with_nothing_is_not_asked_and_parameters_come_back():
    upper = Upper()
    [answer] = [r async for r in Conditional(upper, step()).handle(asked(5, 6, limit=3), Context())]
    assert (upper.seen, opened_documents(answer)) == ([], ([], {"limit": 3}))
    assert await both_ways(Conditional(upper, step(skips=True)), asked(5, 6)) == [[(5, False), (6, False)]]
    assert upper.seen == []


async def test_a_request_without_documents_is_for_the_executor():
    upper = Upper()
    assert await both_ways(Conditional(upper, step()), asked()) == [[]]
    assert len(upper.seen) == 2


async def test_bytes_and_long_numbers_pass_unchanged_as_json():
    upper = Upper()
    body = b'{"data":[{"id":"a","n":1,"blob":"aGk=","big":9007199254740993},{"id":"b","n":7}]}'
    async for _ in Conditional(upper, step()).handle(Request("/e", (body,)), Context()):
        pass
    assert upper.seen[0].content_type == JSON
    assert json.loads(bytes(upper.seen[0].body[0]))["data"] == [
        {"id": "a", "n": 1, "blob": "aGk=", "big": 9007199254740993}
    ]


async def test_counts_of_branches_are_those_of_what_is_left():
    upper = Upper()
    request = asked(0, 5, 1, **{BRANCHES: [["a", 2], ["b", 1]]})
    async for _ in Conditional(upper, step(reduce=False)).handle(request, Context()):
        pass
    assert opened_documents(upper.seen[0])[1][BRANCHES] == [["a", 1], ["b", 1]]


async def test_of_a_stream_that_comes_each_payload_is_chosen_from():
    async def inflow() -> AsyncGenerator[Any, None]:
        for numbers in ((5,), (1, 6), (7, 8)):
            yield asked(*numbers).body

    async def answers(skips: bool) -> list[list[tuple[int, bool]]]:
        coming = inflow()
        request = Request("/e", asked(0).body, inflow=coming)
        made = Conditional(Upper(), Step("e", ("gateway",), "", True, True, when=LOW, skips=skips))
        return [shown(response) async for response in made.handle(request, Context())]

    assert await answers(False) == [[(0, True)], [(1, True)]]
    assert sorted(await answers(True)) == [
        [(0, True)],
        [(1, True)],
        [(5, False)],
        [(6, False)],
        [(7, False), (8, False)],
    ]


async def test_whoever_closes_a_chosen_stream_ends_it():
    ended = asyncio.Event()

    async def inflow() -> AsyncGenerator[Any, None]:
        try:
            for number in range(1000):
                yield asked(number % 3).body
        finally:
            ended.set()

    coming = inflow()
    made = Conditional(Upper(), Step("e", ("gateway",), "", True, True, when=LOW, skips=True))
    answers = made.handle(Request("/e", inflow=coming), Context())
    await anext(answers)
    await answers.aclose()
    await coming.aclose()
    assert ended.is_set()


@pytest.mark.parametrize(
    "query,fulfilled",
    [
        ({"n": {"$eq": 2}}, [2]),
        ({"n": {"$neq": 2}}, [0, 1, 3]),
        ({"n": {"$lt": 1}}, [0]),
        ({"n": {"$lte": 1}}, [0, 1]),
        ({"n": {"$gt": 2}}, [3]),
        ({"n": {"$gte": 2, "$lt": 3}}, [2]),
        ({"n": {"$in": [0, 3]}}, [0, 3]),
        ({"n": {"$nin": [0, 3]}}, [1, 2]),
        ({"text": {"$regex": "[ab]"}}, [0, 1]),
        ({"text": {"$contains": "c"}}, [2]),
        ({"marks": {"$size": 2}}, [2]),
        ({"only": {"$exists": True}}, [3]),
        ({"only": {"$exists": False}}, [0, 1, 2]),
        ({"only": {"$neq": 7}}, [3]),
        ({"tags__deep__0": {"$eq": 1}}, [1]),
        ({"n": {"$gt": "{limit}"}}, [2, 3]),
        ({"n": {"$eq": "{missing}"}}, []),
        ({"$and": [{"n": {"$gt": 0}}, {"n": {"$lt": 2}}]}, [1]),
        ({"$or": [{"n": {"$eq": 0}}, {"n": {"$eq": 3}}]}, [0, 3]),
        ({"$not": {"n": {"$gt": 0}}}, [0]),
        ({"n": {"$gt": 0}, "text": {"$neq": "d"}}, [1, 2]),
    ],
)
@pytest.mark.parametrize("content_type", [JSON, COLUMNS])
async def test_every_operator_chooses_the_same_in_every_form(query: Any, fulfilled: list[int], content_type: str):
    documents = DocList[AnyDoc](
        [
            AnyDoc(
                id=f"d{n}",
                n=n,
                text="abcd"[n],
                marks=[0] * n,
                limit=1,
                tags={"deep": [n]},
                **({"only": None} if n == 3 else {}),
            )
            for n in range(4)
        ]
    )
    body, parameters = encode_content(content_type, documents, {})
    made = Conditional(Upper(), Step("e", ("gateway",), "", False, when=parse(query)))
    [answer] = [r async for r in made.handle(Request("/e", body, content_type, content_type, parameters), Context())]
    assert [document.n for document in opened_documents(answer)[0]] == fulfilled
