"""The Gateway over real connections to handlers that stand in for workers."""

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from thalweg.config import GatewayOptions, NodeOptions
from thalweg.docs import AnyDoc, DocList
from thalweg.docs.codecs import columns
from thalweg.errors import EndpointNotFound, ExecutorFailed, MalformedRequest, UnsupportedContent
from thalweg.graph import Topology
from thalweg.message import COLUMNS, JSON, Context, EndpointDescription, Pending, Request, Response, ServiceDescription
from thalweg.routing.replica import Replica
from thalweg.service.flow.handler import FlowHandler
from thalweg.testing.leaks import eventually, no_leaks
from thalweg.testing.reply import AwaitedReply
from thalweg.transport import registry
from thalweg.transport.contract import Serving

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}
Change = Callable[[dict[str, Any]], dict[str, Any]]


class Stage:
    """A worker's stand-in: changes each document, as JSON or as columns, and remembers what it was asked."""

    def __init__(
        self, change: Change, items: int = 1, gives: dict[str, Any] | None = TEXT, reads_metadata: bool = True
    ) -> None:
        self.reads_metadata = reads_metadata
        self.reads_stream = False
        self.metadata: list[dict[str, str]] = []
        self.change = change
        self.items = items
        self.gives = gives
        self.seen: list[Request] = []
        self.cancelled = asyncio.Event()
        self.hold = asyncio.Event()
        self.hold.set()

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.seen.append(request)
        self.metadata.append(dict(context.metadata))
        try:
            await self.hold.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        for number in range(self.items):
            yield self.answer(request, number)

    def answer(self, request: Request, number: int) -> Response:
        documents, parameters = opened(Response(request.body, request.content_type, request.parameters))
        changed = [self.change(document) for document in documents]
        if self.items > 1:
            changed = [{**document, "item": number} for document in changed]
        if (request.accept or request.content_type) == JSON:
            return Response((msgspec.json.encode({"data": changed, "parameters": parameters}),))
        return Response(columns.encode(DocList[AnyDoc]([AnyDoc(**d) for d in changed])), COLUMNS, parameters)


def opened(response: Response) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    if response.content_type == JSON:
        body = msgspec.json.decode(response.body[0])
        return body["data"], body.get("parameters", {})
    return [document.model_dump() for document in columns.decode(response.body, AnyDoc)], response.parameters


def adds(**fields: Any) -> Change:
    return lambda document: {**document, **fields}


def appends(word: str) -> Change:
    return lambda document: {**document, "text": document["text"] + word}


@asynccontextmanager
async def gateway(
    folder: Path, stages: dict[str, Stage], endpoints: dict[str, list[str]] | None = None, **needs: Any
) -> AsyncIterator[FlowHandler]:
    """`needs` are those of each stage; a stage not named reads the one before it."""
    async with no_leaks():
        servers = []
        for name, stage in stages.items():
            servers.append(registry.server(f"unix://{folder}/{name}", Serving(stage)))
            await servers[-1].start()
        topology = Topology.of([NodeOptions(name=name, uses="m:E", needs=needs.get(name)) for name in stages])
        descriptions = {
            name: ServiceDescription(
                name,
                tuple(
                    EndpointDescription(
                        path,
                        TEXT,
                        stage.gives,
                        streaming=stage.items > 1,
                        reads_metadata=stage.reads_metadata,
                        reads_stream=stage.reads_stream,
                    )
                    for path in (endpoints or {}).get(name, ["/e"])
                ),
            )
            for name, stage in stages.items()
        }
        replicas = {name: [Replica(f"unix://{folder}/{name}")] for name in stages}
        made = FlowHandler("flow", topology, descriptions, replicas, GatewayOptions())
        await made.start()
        try:
            yield made
        finally:
            await made.close()
            for server in servers:
                await server.stop()


def asked(*texts: str, target: str = "", accept: str = "", parameters: dict[str, Any] | None = None) -> Request:
    body = {"data": [{"text": text} for text in texts], "parameters": parameters or {}}
    return Request("/e", (msgspec.json.encode(body),), JSON, accept, {}, target)


async def by_handle(made: FlowHandler, request: Request) -> Response:
    (response,) = [response async for response in made.handle(request, Context())]
    return response


async def by_submit(made: FlowHandler, request: Request) -> Response:
    answer = AwaitedReply()
    assert made.submit(request, Context(), answer) is not None
    return await answer.future


BOTH = pytest.mark.parametrize("call", [by_handle, by_submit])


@BOTH
async def test_a_chain_passes_the_payload_on_as_it_came(tmp_path: Path, call: Any):
    stages = {"a": Stage(appends("A")), "b": Stage(appends("B"))}
    async with gateway(tmp_path, stages) as made:
        response = await call(made, asked("x", parameters={"k": 1}))
        assert opened(response) == ([{"text": "xAB"}], {"k": 1})
        assert stages["b"].seen[0].content_type == JSON


