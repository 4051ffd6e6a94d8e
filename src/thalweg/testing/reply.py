"""The caller's end of a submitted request."""

from __future__ import annotations

import asyncio

from thalweg.errors import ThalwegError
from thalweg.message import Response


class AwaitedReply:
    """A `Reply` whose answer is awaited. One that is told a second time raises `asyncio.InvalidStateError`: exactly one of
    both methods may be called, and once."""

    def __init__(self) -> None:
        self.future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def answer(self, response: Response) -> None:
        self.future.set_result(response)

    def fail(self, error: ThalwegError) -> None:
        self.future.set_exception(error)
