"""ASGI applications beside the endpoints: their requests, and their beginning and end (https://asgi.readthedocs.io)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, MutableMapping
from typing import Any

from thalweg.errors import ConfigurationError, PayloadTooLarge
from thalweg.transport.contract import AsgiApp, Receive, Scope, Send, Serving
from thalweg.transport.http.connection import HttpConnection

log = logging.getLogger("thalweg.server")

LIFESPAN_SECONDS = 60.0
"""How long an application may take to start, and to end."""

Message = MutableMapping[str, Any]


class Mounted:
    """One request of an application that stands at `prefix`. It counts as under way like any other, its body may be no
    larger than that of any other, and may pause no longer."""

    started = False
    finished = False
    read = False
    """Whether the whole body was."""
    refused: PayloadTooLarge | None = None
    """Why the application was cut off. Then nothing that it says counts."""

    def __init__(
        self, app: AsgiApp, prefix: str, serving: Serving, connection: HttpConnection, state: Mapping[str, Any]
    ) -> None:
        self._app = app
        self._prefix = prefix
        self._state = state
        self._serving = serving
        self._connection = connection
        self._size = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._connection.phase = "working"
        await self._app(below(scope, self._prefix, self._serving.root_path, self._state), self._take, self._give)

    async def _take(self) -> Message:
        if not self.read:
            self._connection.phase = "reading"
        message = await self._receive()
        self._connection.phase = "working"
        if message["type"] == "http.request":
            self.read = not message.get("more_body", False)
            self._size += len(message.get("body", b""))
            largest = self._serving.limits.max_message_bytes
            if self._size > largest:
                self.refused = PayloadTooLarge(f"The request has more than {largest} bytes; no more are taken.")
                raise self.refused
        return message

    async def _give(self, message: Message) -> None:
        if self.refused is not None and not self.started:
            return
        self.started = True
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.finished = True
        await self._send(message)


def below(scope: Scope, prefix: str, root_path: str, state: Mapping[str, Any]) -> Scope:
    """`scope` as an application at `prefix` sees it: `path` is all of it, and `root_path` what the application does not
    decide. `state` is what its beginning left."""
    root = root_path + prefix.rstrip("/")
    return {**scope, "root_path": root, "path": root_path + scope["path"], "state": dict(state)}


class Lifespan:
    """Runs the beginning and the end of one application, where it has any."""

    def __init__(self, prefix: str, app: AsgiApp) -> None:
        self._prefix = prefix
        self._app = app
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self.state: dict[str, Any] = {}
        """What its start leaves for its requests."""

    async def start(self) -> None:
        """Return when the application is ready.

        Raises:
            ConfigurationError: it says that it failed, or takes longer than `LIFESPAN_SECONDS`.
        """
        self._task = asyncio.create_task(self._run())
        message = await self._told("lifespan.startup")
        if message["type"] == "lifespan.startup.failed":
            await self._gone()
            raise ConfigurationError(
                f"The application at {self._prefix} did not start: {message.get('message') or 'it says no reason'}"
            )

    async def stop(self) -> None:
        """Return when the application has ended. What goes wrong is logged."""
        if self._task is None or self._task.done():
            return
        self._answer = asyncio.get_running_loop().create_future()
        try:
            message = await self._told("lifespan.shutdown")
        except ConfigurationError as error:
            log.error("%s", error)
        else:
            if message["type"] == "lifespan.shutdown.failed":
                log.error("the application at %s did not end cleanly: %s", self._prefix, message.get("message", ""))
        await self._gone()

    async def _told(self, kind: str) -> Message:
        assert self._task is not None
        self._incoming.put_nowait({"type": kind})
        done, _ = await asyncio.wait(
            (self._task, self._answer), timeout=LIFESPAN_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if self._answer in done:
            return self._answer.result()
        if not done:
            await self._gone()
            raise ConfigurationError(f"The application at {self._prefix} took longer than {LIFESPAN_SECONDS:.0f} s.")
        return {"type": f"{kind}.complete"}  # it knows nothing of a lifespan, as it may

    async def _gone(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._app(scope, self._incoming.get, self._tell)
        except Exception as error:
            # The standard: an application that raises here does without; one that could not start says so.
            log.debug("the application at %s takes no lifespan", self._prefix, exc_info=error)

    async def _tell(self, message: Message) -> None:
        if not self._answer.done():
            self._answer.set_result(message)
