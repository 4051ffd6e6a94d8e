"""Requests to HTTP servers that know JSON alone, such as a Gateway of Jina's."""

from __future__ import annotations

import msgspec

from thalweg.docs.codecs import json
from thalweg.docs.codecs.content import decode_content
from thalweg.message import JSON, Context, Request


def json_request(request: Request, context: Context) -> Request:
    """`request` with all that it holds in a JSON body, where Jina's Gateways look for it.

    Raises:
        MalformedRequest: the documents cannot be read.
    """
    documents, inner = decode_content(request.content_type, request.body, None)
    body: bytes = json.encode(documents, {**request.parameters, **inner})
    if request.target:
        header = {"request_id": context.request_id, "target_executor": request.target}
        body = body[:-1] + b',"header":' + msgspec.json.encode(header) + b"}"
    return Request(request.endpoint, (body,), JSON)
