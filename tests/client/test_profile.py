import asyncio

import pytest

from tests.client.conftest import Service
from thalweg import AsyncClient, Client, Executor, Flow, requests
from thalweg.client.profile import _timings
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ConfigurationError, Unavailable
from thalweg.transport.contract import Server


class Text(BaseDoc):
    text: str


class Echo(Executor):
    @requests
    def echo(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        return docs


def test_a_flow_says_where_the_time_goes(capsys: pytest.CaptureFixture[str]):
    with Flow(protocol=["grpc", "http"]).add(uses=Echo, name="first").add(uses=Echo, name="second") as flow:
        found = [flow.profiling(show_table=False, rounds=3)]
        for address in flow.addresses:
            with Client(address) as client:
                found.append(client.profiling(rounds=3))
        shown = capsys.readouterr().out
    for one in found:
        assert set(one.executors) == {"first", "second"}
        assert one.gateway is not None
        assert 0 < max(one.executors.values()) <= one.round_trip
        assert one.network + one.gateway <= one.round_trip
    assert shown.count("round trip") == 2
    assert all(name in shown for name in ("network", "gateway", "first", "second"))


def test_a_service_that_says_nothing_is_seen_as_one(server: Server, service: Service):
    with Client(server.address) as client:
        found = client.profiling(show_table=False, rounds=3)
        assert (found.gateway, found.executors) == (None, {})
        assert found.network == found.round_trip > 0
        with pytest.raises(ConfigurationError, match="rounds"):
            client.profiling(rounds=0)


async def test_a_service_that_is_not_there_is_an_error():
    async with AsyncClient("grpc://127.0.0.1:1") as client:
        with pytest.raises(Unavailable):
            await asyncio.create_task(client.profiling())


def test_headers_of_others_are_read_as_far_as_they_make_sense():
    header = 'cache;desc="x";dur=1.5, db, app;dur=x, a;dur=2'
    assert _timings(header) == [("cache", 1.5), ("a", 2.0)]
    assert _timings("") == []
