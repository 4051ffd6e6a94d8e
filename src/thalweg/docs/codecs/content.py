"""Documents in whatever form their content type says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from thalweg.docs.codecs import columns, json
from thalweg.docs.codecs.objects import Objects, taken_over
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import BaseDocWithoutId
from thalweg.errors import UnsupportedContent

JSON: Final = "application/json"
"""One buffer: `{"data": [...], "parameters": {...}}`, where `data` may also be one object."""

COLUMNS: Final = "application/vnd.thalweg.columns"
"""Header buffer, then the raw buffers that it describes (see `thalweg.docs.codecs.columns`)."""

ARROW: Final = "application/vnd.apache.arrow.stream"
"""One buffer: a table in the streaming format of Arrow's IPC (see `thalweg.docs.codecs.arrow`)."""

DOCARRAY: Final = "application/vnd.docarray.protobuf"
"""One buffer: a `docarray.DocListProto` (see `thalweg.docs.codecs.protobuf`)."""

OBJECTS: Final = "application/vnd.thalweg.objects"
"""One `Objects`: documents that are handed over as they are, inside one process. Meant is this very string: one that came
from outside is equal to it and yet another one, so that nobody outside can ask for what cannot leave."""

CONTENT_TYPES: Final = (JSON, COLUMNS, ARROW, DOCARRAY)

NOTHING = b"{}"
"""What an empty JSON body means: no documents."""

Buffer = bytes | bytearray | memoryview


def decode_content(
    content_type: str, body: Sequence[Buffer], doc_type: type[BaseDocWithoutId] | None
) -> tuple[DocList[Any], dict[str, Any]]:
    """The documents in `body`, of class `doc_type` (`AnyDoc` where it is None), and the parameters that stand beside them:
    only JSON has a place for any.

    Raises:
        MalformedRequest: the bytes are not what the content type says.
        InvalidDocument: documents do not fit the class.
        UnsupportedContent: no such content type is read here.
        MissingDependency: Arrow's library is not installed.
    """
    if content_type == JSON:
        return json.decode(joined(body) or NOTHING, doc_type)
    if content_type == COLUMNS:
        return columns.decode(body, doc_type), {}
    if content_type == ARROW:
        from thalweg.docs.codecs import arrow

        return arrow.decode_stream(joined(body), doc_type), {}
    if content_type == DOCARRAY:
        from thalweg.docs.codecs import protobuf

        return protobuf.decode_list(joined(body), doc_type), {}
    if content_type is OBJECTS:
        return taken_over(body, doc_type), {}
    raise unsupported_content(content_type)


def encode_content(
    content_type: str, docs: DocList[Any] | DocVec[Any], parameters: dict[str, Any]
) -> tuple[tuple[Buffer, ...], dict[str, Any]]:
    """The buffers of `docs`, and those of the `parameters` that found no place in them.

    Raises:
        UnsupportedContent: no such content type is written here.
        MissingDependency: Arrow's library is not installed.
    """
    if content_type == JSON:
        return (json.encode(docs, parameters),), {}
    if content_type == COLUMNS:
        return columns.encode(docs), parameters
    if content_type == ARROW:
        from thalweg.docs.codecs import arrow

        return (arrow.encode_stream(docs),), parameters
    if content_type == DOCARRAY:
        from thalweg.docs.codecs import protobuf

        return (protobuf.encode_list(docs if isinstance(docs, DocList) else docs.to_doc_list()),), parameters
    if content_type is OBJECTS:
        return (Objects.of(docs),), parameters
    raise unsupported_content(content_type)


def unsupported_content(content_type: str) -> UnsupportedContent:
    return UnsupportedContent(
        f"{content_type!r} is neither read nor written here; use one of {', '.join(CONTENT_TYPES)}."
    )


def joined(body: Sequence[Buffer]) -> Buffer:
    """`body` as one buffer."""
    return body[0] if len(body) == 1 else b"".join(body)