@BOTH
async def test_between_executors_tensors_travel_as_columns_and_the_caller_gets_json(tmp_path: Path, call: Any):
    tensor = {"type": "object", "properties": {"v": {"type": "array", "items": {"type": "number"}}}}
    stages = {"a": Stage(adds(v=[1.0, 2.0]), gives=tensor), "b": Stage(adds(seen=True))}
    async with gateway(tmp_path, stages) as made:
        response = await call(made, asked("x"))
        assert response.content_type == JSON
        assert opened(response)[0][0]["seen"] is True
        assert stages["b"].seen[0].content_type == COLUMNS


@BOTH
async def test_a_target_leaves_the_others_out(tmp_path: Path, call: Any):
    async with gateway(tmp_path, {"a": Stage(appends("A")), "b": Stage(appends("B"))}) as made:
        assert opened(await call(made, asked("x", target="b")))[0] == [{"text": "xB"}]


async def test_a_target_that_nobody_matches_gives_the_documents_back(tmp_path: Path):
    async with gateway(tmp_path, {"a": Stage(appends("A"))}) as made:
        assert opened(await by_handle(made, asked("x", target="nobody")))[0] == [{"text": "x"}]


async def test_a_target_that_is_no_expression_is_refused(tmp_path: Path):
    async with gateway(tmp_path, {"a": Stage(appends("A"))}) as made:
        for target in ("(", "x" * 300):
            with pytest.raises(MalformedRequest, match="target"):
                await by_handle(made, asked("x", target=target))


async def test_executors_without_the_endpoint_are_not_asked(tmp_path: Path):
    stages = {"a": Stage(appends("A")), "b": Stage(appends("B"))}
    async with gateway(tmp_path, stages, {"a": ["/other"], "b": ["/e", "/other"]}) as made:
        assert opened(await by_handle(made, asked("x")))[0] == [{"text": "xB"}]
        assert stages["a"].seen == []


async def test_an_endpoint_that_nobody_has_is_refused_with_those_there_are(tmp_path: Path):
    async with gateway(tmp_path, {"a": Stage(appends("A"))}) as made:
        with pytest.raises(EndpointNotFound, match="/e") as caught:
            await by_handle(made, Request("/nowhere"))
        assert caught.value.details == [{"known": ["/e"]}]


async def test_branches_are_joined_by_id_though_the_caller_gave_none(tmp_path: Path):
    stages = {"a": Stage(adds(a=1)), "b": Stage(adds(b=2)), "c": Stage(adds(c=3))}
    async with gateway(tmp_path, stages, a="gateway", b="gateway", c=("a", "b")) as made:
        documents, _ = opened(await by_handle(made, asked("x", "y")))
        assert [(d["text"], d["a"], d["b"], d["c"]) for d in documents] == [("x", 1, 2, 3), ("y", 1, 2, 3)]
        assert len({d["id"] for d in documents}) == 2


async def test_several_leaves_are_merged_into_one_answer_in_what_the_caller_reads(tmp_path: Path):
    # a worker's documents bear an id whether they leave as JSON or as columns
    stages = {"a": Stage(adds(a=1, id="1")), "b": Stage(adds(b=2)), "c": Stage(adds(c=3))}
    async with gateway(tmp_path, stages, b="a", c="a") as made:
        response = await by_handle(made, asked("x", parameters={"k": 1}))
        (document,), parameters = opened(response)
        assert response.content_type == JSON
        assert (document["a"], document["b"], document["c"]) == (1, 2, 3)
        assert parameters == {"k": 1}


async def test_what_nobody_reads_or_writes_is_refused(tmp_path: Path):
    stages = {"a": Stage(adds(a=1)), "b": Stage(adds(b=2))}
    async with gateway(tmp_path, stages, a="gateway", b="gateway") as made:
        with pytest.raises(UnsupportedContent, match="text/csv"):
            await by_handle(made, asked("x", accept="text/csv"))
        with pytest.raises(UnsupportedContent, match="text/csv"):
            await by_handle(made, Request("/e", (b"x",), "text/csv"))


async def test_branches_run_side_by_side(tmp_path: Path):
    stages = {"a": Stage(adds(a=1)), "b": Stage(adds(b=2))}
    async with gateway(tmp_path, stages, a="gateway", b="gateway") as made:
        for stage in stages.values():
            stage.hold.clear()
        call = asyncio.ensure_future(by_handle(made, asked("x")))
        await eventually(lambda: all(stage.seen for stage in stages.values()))
        for stage in stages.values():
            stage.hold.set()
        await call


