"""Shards over real connections to real workers."""

import asyncio
import logging
from typing import Any

import pytest

from tests.service.shards.conftest import Sharded
from tests.service.shards.executors import Index, Matrix, Sleeper, Text, Trim
from thalweg.docs import DocList
from thalweg.docs.codecs import columns
from thalweg.errors import ClientError, DeadlineExceeded, ExecutorFailed, InvalidDocument, Unavailable
from thalweg.message import COLUMNS, JSON, Context, Request
from thalweg.message.description import DRY_RUN_ENDPOINT
from thalweg.routing.partition import shard_of
from thalweg.testing.leaks import eventually


def texts(number: int) -> list[Text]:
    return [Text(id=f"id{index}", text="x" * index) for index in range(number)]


async def test_each_document_goes_to_the_shard_of_its_id_and_answers_come_in_order(sharded: Sharded):
    async with sharded(uses=Index, shards=3) as house:
        documents, _ = await house.post("/index", texts(40))
        assert [document.id for document in documents] == [f"id{index}" for index in range(40)]
        assert [document.shard for document in documents] == [shard_of(f"id{index}", 3) for index in range(40)]
        kept = [set(house.executor(shard).docs) for shard in range(3)]
        assert sum(map(len, kept)) == len(set.union(*kept)) == 40
        assert all(kept)


async def test_documents_without_an_id_get_one_that_the_shard_and_the_caller_see(sharded: Sharded):
    async with sharded(uses=Index, shards=3) as house:
        body = (b'{"data": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}',)
        documents, response = await house.send(Request("/index", body, JSON))
        assert response.content_type == JSON
        assert [document.text for document in documents] == ["a", "b", "c"]
        for document in documents:
            assert document.shard == shard_of(document.id, 3)
            assert document.id in house.executor(document.shard).docs


async def test_one_document_passes_as_it_came(sharded: Sharded):
    async with sharded(uses=Index, shards=2) as house:
        for content_type, body in (
            (JSON, (b'{"data":[{"id":"a","text":"x"}]}',)),
            (COLUMNS, columns.encode(DocList([Text(id="a")]))),
        ):
            documents, response = await house.send(Request("/index", body, content_type))
            assert response.content_type == content_type
            assert documents[0].shard == shard_of("a", 2)


async def test_searches_ask_all_shards_and_results_are_ranked_and_cut(sharded: Sharded):
    async with sharded(uses=Index, shards=3) as house:
        await house.post("/index", texts(30))
        documents, response = await house.post("/search", [Text(id="q"), Text(id="r")], {"limit": 5})
        assert [document.id for document in documents] == ["q", "r"]
        for document in documents:
            assert [match["text"] for match in document.matches] == ["x" * length for length in (29, 28, 27, 26, 25)]
        assert "failed_shards" not in response.headers


async def test_questions_without_an_id_are_one_for_all_shards(sharded: Sharded):
    async with sharded(uses=Index, shards=3) as house:
        await house.post("/index", texts(9))
        documents, _ = await house.send(
            Request("/search", (b'{"data":[{"text":"q"}],"parameters":{"e__limit":2}}',), JSON)
        )
        assert len(documents) == 1
        assert [match["id"] for match in documents[0].matches] == ["id8", "id7"]


async def test_hits_that_stand_alone_are_ranked_for_one_question(sharded: Sharded):
    async with sharded(uses=Index, shards=3, polling={"/flat": "ALL"}) as house:
        await house.post("/index", texts(12))
        found, _ = await house.post("/flat", [Text()], {"limit": 4})
        assert [hit.id for hit in found] == ["id11", "id10", "id9", "id8"]


async def test_reduce_false_gives_the_results_of_all_shards_and_not_the_questions(sharded: Sharded):
    """Jina gives the documents of the request, unprocessed."""
    async with sharded(uses=Index, shards=3, reduce=False) as house:
        await house.post("/index", texts(12))
        documents, _ = await house.post("/search", [Text(id="q")])
        assert [document.seen for document in documents] == [["0"], ["1"], ["2"]]
        assert sum(len(document.matches) for document in documents) == 12


