"""How documents are spread over requests, over every transport."""

from collections.abc import AsyncIterator

import pytest

from tests.client.conftest import Service
from thalweg import AsyncClient, Client
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ConfigurationError


class Number(BaseDoc):
    n: int
    text: str = ""


def numbers(count: int) -> DocList[Number]:
    return DocList[Number]([Number(n=n) for n in range(count)])


def test_documents_go_in_requests_of_the_size_that_was_asked_for_and_come_back_in_order(
    everywhere: str, service: Service
):
    with Client(everywhere) as client:
        out = client.post("/echo", numbers(7), request_size=3, return_type=DocList[Number], results_in_order=True)
    assert out.n == list(range(7))
    assert len(service.seen) == 3


def test_no_document_is_lost_in_a_request_of_many(everywhere: str):
    with Client(everywhere) as client:
        assert client.post("/echo", numbers(250), return_type=DocList[Number]).n == list(range(250))
        assert len(client.post("/echo", numbers(250), request_size=1000, return_type=DocList[Number])) == 250


async def test_no_more_requests_are_under_way_than_a_call_allows(everywhere: str, service: Service):
    async def generated() -> AsyncIterator[Number]:
        for n in range(60):
            yield Number(n=n)

    async with AsyncClient(everywhere, prefetch=50) as client:
        out = await client.post("/echo", generated(), request_size=1, prefetch=3, return_type=DocList[Number])
    assert out.n == list(range(60))
    assert service.most_under_way <= 3


@pytest.mark.parametrize("stream", [True, False])
def test_jinas_way_of_sending_makes_no_difference(everywhere: str, stream: bool):
    with Client(everywhere) as client:
        assert client.post("/echo", numbers(5), request_size=2, stream=stream, return_type=Number).n == [0, 1, 2, 3, 4]


def test_large_documents_arrive_packed(everywhere: str, service: Service):
    if everywhere.startswith(("unix", "ws")):
        with pytest.raises(ConfigurationError, match=r"this machine|unpacked"):
            Client(everywhere, compression="gzip")
        return
    sent = [Number(n=n, text="river " * 1000) for n in range(20)]
    with Client(everywhere, compression="gzip") as client:
        out = client.post("/echo", sent, return_type=DocList[Number])
    assert out.text == [one.text for one in sent]
    if everywhere.startswith("http"):
        with pytest.raises(ConfigurationError, match="gzip"):
            Client(everywhere, compression="deflate").post("/echo")


def test_documents_without_a_class_keep_all_their_fields(everywhere: str):
    with Client(everywhere) as client:
        (found,) = client.post("/echo", Number(id="x", n=1, text="a"))
    assert (found.id, found.n, found.text) == ("x", 1, "a")
