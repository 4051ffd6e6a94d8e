"""Payloads to documents and back. The content type decides which codec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from thalweg.docs import BaseDocWithoutId, DocList, DocVec
from thalweg.docs.codecs import columns, json
from thalweg.docs.codecs.content import NOTHING, decode_content, encode_content, joined
from thalweg.errors import InvalidDocument
from thalweg.executor.endpoint import Endpoint
from thalweg.executor.outcome import Documents
from thalweg.message import ARROW, COLUMNS, JSON, Request, Response

Reader: TypeAlias = Callable[[Request], tuple[Documents, dict[str, Any]]]
"""Takes the documents of a request, and its parameters: those of the header with those of the body on top."""


def reader(endpoint: Endpoint) -> Reader:
    """How the requests of `endpoint` are read."""
    doc_type = endpoint.input_type
    as_columns = endpoint.input_as_columns

    def read(request: Request) -> tuple[Documents, dict[str, Any]]:
        if request.content_type == JSON:
            body = request.body
            docs, parameters = json.decode((body[0] if len(body) == 1 else b"".join(body)) or NOTHING, doc_type)
            if request.parameters:
                parameters = {**request.parameters, **parameters}
            return (_stacked(docs) if as_columns else docs), parameters
        if request.content_type == ARROW and as_columns and doc_type is not None:
            return _arrow_vec(request, doc_type), request.parameters
        if request.content_type != COLUMNS:
            docs, _ = decode_content(request.content_type, request.body, doc_type)
            return (_stacked(docs) if as_columns else docs), request.parameters
        if as_columns and doc_type is not None:
            return columns.decode_vec(request.body, doc_type), request.parameters
        return columns.decode(request.body, doc_type), request.parameters

    return read


def encoded(docs: Documents, parameters: dict[str, Any], request: Request) -> Response:
    """The answer in the content type that the caller accepts. In JSON the parameters stand in the body beside the
    documents, else in the header."""
    content_type = request.accept or request.content_type
    if content_type == JSON:
        return Response((json.encode(docs, parameters),))
    body, beside = encode_content(content_type, docs, parameters)
    return Response(body, content_type, beside)


def _arrow_vec(request: Request, doc_type: type[BaseDocWithoutId]) -> DocVec[Any]:
    from thalweg.docs.codecs import arrow

    return arrow.decode_stream_vec(joined(request.body), doc_type)


def _stacked(docs: DocList[Any]) -> DocVec[Any]:
    try:
        return docs.to_doc_vec()
    except ValueError as error:
        raise InvalidDocument(f"data: {error}") from None