async def test_a_request_without_documents_goes_to_the_shards_in_turn(sharded: Sharded):
    async with sharded(uses=Index, shards=3) as house:
        for _ in range(6):
            await house.post("/encode")
        assert [house.executor(shard).calls for shard in range(3)] == [2, 2, 2]


async def test_what_shards_report_stands_side_by_side(sharded: Sharded):
    async with sharded(uses=Index, shards=2, polling={"/count": "ALL"}) as house:
        await house.post("/index", texts(10))
        _, response = await house.post("/count", [Text()], {"k": 1})
        results = response.parameters["__results__"]
        assert sorted(results) == ["e/0", "e/1"]
        assert sum(one["documents"] for one in results.values()) == 10
        assert response.parameters["k"] == 1


async def test_answers_of_other_numbers_come_where_their_ids_stood_and_new_ones_behind(sharded: Sharded):
    async with sharded(uses=Index, shards=2) as house:
        asked = [Text(id=f"id{index}", text=str(index)) for index in range(12)]
        documents, _ = await house.post("/fewer", asked)
        assert [document.text for document in documents] == [str(index) for index in range(1, 12, 2)] + ["new"] * 2
        documents, _ = await house.post("/others", asked)
        assert [document.text for document in documents] == [f"{index}!" for index in range(12)]


# keys ------------------------------------------------------------------------------------------------------------------


def by_initial(document: Any) -> Any:
    return document.text[0]


@pytest.mark.parametrize(
    "key, of",
    [
        ("tags.user", lambda index: f"u{index % 5}"),
        ("tags__number", lambda index: str(index % 7)),
        ("text", lambda index: f"{index}t"),
        (by_initial, lambda index: str(index)[0]),
        ("tests.service.shards.test_shards:by_initial", lambda index: str(index)[0]),
        (lambda document: document.tags["user"], lambda index: f"u{index % 5}"),
    ],
)
async def test_documents_are_divided_by_any_key(sharded: Sharded, key: Any, of: Any):
    async with sharded(uses=Index, shards=4, shard_key=key) as house:
        asked = [
            Text(text=f"{index}t", tags={"user": f"u{index % 5}", "number": float(index % 7)}) for index in range(30)
        ]
        documents, _ = await house.post("/index", asked)
        assert [document.id for document in documents] == [document.id for document in asked]
        assert [document.shard for document in documents] == [shard_of(of(index), 4) for index in range(30)]


async def test_a_document_without_the_key_is_refused(sharded: Sharded):
    async with sharded(uses=Index, shards=2, shard_key="tags.user") as house:
        with pytest.raises(InvalidDocument, match=r"'b' .*'tags.user' is missing"):
            await house.post("/index", [Text(id="a", tags={"user": 1}), Text(id="b")])
        assert not any(house.executor(shard).docs for shard in range(2))


async def test_a_key_function_that_fails_is_told(sharded: Sharded):
    async with sharded(uses=Index, shards=2, shard_key=by_initial) as house:
        with pytest.raises(ExecutorFailed, match=r"by_initial.*'a'.*IndexError"):
            await house.post("/index", [Text(id="a")])


# failures --------------------------------------------------------------------------------------------------------------


async def test_what_some_shards_cannot_say_is_told_beside_the_answer(
    sharded: Sharded, caplog: pytest.LogCaptureFixture
):
    async with sharded(uses=Index, shards=3) as house:
        await house.post("/index", texts(12))
        with caplog.at_level(logging.WARNING, "thalweg.shards"):
            documents, response = await house.post("/search", [Text()], {"fail": [1]})
        assert response.headers["failed_shards"] == "1"
        assert response.headers["total_shards"] == "3"
        assert sorted(documents[0].seen) == ["0", "2"]
        assert len(documents[0].matches) == 12 - len(house.executor(1).docs)
        assert "shard 1 of e failed, the answer is of 2 of 3 shards: shard 1 will not" in caplog.text


