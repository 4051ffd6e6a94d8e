"""The sub-protocols of Jina's WebSocket Gateway: `bytes`, and `json` as it was before DocArray 0.30.

Answers come as they are ready, in any order, each with the request's id. A message of one byte, or an empty object of JSON,
says that no more requests follow; when all are answered the server closes. Where nobody was there to answer a request, or
it took too long, there is no answer: the connection closes with code 1011 and the reason, as Jina's does.
"""

from __future__ import annotations

from itertools import count
from operator import attrgetter
from time import time
from typing import Any

import msgspec

from thalweg.errors import (
    DeadlineExceeded,
    MalformedRequest,
    PayloadTooLarge,
    ThalwegError,
    Unavailable,
    UnsupportedContent,
)
from thalweg.message import JSON, Context, Request, Response, Visit
from thalweg.message.description import DRY_RUN_ENDPOINT
from thalweg.message.proto.jina import State
from thalweg.message.status import Failure, to_failure
from thalweg.transport.http.headers import Metadata
from thalweg.transport.jina.exchange import GATEWAY, DataCall, read_data_request, state_of, write_answer, write_failure
from thalweg.transport.websocket.connection import OK, WebSocketConnection
from thalweg.transport.websocket.dialogue import Dialogue
from thalweg.transport.websocket.hall import Hall
from thalweg.transport.websocket.letters import answer_letter, read_letter

LAST = (b"\x00", b"\x01")
"""What says that no more follows: Jina's client writes `bytes(True)`, which is the first, and its text says the second."""
NOTHING_FOLLOWS = b"{}"
INTERNAL = 1011


def _broken(error: ThalwegError) -> bool:
    """Whether Jina tells of `error` by closing: nobody was there, or it took too long."""
    return isinstance(error, (Unavailable, DeadlineExceeded))


class Several:
    """What came for a request whose answers go out as one, up to the largest answer that there may be."""

    __slots__ = ("_largest", "_size", "responses")

    def __init__(self, largest: int) -> None:
        self.responses: list[Response] = []
        self._largest = largest
        self._size = 0

    def add(self, response: Response) -> None:
        """Raises `PayloadTooLarge`."""
        self._size += response.size
        if self._size > self._largest:
            raise PayloadTooLarge(f"The answers have {self._size} bytes together; at most {self._largest} are sent.")
        self.responses.append(response)


class JinaVoice:
    """The answer of one request as a `DataRequestProto`."""

    __slots__ = ("_call", "_context", "_name", "_several", "_start")

    def __init__(self, call: DataCall, context: Context, name: str, largest: int) -> None:
        """`name` is that of the service, as it stands among those that worked on the request."""
        self._call = call
        self._context = context
        self._name = name
        self._start = time()
        self._several = Several(largest)
        context.visits = []

    def item(self, response: Response) -> None:
        self._several.add(response)

    def end(self, response: Response | None) -> bytes:
        if response is not None:
            self._several.add(response)
        return write_answer(self._call, self._several.responses, self._visits())

    def failure(self, error: ThalwegError, failure: Failure) -> bytes | None:
        return None if _broken(error) else write_failure(self._call, error, self._visits())

    def _visits(self) -> list[Visit]:
        """A Gateway and what is behind it; an Executor served alone is the only one."""
        whole = Visit(self._name, self._start, time())
        executors = sorted(self._context.visits or (), key=attrgetter("start"))
        return [whole._replace(name=GATEWAY), *executors] if executors else [whole]


class JinaDialogue(Dialogue):
    """The server's end of `bytes`."""

    text = False

    def __init__(self, hall: Hall, connection: WebSocketConnection, metadata: Metadata) -> None:
        super().__init__(hall, connection, metadata)
        self._numbers = count(1)
        self._finished = False

    def message(self, data: bytes, text: bool) -> None:
        if text:
            self.connection.refuse(UnsupportedContent("The sub-protocol bytes has binary messages only."))
        elif data in LAST:
            self.finish()
        else:
            try:
                self.call(read_data_request(data))
            except ThalwegError as error:  # without a header there is nobody to give an answer of one request to
                self.connection.refuse(error)

    def call(self, call: DataCall) -> None:
        """Begin a request; what keeps it from beginning is its answer."""
        context = self.context(call.request_id, None, {})
        call = call._replace(request_id=call.request_id or context.request_id)
        voice = JinaVoice(call, context, self.hall.serving.describe().name, self._largest)
        try:
            exchange = self.open(self.key(), voice, call.request, context)
        except ThalwegError as error:
            self.refuse(error, write_failure(call, error))
            return
        exchange.begin(streaming=True)

    def refuse(self, error: ThalwegError, message: bytes) -> None:
        """Answer a request that was not let in."""
        if _broken(error):
            self.connection.close(INTERNAL, error.message)
        else:
            self.say(message)

    @property
    def _largest(self) -> int:
        return self.hall.serving.limits.max_message_bytes

    def key(self) -> bytes:
        """A name for the next request: the ids of callers may repeat."""
        return b"%d" % next(self._numbers)

    def finish(self) -> None:
        """The caller has asked all that it will."""
        self._finished = True
        if not self.works:
            self.connection.close(OK)

    def settled(self, key: bytes, error: ThalwegError | None) -> None:
        super().settled(key, error)
        if error is not None and _broken(error):
            self.connection.close(INTERNAL, error.message)
        elif self._finished and not self.works:
            self.connection.close(OK)


