"""`DataRequestProto` to requests and answers to `DataRequestProto`, as bytes; what every protocol of Jina's carries.

Documents go on as the bytes that they came in (`DOCARRAY`), and are never looked at.

An error is told as Jina tells it: the message comes back with its status set to ERROR, beside the exception's name, text and
Executor, and its traceback where the Executor runs in development mode. It holds no documents: those that were sent would
look as if something had been done to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from thalweg.docs.codecs.content import joined
from thalweg.docs.codecs.protobuf.wire import read_fields, varint
from thalweg.errors import ExecutorFailed, MalformedRequest, ThalwegError, UnsupportedContent
from thalweg.graph.merge import merged_parameters
from thalweg.message import DOCARRAY, Buffer, Request, Response, Visit
from thalweg.message.proto.jina import DataRequest, DocumentRequest, StatusCode
from thalweg.message.proto.structure import fill, plain
from thalweg.message.status import to_failure
from thalweg.transport.forms import in_form

GATEWAY = "gateway"
"""The name under which a Gateway stands among the routes."""
DOCUMENTS = b"\x0a"  # field 1, with a length: `DocListProto.docs`, and `DataContentProto.docs`
_DATA = b"\x22"  # field 4, with a length: `DataRequestProto.data`, and `SingleDocumentRequestProto.document`


class DataCall(NamedTuple):
    """A message that was read: the request in it, and what its answer repeats."""

    request: Request
    request_id: str


def read_data_request(data: bytes) -> DataCall:
    """The request in a `DataRequestProto`.

    Raises:
        MalformedRequest: the bytes are no such message.
        UnsupportedContent: the documents are in the form of DocArray before 0.30.
    """
    return call_of(message_of(DataRequest, data))


def message_of(kind: Any, data: bytes) -> Any:
    """`data` as a message of class `kind`. Raises `MalformedRequest`."""
    from google.protobuf.message import DecodeError

    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise MalformedRequest(f"The bytes are no {kind.DESCRIPTOR.name} of Jina: {error}") from None


def call_of(message: Any) -> DataCall:
    """The request in a `DataRequestProto` that was parsed already; raises as `read_data_request` does."""
    if message.data.WhichOneof("documents") == "docs_bytes":
        raise UnsupportedContent(
            "The documents are compressed or pickled as DocArray did before 0.30; send them with DocArray 0.30 or later."
        )
    header = message.header
    parameters = plain(message.parameters)
    request = Request(
        header.exec_endpoint, (message.data.docs,), DOCARRAY, DOCARRAY, parameters, header.target_executor
    )
    return DataCall(request, header.request_id)


def _as_messages(request: Request) -> Request:
    if request.content_type == DOCARRAY:
        return request
    given = in_form(Response(request.body, request.content_type, request.parameters), DOCARRAY)
    return Request(request.endpoint, given.body, DOCARRAY, request.accept, given.parameters, request.target)


def document_call_of(message: Any) -> DataCall:
    """The request in a parsed `SingleDocumentRequestProto`: one document, for as many as come back."""
    header = message.header
    request = Request(
        header.exec_endpoint,
        (DOCUMENTS + varint(len(message.document)) + message.document,),
        DOCARRAY,
        DOCARRAY,
        plain(message.parameters),
        header.target_executor,
    )
    return DataCall(request, header.request_id)


def write_document(call: DataCall, response: Response) -> list[bytes]:
    """A `SingleDocumentRequestProto` for each document of `response`."""
    message = DocumentRequest()
    message.header.request_id = call.request_id
    message.header.exec_endpoint = call.request.endpoint
    fill(message.parameters, response.parameters)
    return _each(message, response.content_type, response.body)


def _each(message: Any, content_type: str, body: Sequence[Buffer]) -> list[bytes]:
    """The bytes of `message` with each of the documents."""
    start = message.SerializeToString() + _DATA
    documents = bytes(_documents(content_type, body))
    spans = (field for field in read_fields(documents, 0, len(documents)) if field.tag == DOCUMENTS[0])
    return [start + varint(stop - begin) + documents[begin:stop] for _, begin, stop, _ in spans]


def write_data_request(request: Request, request_id: str) -> bytes:
    """`request` as a `DataRequestProto`. Parameters in a JSON body go where this protocol has them.

    Raises:
        UnsupportedContent: parameters that this protocol does not carry.
        MalformedRequest: the documents cannot be read; they are only where they come in another form.
    """
    request = _as_messages(request)
    message = DataRequest()
    header = message.header
    header.request_id = request_id
    header.exec_endpoint = request.endpoint
    if request.target:
        header.target_executor = request.target
    fill(message.parameters, request.parameters)
    return _with_documents(message, [_documents(request.content_type, request.body)])


def write_document_requests(request: Request, request_id: str) -> list[bytes]:
    """A `SingleDocumentRequestProto` for each document of `request`. Raises as `write_data_request` does."""
    request = _as_messages(request)
    message = DocumentRequest()
    header = message.header
    header.request_id = request_id
    header.exec_endpoint = request.endpoint
    if request.target:
        header.target_executor = request.target
    fill(message.parameters, request.parameters)
    return _each(message, request.content_type, request.body)


def write_answer(call: DataCall, responses: Sequence[Response], visits: Sequence[Visit] = ()) -> bytes:
    """The `DataRequestProto` that answers `call` with all `responses` together: a stream of them is one list here.

    Raises:
        UnsupportedContent: an Executor reported what this protocol does not carry.
    """
    message = _answer(call, visits)
    parameters = (
        responses[0].parameters
        if len(responses) == 1
        else merged_parameters([response.parameters for response in responses])
    )
    fill(message.parameters, parameters)
    return _with_documents(message, [_documents(one.content_type, one.body) for one in responses])


def write_failure(call: DataCall, error: ThalwegError, visits: Sequence[Visit] = ()) -> bytes:
    """The `DataRequestProto` that says what went wrong with `call`."""
    message = _answer(call, visits)
    state_of(error, message.header.status)
    fill(message.parameters, call.request.parameters)
    data: bytes = message.SerializeToString()
    return data


def state_of(error: ThalwegError, status: Any) -> None:
    """Put `error` into a `StatusProto`. Its arguments are its text, then each of its findings as JSON."""
    failure = to_failure(error)
    status.code = StatusCode.ERROR
    status.description = failure.message
    exception = status.exception
    exception.name = failure.cause or type(error).__name__
    exception.args.append(_text(failure.message, failure.cause))
    exception.args.extend(msgspec.json.encode(finding).decode() for finding in failure.details)
    exception.stacks.extend(failure.traceback.splitlines(keepends=True))
    exception.executor = failure.executor


def _text(message: str, cause: str) -> str:
    """What the exception itself said, where `message` is a sentence around it."""
    _, found, text = message.partition(f"{cause}: ") if cause else ("", "", "")
    return text if found else message


def read_answer(data: bytes, peer: str) -> tuple[Response, ThalwegError | None]:
    """The answer in a `DataRequestProto` that `peer` sent, or the error that it tells of.

    Raises:
        MalformedRequest: the bytes are no such message.
    """
    message = message_of(DataRequest, data)
    status = message.header.status
    if status.code == StatusCode.ERROR:
        return Response(), error_of(status, peer, message.header.request_id)
    return Response((message.data.docs,), DOCARRAY, plain(message.parameters)), None


def read_document(data: bytes, peer: str) -> tuple[Response, ThalwegError | None]:
    """The same for a `SingleDocumentRequestProto`."""
    message = message_of(DocumentRequest, data)
    status = message.header.status
    if status.code == StatusCode.ERROR:
        return Response(), error_of(status, peer, message.header.request_id)
    document = message.document
    return Response((DOCUMENTS + varint(len(document)) + document,), DOCARRAY, plain(message.parameters)), None


def error_of(status: Any, peer: str, request_id: str) -> ThalwegError:
    """The error that a `StatusProto` tells of."""
    exception = status.exception
    text = status.description or ", ".join(exception.args) or "it does not say what went wrong"
    return ExecutorFailed(
        f"{exception.executor or peer} failed: {text}",
        executor=exception.executor,
        request_id=request_id,
        cause=exception.name,
        traceback="".join(exception.stacks),
    )


def _answer(call: DataCall, visits: Sequence[Visit]) -> Any:
    message = DataRequest()
    header = message.header
    header.request_id = call.request_id
    header.exec_endpoint = call.request.endpoint
    if call.request.target:
        header.target_executor = call.request.target
    write_visits(message, visits)
    return message


def write_visits(message: Any, visits: Sequence[Visit]) -> None:
    """Put `visits` among the routes of a message."""
    for visit in visits:
        route = message.routes.add(executor=visit.name)
        route.start_time.FromNanoseconds(int(visit.start * 1e9))
        route.end_time.FromNanoseconds(int(visit.end * 1e9))


def _documents(content_type: str, body: Sequence[Buffer]) -> Buffer:
    if content_type != DOCARRAY:
        body = in_form(Response(tuple(body), content_type), DOCARRAY).body
    return joined(body)


def _with_documents(message: Any, lists: Sequence[Buffer]) -> bytes:
    """The bytes of `message` with documents. Lists after each other are one list on the wire, and the field is written
    by hand: its class would copy them twice more."""
    size = sum(map(len, lists))
    length = varint(size)
    start = _DATA + varint(1 + len(length) + size) + DOCUMENTS + length
    return b"".join([message.SerializeToString(), start, *lists])
