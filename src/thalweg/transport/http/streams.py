"""The forms in which a stream of answers goes: server-sent events, or lines of JSON."""

from __future__ import annotations

from typing import Protocol

import msgspec

from thalweg.message import JSON, Buffer, Response
from thalweg.message.status import Failure
from thalweg.transport.http.events import END, PING, error_event, item_event, named_event
from thalweg.transport.http.failures import encode_failure
from thalweg.transport.http.negotiation import EVENTS, LINES_TYPES
from thalweg.transport.http.payload import pack_content, with_parameters


class StreamForm(Protocol):
    """How items, errors and the end are written."""

    content_type: str
    end: bytes
    ping: bytes
    """What says that the stream is still there; empty where nothing can."""

    def item(self, response: Response) -> bytes: ...

    def error(self, failure: Failure) -> bytes: ...


class EventForm:
    """Events as `thalweg.transport.http.events` describes them. Without an envelope each is one document."""

    content_type = f"{EVENTS}; charset=utf-8"
    end = END
    ping = PING

    def __init__(self, bare: bool) -> None:
        self._bare = bare

    def item(self, response: Response) -> bytes:
        if not self._bare or response.content_type != JSON:
            return item_event(response)
        return b"".join(item_event(Response((document,))) for document in bare_documents(response))

    def error(self, failure: Failure) -> bytes:
        return error_event(failure)


class UpdateForm(EventForm):
    """The events of Jina's `GET`: each document is an `update`, and lines end as they do there."""

    end = named_event("end", b"{}")
    ping = PING.replace(b"\n", b"\r\n")

    def __init__(self) -> None:
        super().__init__(bare=True)

    def item(self, response: Response) -> bytes:
        if response.content_type != JSON:
            return item_event(response)
        return b"".join(named_event("update", document) for document in bare_documents(response))

    def error(self, failure: Failure) -> bytes:
        return named_event("error", encode_failure(failure))


class LineForm:
    """One JSON text a line: an answer each, or a document each without an envelope. An error is `{"error": {...}}` and the
    last line; a stream that is whole ends with its body."""

    end = b""
    ping = b""

    def __init__(self, content_type: str, bare: bool) -> None:
        self.content_type = content_type
        self._bare = bare

    def item(self, response: Response) -> bytes:
        texts = bare_documents(response) if self._bare else [_whole(response)]
        return b"".join(_line(text) for text in texts)

    def error(self, failure: Failure) -> bytes:
        return b'{"error":' + encode_failure(failure) + b"}\n"


def stream_form(wanted: str, *, bare: bool, reading: bool) -> StreamForm:
    """The form for a caller that wants `wanted`, events where that is none; `reading` says that its method was GET."""
    if wanted in LINES_TYPES:
        return LineForm(wanted, bare)
    return UpdateForm() if reading else EventForm(bare)


class _Envelope(msgspec.Struct):
    data: list[msgspec.Raw] = []


def bare_documents(response: Response) -> list[bytes]:
    """The documents of a JSON answer, each by itself."""
    return [bytes(raw) for raw in msgspec.json.decode(_joined(response), type=_Envelope).data]


def bare_body(response: Response) -> bytes:
    """The documents of a JSON answer without their envelope: one by itself, several as a list, null for none."""
    documents = bare_documents(response)
    if len(documents) == 1:
        return documents[0]
    return b"[" + b",".join(documents) + b"]" if documents else b"null"


def _whole(response: Response) -> bytes:
    content = pack_content(response.content_type, response.body, {})
    body = b"".join(content.parts)
    return with_parameters(body, response.parameters) if response.parameters else body


def _joined(response: Response) -> Buffer:
    return response.body[0] if len(response.body) == 1 else b"".join(response.body)


def _line(text: bytes) -> bytes:
    return (msgspec.json.format(text, indent=-1) if b"\n" in text else text) + b"\n"
