"""`AsyncClient`: one object for any number of calls at once, over any transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Self

from pydantic import BaseModel

from thalweg.client.exchange import Batch, Inputs, ReturnType, batches, decode, document_type, encode
from thalweg.client.pipeline import in_order
from thalweg.config import Limits
from thalweg.docs import BaseDocWithoutId, DocList
from thalweg.errors import ConfigurationError, Unavailable
from thalweg.message import COLUMNS, Context, Request, Response
from thalweg.transport import registry
from thalweg.transport.contract import Channel

PREFETCH = 64
"""Requests of one call that are under way at once; it bounds what a call keeps in memory."""


class AsyncClient:
    """Calls a Flow or a Deployment. Made anywhere, used on one event loop; safe for any number of tasks.

    Args:
        host: where it listens: `grpc://host:port`, `http://host:port`, or `unix:///path`.
        limits: the largest answer that is taken, and how far a stream may run ahead.
        prefetch: requests of one call that are under way at once.

    The connection is made at the first call and again whenever it was lost.
    """

    def __init__(self, host: str, *, limits: Limits | None = None, prefetch: int = PREFETCH) -> None:
        if prefetch < 1:
            raise ConfigurationError(f"prefetch must be 1 or more, not {prefetch}.")
        self._channel: Channel = registry.channel(host, limits)
        self._prefetch = prefetch
        self._connecting = asyncio.Lock()

    async def post(
        self,
        on: str,
        inputs: Inputs = None,
        *,
        parameters: Mapping[str, Any] | BaseModel | None = None,
        request_size: int = 100,
        return_type: ReturnType = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        target_executor: str = "",
    ) -> Any:
        """All documents of the answer, in the order of `inputs`.

        `inputs` is a document, an iterable or asynchronous iterable of documents (or mappings of their fields), or None.
        It is read lazily and sent in requests of `request_size` documents, several at once. `timeout` (seconds) is for
        each request.

        Returns:
            `DocList[T]` where `return_type` is `T` or `DocList[T]`, else a list of documents without a schema; a single
            document where both `inputs` is one and `return_type` is a document class.

        Raises:
            ThalwegError: the error of the first request that failed; the others are called off.
        """
        kind = document_type(return_type)
        gathered: DocList[Any] = DocList[kind]()  # type: ignore[valid-type]
        answers = self._answers(
            on, inputs, kind, parameters, request_size, headers=headers, timeout=timeout, target=target_executor
        )
        async with aclosing(answers):
            async for documents in answers:
                gathered += documents
        single = isinstance(inputs, BaseDocWithoutId) and return_type is kind and len(gathered) == 1
        return gathered[0] if single else gathered

    async def stream(
        self,
        on: str,
        inputs: Inputs = None,
        *,
        parameters: Mapping[str, Any] | BaseModel | None = None,
        request_size: int = 1,
        return_type: ReturnType = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        target_executor: str = "",
    ) -> AsyncGenerator[Any, None]:
        """The documents of the answer one by one, as they come: the items of a streaming endpoint, or those of any other
        while later requests are still under way. Closing the iterator calls the rest off. Arguments as for `post`."""
        kind = document_type(return_type)
        answers = self._answers(
            on, inputs, kind, parameters, request_size, headers=headers, timeout=timeout, target=target_executor
        )
        async with aclosing(answers):
            async for documents in answers:
                for document in documents:
                    yield document

    async def is_ready(self, timeout: float = 5.0) -> bool:
        """Whether the service answers and says that it is ready."""
        try:
            async with asyncio.timeout(timeout):
                await self._connect()
                return await self._channel.ready()
        except (Unavailable, TimeoutError):
            return False

    async def close(self) -> None:
        """Close the connection. Calls under way fail with `PeerLost`. Idempotent."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def _connect(self) -> None:
        if not self._channel.connected:
            async with self._connecting:
                await self._channel.connect()

    async def _answers(
        self,
        on: str,
        inputs: Inputs,
        kind: type[BaseDocWithoutId],
        parameters: Mapping[str, Any] | BaseModel | None,
        size: int,
        *,
        headers: Mapping[str, str] | None,
        timeout: float | None,
        target: str,
    ) -> AsyncGenerator[DocList[Any], None]:
        """The answers in order, while `prefetch` requests at most are under way."""
        if size < 1:
            raise ConfigurationError(f"request_size must be 1 or more, not {size}.")
        await self._connect()
        plain, metadata = _plain(parameters), {name.lower(): value for name, value in (headers or {}).items()}

        def start(documents: Batch) -> AsyncGenerator[Response, None]:
            request = encode(documents, Request(on, (), COLUMNS, "", plain, target))
            return self._channel.handle(request, Context.with_timeout(timeout, metadata=metadata))

        async with aclosing(in_order(batches(inputs, size), start, self._prefetch)) as answers:
            async for response in answers:
                yield decode(response, kind)


def _plain(parameters: Mapping[str, Any] | BaseModel | None) -> dict[str, Any]:
    if parameters is None:
        return {}
    return parameters.model_dump() if isinstance(parameters, BaseModel) else dict(parameters)
