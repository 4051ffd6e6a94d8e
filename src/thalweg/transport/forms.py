"""Answers whose documents are wanted in another form than the one that they came in."""

from __future__ import annotations

from thalweg.docs.codecs.content import decode_content, encode_content
from thalweg.message import Response


def in_form(response: Response, content_type: str) -> Response:
    """`response` with its documents in the form of `content_type`. Raises what `decode_content` raises."""
    if response.content_type == content_type:
        return response
    documents, parameters = decode_content(response.content_type, response.body, None)
    body, beside = encode_content(content_type, documents, {**response.parameters, **parameters})
    return Response(body, content_type, beside, response.headers)
