"""Where branches meet: the payloads are opened, and their documents joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thalweg.docs import AnyDoc, DocList
from thalweg.docs.codecs import columns
from thalweg.docs.codecs.content import decode_content, encode_content
from thalweg.graph.merge import merged_documents, merged_parameters
from thalweg.message import COLUMNS, Response


def joined_branches(branches: Sequence[Response]) -> Response:
    opened = [_documents(branch) for branch in branches]
    documents = merged_documents([documents for documents, _ in opened])
    parameters = merged_parameters([parameters for _, parameters in opened])
    headers = {name: value for branch in branches for name, value in branch.headers.items()}
    return Response(columns.encode(documents), COLUMNS, parameters, headers)


def joined_answer(branches: Sequence[Response], accept: str) -> Response:
    """The leaves' outputs as one answer in the content type that the caller wants."""
    if len(branches) == 1 and branches[0].content_type == accept:
        return branches[0]
    together = branches[0] if len(branches) == 1 else joined_branches(branches)
    if together.content_type == accept:
        return together
    documents, parameters = _documents(together)
    body, beside = encode_content(accept, documents, parameters)
    return Response(body, accept, beside, together.headers)


def with_ids(entry: Response) -> Response:
    """The caller's documents with an id each, so that they are known again where branches join."""
    documents, parameters = _documents(entry)
    return Response(columns.encode(documents), COLUMNS, parameters)


def _documents(response: Response) -> tuple[DocList[Any], dict[str, Any]]:
    documents, parameters = decode_content(response.content_type, response.body, AnyDoc)
    return documents, {**response.parameters, **parameters} if parameters else response.parameters
