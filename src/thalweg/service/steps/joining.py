"""Where branches meet: the payloads are opened, and their documents joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from thalweg.docs import AnyDoc, DocList
from thalweg.docs.codecs import columns
from thalweg.docs.codecs.content import decode_content, encode_content
from thalweg.docs.codecs.objects import Objects
from thalweg.graph.merge import merged_documents, merged_parameters
from thalweg.message import COLUMNS, Request, Response
from thalweg.message.branches import BRANCHES
from thalweg.message.content import OBJECTS


def joined_branches(branches: Sequence[Response], ordered: Response | None = None) -> Response:
    """The documents of all branches as one answer, in the order of those of `ordered`."""
    opened = [opened_documents(branch) for branch in branches]
    order = () if ordered is None else [document.id for document in opened_documents(ordered)[0]]
    documents = merged_documents([documents for documents, _ in opened], order)
    parameters = merged_parameters([parameters for _, parameters in opened])
    return Response(columns.encode(documents), COLUMNS, parameters, _headers(branches))


def listed_branches(branches: Sequence[Response], names: Sequence[str]) -> Response:
    """The documents of all branches one after the other, and in the parameters which of them are whose."""
    opened = [opened_documents(branch) for branch in branches]
    together = DocList[AnyDoc]([document for documents, _ in opened for document in documents])
    parameters = merged_parameters([parameters for _, parameters in opened])
    parameters[BRANCHES] = [[name, len(documents)] for name, (documents, _) in zip(names, opened, strict=True)]
    return Response(columns.encode(together), COLUMNS, parameters, _headers(branches))


def joined_answer(branches: Sequence[Response], accept: str, ordered: Response | None = None) -> Response:
    """The leaves' outputs as one answer in the content type that the caller wants."""
    together = branches[0] if len(branches) == 1 else joined_branches(branches, ordered)
    if together.content_type == accept:
        return together
    documents, parameters = opened_documents(together)
    body, beside = encode_content(accept, documents, parameters)
    return Response(body, accept, beside, together.headers)


def with_ids(entry: Response) -> Response:
    """The caller's documents with an id each, so that they are known again where branches join."""
    documents, parameters = opened_documents(entry)
    return Response(columns.encode(documents), COLUMNS, parameters)


def opened_documents(given: Response | Request) -> tuple[DocList[Any], dict[str, Any]]:
    """The documents of a payload, and the parameters of the header with those beside the documents on top."""
    documents, parameters = decode_content(given.content_type, given.body, AnyDoc)
    return documents, {**given.parameters, **parameters} if parameters else given.parameters


def _headers(branches: Sequence[Response]) -> dict[str, str]:
    return {name: value for branch in branches for name, value in branch.headers.items()}


def by_reference(request: Request) -> bool:
    """Whether documents come, or are to go, as they are."""
    return request.content_type is OBJECTS or request.accept is OBJECTS


def in_columns(request: Request) -> Request:
    """The same request for whoever is elsewhere, or may not have the very documents of the caller."""
    accept = COLUMNS if request.accept in (OBJECTS, "") else request.accept
    if request.content_type is not OBJECTS:
        return replace(request, accept=accept)
    documents = (
        request.body[0].documents if request.body and isinstance(request.body[0], Objects) else DocList[AnyDoc]()
    )
    return replace(request, body=columns.encode(documents), content_type=COLUMNS, accept=accept)
