"""Callers over every protocol who never stop asking, while what they call is changed."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Self

from tests.endtoend.versions import Note
from thalweg import AsyncClient
from thalweg.docs import DocList

PAUSE_SECONDS = 0.01


class Callers:
    """Ask `/do` and read `/stream` at each address, one after the other, on a thread of their own.

    A context manager. `errors` holds every request that was not answered as it should be.
    """

    def __init__(self, addresses: Sequence[str], endpoints: Sequence[str] = ("/do", "/stream")) -> None:
        self.errors: list[str] = []
        self.seen: Counter[str] = Counter()
        """How often each text was the answer at `/do`."""
        self.answered: Counter[str] = Counter()
        """How many requests were answered at each address and endpoint."""
        self._addresses = addresses
        self._endpoints = endpoints
        self._going = True
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="callers")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._going = False
        self._thread.join()

    async def _run(self) -> None:
        calls = {"/do": self._ask, "/stream": self._read}
        async with asyncio.TaskGroup() as group:
            for address in self._addresses:
                for endpoint in self._endpoints:
                    group.create_task(self._call(address, endpoint, calls[endpoint]))

    async def _call(self, address: str, endpoint: str, call: object) -> None:
        async with AsyncClient(address) as client:
            while self._going:
                try:
                    await call(client)  # type: ignore[operator]
                except Exception as error:
                    self.errors.append(f"{address}{endpoint}: {type(error).__name__}: {error}")
                self.answered[address + endpoint] += 1
                await asyncio.sleep(PAUSE_SECONDS)

    async def _ask(self, client: AsyncClient) -> None:
        answer = await client.post("/do", Note(text="-"), return_type=DocList[Note])
        self.seen[answer[0].text] += 1

    async def _read(self, client: AsyncClient) -> None:
        texts = [item.text async for item in client.stream("/stream", Note(), return_type=Note)]
        parts = [
            texts[start : start + 10] for start in range(0, len(texts), 10)
        ]  # one for each item of the step before
        for part in parts:
            if [text[-1] for text in part] != list("0123456789") or len({text[:-1] for text in part}) != 1:
                raise AssertionError(f"a stream came as {texts}")
        if not parts:
            raise AssertionError("a stream came without an item")