async def test_where_all_shards_fail_the_error_is_theirs(sharded: Sharded):
    async with sharded(uses=Index, shards=3) as house:
        with pytest.raises(ClientError, match=r"shard 0 will not \(3 of 3 shards of 'e' failed: 0, 1, 2.\)") as caught:
            await house.post("/search", [Text()], {"fail": [0, 1, 2]})
        assert [detail["loc"] for detail in caught.value.details if detail["type"] == "failed_shard"] == [
            ["e", 0],
            ["e", 1],
            ["e", 2],
        ]
        assert caught.value.executor == "e"


@pytest.mark.parametrize("path", ["/index", "/update", "/delete"])
async def test_a_write_that_not_all_shards_did_is_an_error(sharded: Sharded, path: str):
    async with sharded(uses=Index, shards=3) as house:
        with pytest.raises(ClientError, match=r"1 of 3 shards of 'e' failed: 2") as caught:
            await house.post(path, texts(20), {"fail": [2]})
        assert [detail["loc"] for detail in caught.value.details] == [["e", 2]]


async def test_a_shard_that_is_not_there_is_not_waited_for_longer_than_a_replica_is(sharded: Sharded):
    async with sharded(uses=Index, shards=3) as house:
        await house.post("/index", texts(12))
        await house.lose(1)
        await eventually(lambda: house.shards.missing)
        documents, response = await house.post("/search", [Text()])
        assert response.headers["failed_shards"] == "1"
        assert sorted(documents[0].seen) == ["0", "2"]
        with pytest.raises(Unavailable, match="'e/1'"):
            await house.post("/index", texts(20))


async def test_shards_are_ready_as_long_as_some_of_them_give_an_answer(sharded: Sharded):
    async with sharded(uses=Index, shards=3) as house:
        await house.lose(1)
        await eventually(lambda: house.shards.missing == ["e/1"])
        assert house.shards.ready
        await house.lose(0)
        await house.lose(2)
        await eventually(lambda: not house.shards.ready)
        assert house.shards.missing == ["e/0", "e/1", "e/2"]


async def test_shards_of_which_a_part_is_never_an_answer_are_not_ready_without_one_of_them(sharded: Sharded):
    async with sharded(uses=Index, shards=2, polling="ANY") as house:
        await house.lose(1)
        await eventually(lambda: house.shards.missing == ["e/1"])
        assert not house.shards.ready


async def test_documents_of_other_shards_are_not_held_up_by_one_that_is_gone(sharded: Sharded):
    async with sharded(uses=Index, shards=2) as house:
        await house.lose(1)
        there = next(f"k{number}" for number in range(100) if shard_of(f"k{number}", 2) == 0)
        documents, _ = await house.post("/index", [Text(id=there)])
        assert documents[0].shard == 0


async def test_a_request_that_is_called_off_is_called_off_everywhere(sharded: Sharded):
    async with sharded(uses=Sleeper, shards=3, polling="ALL") as house:
        reply = Silent()
        pending = house.shards.submit(Request("/sleep", (b'{"data":[{"id":"a"}]}',), JSON), Context(), reply)
        assert pending is not None
        await eventually(lambda: all(house.executor(shard).asleep for shard in range(3)))
        pending.cancel()
        await eventually(lambda: not any(house.executor(shard).asleep for shard in range(3)))
        assert reply.outcomes == []


async def test_shards_that_take_too_long_are_left_out_in_time(sharded: Sharded):
    async with sharded(uses=Sleeper, shards=3, polling="ALL") as house:
        documents, response = await house.post("/one", [Text(id="a")], timeout=1.5)
        assert response.headers["failed_shards"] == "2"
        assert [document.id for document in documents] == ["a"]
        with pytest.raises(DeadlineExceeded):
            await house.post("/sleep", [Text(id="a")], timeout=0.3)


class Silent:
    def __init__(self) -> None:
        self.outcomes: list[Any] = []

    def answer(self, response: Any) -> None:
        self.outcomes.append(response)

    def fail(self, error: Any) -> None:
        self.outcomes.append(error)


# before and after ------------------------------------------------------------------------------------------------------


async def test_what_stands_before_the_shards_sees_each_request_first(sharded: Sharded):
    async with sharded(uses=Index, shards=3, shard_key="text", uses_before=Trim) as house:
        documents, _ = await house.post("/index", [Text(text=f"  {index} ") for index in range(9)])
        assert [document.text for document in documents] == [str(index) for index in range(9)]
        assert [document.shard for document in documents] == [shard_of(str(index), 3) for index in range(9)]