async def test_when_one_branch_fails_the_other_is_called_off(tmp_path: Path):
    def broken(document: dict[str, Any]) -> dict[str, Any]:
        raise ExecutorFailed("it broke")

    stages = {"a": Stage(broken), "b": Stage(adds(b=2))}
    async with gateway(tmp_path, stages, a="gateway", b="gateway") as made:
        stages["b"].hold.clear()
        with pytest.raises(ExecutorFailed, match="it broke"):
            await by_handle(made, asked("x"))
        async with asyncio.timeout(60):
            await stages["b"].cancelled.wait()


async def test_items_of_a_stream_go_on_one_by_one(tmp_path: Path):
    stages = {"a": Stage(appends("A"), items=3), "b": Stage(appends("B"))}
    async with gateway(tmp_path, stages) as made:
        assert made.submit(asked("x"), Context(), AwaitedReply()) is None
        answers = made.handle(asked("x"), Context())
        first, _ = opened(await anext(answers))
        assert first == [{"text": "xAB", "item": 0}]
        assert [opened(r)[0][0]["item"] async for r in answers] == [1, 2]


async def test_each_item_of_a_stream_is_joined_with_the_other_branch(tmp_path: Path):
    stages = {"a": Stage(adds(a=1), items=2), "b": Stage(adds(b=2)), "c": Stage(adds(c=3))}
    async with gateway(tmp_path, stages, a="gateway", b="gateway", c=("a", "b")) as made:
        items = [opened(response)[0][0] async for response in made.handle(asked("x"), Context())]
        assert [(d["item"], d["b"], d["c"]) for d in items] == [(0, 2, 3), (1, 2, 3)]


@pytest.mark.parametrize("position", ["a", "b"])
async def test_calling_off_reaches_whoever_works_on_it(tmp_path: Path, position: str):
    stages = {"a": Stage(appends("A")), "b": Stage(appends("B"))}
    async with gateway(tmp_path, stages) as made:
        stages[position].hold.clear()
        pending: Pending | None = made.submit(asked("x"), Context(), AwaitedReply())
        assert pending is not None
        call = asyncio.ensure_future(by_handle(made, asked("y")))
        await eventually(lambda: len(stages[position].seen) >= 2)
        pending.cancel()
        async with asyncio.timeout(60):
            await stages[position].cancelled.wait()
        stages[position].cancelled.clear()
        call.cancel()
        async with asyncio.timeout(60):
            await stages[position].cancelled.wait()


@BOTH
async def test_an_error_of_a_step_comes_through(tmp_path: Path, call: Any):
    def broken(document: dict[str, Any]) -> dict[str, Any]:
        raise ExecutorFailed("it broke", executor="b")

    async with gateway(tmp_path, {"a": Stage(appends("A")), "b": Stage(broken)}) as made:
        with pytest.raises(ExecutorFailed, match="it broke") as caught:
            await call(made, asked("x"))
        assert caught.value.executor == "b"


async def test_a_large_document_passes_through_a_chain(tmp_path: Path):
    async with gateway(tmp_path, {"a": Stage(appends("A")), "b": Stage(appends("B"))}) as made:
        (document,), _ = opened(await by_handle(made, asked("x" * 1_000_000)))
        assert document["text"].endswith("xAB")


async def test_an_answer_that_grew_large_goes_on_to_the_next_step(tmp_path: Path):
    stages = {"a": Stage(appends("A" * 1_000_000)), "b": Stage(appends("B"))}
    async with gateway(tmp_path, stages) as made:
        (document,), _ = opened(await by_submit(made, asked("x")))
        assert document["text"].endswith("AB")


async def test_it_is_described_by_its_first_and_last_steps(tmp_path: Path):
    async with gateway(tmp_path, {"a": Stage(appends("A")), "b": Stage(appends("B"))}) as made:
        endpoint = made.description.find("/e")
        assert endpoint is not None
        assert endpoint.input_schema == TEXT
        assert made.ready


async def test_requests_by_the_short_way_leave_no_cycles_for_the_collector(tmp_path: Path):
    async with gateway(tmp_path, {"a": Stage(appends("A")), "b": Stage(appends("B"))}) as made:
        await by_submit(made, asked("x"))
        gc.collect()
        gc.disable()
        try:
            for _ in range(1000):
                await by_submit(made, asked("x"))
            # Not none: other threads of this process leave some too.
            assert gc.collect() < 1000
        finally:
            gc.enable()


@pytest.mark.parametrize("reads", [True, False])
async def test_headers_go_on_to_executors_that_read_them(tmp_path: Path, reads: bool):
    stage = Stage(appends("A"), reads_metadata=reads)
    async with gateway(tmp_path, {"a": stage}) as made:
        answer = AwaitedReply()
        assert made.submit(asked("x"), Context(metadata={"k": "v"}), answer) is not None
        await answer.future
        async for _ in made.handle(asked("x"), Context(metadata={"k": "v"})):
            pass
        assert stage.metadata == [{"k": "v"} if reads else {}] * 2