class DryRunVoice:
    """Whether everything works, as a `StatusProto`."""

    def item(self, response: Response) -> None:
        """What comes back does not matter."""

    def end(self, response: Response | None) -> bytes:
        return b""  # of a `StatusProto` all of whose fields have their first value: SUCCESS

    def failure(self, error: ThalwegError, failure: Failure) -> bytes:
        status = State()
        state_of(error, status)
        data: bytes = status.SerializeToString()
        return data


class DryRunDialogue(JinaDialogue):
    """Tells whether everything works, and closes."""

    def __init__(self, hall: Hall, connection: WebSocketConnection, metadata: Metadata) -> None:
        super().__init__(hall, connection, metadata)
        self._finished = True
        context = self.context("", None, {})
        self.open(self.key(), DryRunVoice(), Request(DRY_RUN_ENDPOINT), context).begin(streaming=True)

    def message(self, data: bytes, text: bool) -> None:
        """Whatever the caller says, it has been asking the one thing that there is to ask here."""


class JsonVoice:
    """The answer of one request in the shape of Jina's first version."""

    __slots__ = ("_request", "_request_id", "_several")

    def __init__(self, request: Request, request_id: str, largest: int) -> None:
        self._request = request
        self._request_id = request_id
        self._several = Several(largest)

    def item(self, response: Response) -> None:
        self._several.add(response)

    def end(self, response: Response | None) -> bytes:
        if response is not None:
            self._several.add(response)
        data: list[msgspec.Raw] = []
        parameters: dict[str, Any] = {}
        for one in self._several.responses:
            found = msgspec.json.decode(answer_letter(b"null", one, more=False, envelope=True), type=_Answer)
            data += found.data
            parameters |= found.parameters
        return self._message({"data": data, "parameters": parameters}, None)

    def failure(self, error: ThalwegError, failure: Failure) -> bytes | None:
        if _broken(error):
            return None
        exception = {
            "name": failure.cause or type(error).__name__,
            "args": [failure.message],
            "stacks": [],
            "executor": "",
        }
        exception["executor"] = failure.executor
        status = {"code": "ERROR", "description": failure.message, "exception": exception}
        return self._message({"data": [], "parameters": {}}, status)

    def _message(self, content: dict[str, Any], status: dict[str, Any] | None) -> bytes:
        header: dict[str, Any] = {"requestId": self._request_id, "execEndpoint": self._request.endpoint}
        if self._request.target:
            header["targetExecutor"] = self._request.target
        if status is not None:
            header["status"] = status
        return msgspec.json.encode({"header": header, **content, "routes": []}, enc_hook=str)


class _Answer(msgspec.Struct):
    data: list[msgspec.Raw] = []
    parameters: dict[str, Any] = {}


class JinaJsonDialogue(JinaDialogue):
    """The server's end of `json`."""

    text = True

    def message(self, data: bytes, text: bool) -> None:
        if not text:
            if data in LAST:
                self.finish()
            else:
                self.connection.refuse(UnsupportedContent("The sub-protocol json has text messages only."))
        elif data.strip() == NOTHING_FOLLOWS:
            self.finish()
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        try:
            letter = read_letter(data)
            if not letter.path:
                raise MalformedRequest("The message names no execEndpoint.")
            context = self.context(letter.request_id, letter.timeout, letter.headers)
        except ThalwegError as error:
            self._fail(error, Request("", ()), Context())
            return
        request = Request(letter.path, letter.body(envelope=True), JSON, target=letter.target)
        try:
            exchange = self.open(self.key(), JsonVoice(request, context.request_id, self._largest), request, context)
        except ThalwegError as error:
            self._fail(error, request, context)
            return
        exchange.begin(streaming=True)

    def _fail(self, error: ThalwegError, request: Request, context: Context) -> None:
        message = JsonVoice(request, context.request_id, 0).failure(error, to_failure(error, context.request_id))
        self.refuse(error, message or b"")