async def test_what_stands_after_the_shards_gets_all_they_say(sharded: Sharded):
    async with sharded(uses=Index, shards=3, uses_after=Matrix) as house:
        await house.post("/index", texts(9))
        documents, response = await house.post("/search", [Text(id="q")])
        assert [document.text for document in documents] == ["3 lists of 1"]
        assert "__branches__" not in response.parameters


async def test_one_shard_may_have_something_before_and_after_it(sharded: Sharded):
    async with sharded(uses=Index, uses_before=Trim, uses_after=Matrix) as house:
        documents, _ = await house.post("/search", [Text(text=" a ")])
        assert [document.text for document in documents] == ["1 lists of 1"]


# streams ---------------------------------------------------------------------------------------------------------------


async def streamed(house: Any, request: Request, found: list[Any] | None = None) -> list[Any]:
    found = [] if found is None else found
    async for response in house.shards.handle(request, Context()):
        found += columns.decode(response.body, None)
    return found


def asking(path: str, *docs: Text, **parameters: Any) -> Request:
    return Request(path, columns.encode(DocList[Text](docs)), COLUMNS, COLUMNS, parameters)


async def test_a_stream_comes_from_the_shard_of_the_document(sharded: Sharded):
    async with sharded(uses=Index, shards=3, uses_before=Trim) as house:
        found = await streamed(house, asking("/items", Text(id="a", text=" x ")))
        assert [(item.text, item.shard) for item in found] == [(f"x{number}", shard_of("a", 3)) for number in range(3)]


async def test_streams_of_all_shards_are_merged_as_they_come(sharded: Sharded):
    async with sharded(uses=Index, shards=3, polling="ALL") as house:
        found = await streamed(house, asking("/items", Text(text="x")))
        assert sorted((item.shard, item.text) for item in found) == [
            (shard, f"x{number}") for shard in range(3) for number in range(3)
        ]


async def test_a_stream_that_fails_is_told_after_the_items_of_the_others(sharded: Sharded):
    async with sharded(uses=Index, shards=3, polling="ALL") as house:
        found: list[Any] = []
        with pytest.raises(ClientError, match="shard 1 will not"):
            await streamed(house, asking("/items", Text(text="x"), fail=[1]), found)
        assert len(found) == 9


@pytest.mark.parametrize("polling", ["ANY", "ALL"])
async def test_a_conversation_is_held_with_one_shard_or_with_all(sharded: Sharded, polling: str):
    async with sharded(uses=Index, shards=3, polling=polling, uses_before=Trim) as house:

        async def inflow() -> Any:
            for number in range(50):
                yield columns.encode(DocList[Text]([Text(id=f"i{number}", text=f" t{number} ")]))

        request = Request("/talk", (), COLUMNS, COLUMNS, inflow=inflow())
        found = await asyncio.wait_for(streamed(house, request), 30)
        by_shard = {shard: [item.text for item in found if item.shard == shard] for shard in range(3)}
        said = [f"T{number}" for number in range(50)]
        if polling == "ALL":
            assert by_shard == dict.fromkeys(range(3), said)
        else:
            assert by_shard[shard_of("i0", 3)] == said
            assert len(found) == 50


async def test_payloads_for_an_endpoint_that_reads_no_stream_are_requests_each(sharded: Sharded):
    async with sharded(uses=Index, shards=3) as house:

        async def inflow() -> Any:
            for number in range(5):
                yield columns.encode(DocList[Text]([Text(id=f"i{number}")]))

        found = await streamed(house, Request("/index", (), COLUMNS, COLUMNS, inflow=inflow()))
        assert [item.id for item in found] == [f"i{number}" for number in range(5)]


async def test_a_dry_run_asks_all_shards(sharded: Sharded):
    async with sharded(uses=Index, shards=2) as house:
        request = Request(DRY_RUN_ENDPOINT, (b"",))
        assert [response async for response in house.shards.handle(request, Context())]
        await house.lose(1)
        with pytest.raises(Unavailable):
            assert [response async for response in house.shards.handle(request, Context())]
