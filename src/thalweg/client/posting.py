"""A call that is awaited for all of its answer, or iterated for its parts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

R_co = TypeVar("R_co", covariant=True)
I_co = TypeVar("I_co", covariant=True)


class Posting(Coroutine[Any, Any, R_co], AsyncIterable[I_co], Generic[R_co, I_co]):
    """What `AsyncClient.post` returns. Nothing is sent before one of both is done, and only one of both can be:

        answer = await client.post("/encode", texts)      # all documents

        async for part in client.post("/encode", texts):  # those of each request, as soon as they are there
            ...

    It is a coroutine, for `asyncio.create_task` and its like.
    """

    def __init__(self, whole: Coroutine[Any, Any, R_co], parts: Callable[[], AsyncGenerator[I_co, None]]) -> None:
        self._whole = whole
        self._parts = parts

    def __await__(self) -> Generator[Any, None, R_co]:
        return self._whole.__await__()

    def __aiter__(self) -> AsyncIterator[I_co]:
        self._whole.close()
        return self._parts()

    def send(self, value: Any) -> Any:
        return self._whole.send(value)

    def throw(self, *exception: Any) -> Any:
        return self._whole.throw(*exception)

    def close(self) -> None:
        self._whole.close()
