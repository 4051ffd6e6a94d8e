"""How a custom Gateway calls the Flow behind it."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Any, TypedDict, Unpack

from pydantic import BaseModel

from thalweg.client import AsyncClient
from thalweg.client.exchange import Inputs, Item, Several
from thalweg.docs import BaseDocWithoutId, DocList
from thalweg.errors import ThalwegError
from thalweg.message.description import DEFAULT_ENDPOINT


class CallOptions(TypedDict, total=False):
    """What may be said with a call; see `thalweg.AsyncClient.post`."""

    parameters: Mapping[str, Any] | BaseModel | None
    return_type: type[Any]
    headers: Mapping[str, str] | None
    timeout: float | None
    target_executor: str


class Streamer:
    """Sends documents through the graph. Safe for any number of tasks; nothing leaves the process on the way to the graph.

    `target_executor` is a regular expression: only Executors whose whole name matches it do their work. `headers` go along
    with the request, and Executors read them as they read those of a caller.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def post(
        self,
        on: str,
        inputs: Inputs = None,
        *,
        request_size: int = 100,
        **options: Unpack[CallOptions],
    ) -> Any:
        """All documents of the answer; see `thalweg.AsyncClient.post`."""
        return await self._client.post(on, inputs, request_size=request_size, **options)

    async def stream_docs(
        self,
        docs: Item | Several,
        request_size: int = 100,
        *,
        exec_endpoint: str = DEFAULT_ENDPOINT,
        results_in_order: bool = False,
        **options: Unpack[CallOptions],
    ) -> AsyncGenerator[DocList[Any], None]:
        """The documents of each request of `request_size`, as it is answered.

        Raises:
            ThalwegError: that of the first request that failed; the others are called off.
        """
        answers = self.stream(
            docs, request_size, exec_endpoint=exec_endpoint, results_in_order=results_in_order, **options
        )
        async with aclosing(answers):
            async for documents, error in answers:
                if error is not None:
                    raise error
                yield documents

    async def stream(
        self,
        docs: Item | Several,
        request_size: int = 100,
        *,
        exec_endpoint: str = DEFAULT_ENDPOINT,
        results_in_order: bool = False,
        **options: Unpack[CallOptions],
    ) -> AsyncGenerator[tuple[DocList[Any], ThalwegError | None], None]:
        """The same, with what went wrong beside it: no documents and the error of a request that failed, None for others,
        which go on."""

        answers = self._client.post(
            exec_endpoint,
            docs,
            request_size=request_size,
            results_in_order=results_in_order,
            continue_on_error=True,
            return_responses=True,
            **options,
        )
        async for answer in answers:
            yield answer.docs, answer.error

    async def stream_doc(
        self,
        doc: BaseDocWithoutId,
        *,
        exec_endpoint: str = DEFAULT_ENDPOINT,
        **options: Unpack[CallOptions],
    ) -> AsyncGenerator[Any, None]:
        """The documents that a streaming endpoint gives for `doc`, as they come. Closing it stops the endpoint.

        Raises:
            ThalwegError: what went wrong, also after some documents have come.
        """
        answers = self._client.stream(exec_endpoint, doc, **options)
        async with aclosing(answers):
            async for document in answers:
                yield document


class ExecutorCalls(Mapping[str, "ExecutorCall"]):
    """Each Executor of the Flow by its name."""

    def __init__(self, streamer: Streamer, names: tuple[str, ...]) -> None:
        self._calls = {name: ExecutorCall(streamer, name) for name in names}

    def __getitem__(self, name: str) -> ExecutorCall:
        if name not in self._calls:
            raise KeyError(f"There is no Executor {name!r}; there are: {', '.join(self._calls)}.")
        return self._calls[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._calls)

    def __len__(self) -> int:
        return len(self._calls)


class ExecutorCall:
    """Calls one Executor alone, whatever stands before and behind it in the graph."""

    def __init__(self, streamer: Streamer, name: str) -> None:
        self._streamer = streamer
        self._target = re.escape(name)

    async def post(self, on: str, inputs: Inputs = None, **options: Any) -> Any:
        """All documents of its answer; arguments as for `Streamer.post`."""
        return await self._streamer.post(on, inputs, target_executor=self._target, **options)

    def stream_doc(self, on: str, doc: BaseDocWithoutId, **options: Any) -> AsyncGenerator[Any, None]:
        """The documents that a streaming endpoint of it gives; arguments as for `Streamer.stream_doc`."""
        return self._streamer.stream_doc(doc, exec_endpoint=on, target_executor=self._target, **options)
