"""One document as bytes."""

from __future__ import annotations

import binascii
import pickle
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias

from pydantic import ValidationError

from thalweg.docs.codecs import columns
from thalweg.docs.codecs.binary import body
from thalweg.docs.codecs.binary.protocol import DOCUMENT, check_pickle, check_protocol
from thalweg.docs.codecs.compression import check_compression, compressed, decompressed
from thalweg.docs.codecs.failures import error_details, invalid_document
from thalweg.docs.doc_list import DocList
from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.row import detach
from thalweg.errors import InvalidDocument, MalformedRequest

Buffer: TypeAlias = bytes | bytearray | memoryview
DocType: TypeAlias = type[BaseDocWithoutId]


def document_to_bytes(doc: BaseDocWithoutId, protocol: str, compress: str | None) -> bytes:
    """See `BaseDoc.to_bytes`."""
    check_protocol(protocol, DOCUMENT)
    return bytes(compressed(_ENCODERS[protocol](doc), compress))


def document_from_bytes(
    doc_type: DocType,
    data: Buffer,
    protocol: str,
    compress: str | None,
    allow_pickle: bool = False,
    max_bytes: int | None = None,
) -> Any:
    """See `BaseDoc.from_bytes`."""
    check_protocol(protocol, DOCUMENT)
    check_pickle(protocol, allow_pickle)
    check_compression(compress)
    return document_decoder(protocol)(uncompressed(data, protocol, compress, max_bytes), doc_type)


def documents_encoder(protocol: str) -> Callable[[list[Any]], Iterable[Buffer]]:
    """What makes bytes of each of several documents."""
    if protocol == "protobuf":
        from thalweg.docs.codecs import protobuf

        return protobuf.encode_documents
    return partial(map, _ENCODERS[protocol])


def document_decoder(protocol: str) -> Callable[[Buffer, DocType], Any]:
    """What makes a document of bytes and its class; raises InvalidDocument and MalformedRequest alone."""
    return _DECODERS[protocol]


def uncompressed(data: Buffer, protocol: str, compress: str | None, max_bytes: int | None) -> Buffer:
    """The data without its compression. Tensors of columns view it, so it is copied where it belongs to the caller."""
    whole = decompressed(data, compress, max_bytes)
    made_here = whole is not data and isinstance(whole, bytearray)
    return whole if made_here or protocol != "columns" else bytearray(whole)


def to_base64(data: bytes) -> str:
    """`data` with the standard alphabet."""
    return b64encode(data).decode()


def from_base64(data: str) -> bytes:
    """The bytes.

    Raises:
        MalformedRequest: it is not base64 with the standard alphabet.
    """
    try:
        return b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedRequest(f"The text is not base64: {error}.") from None


def unpickled(data: Buffer) -> Any:
    """What was pickled. Runs whatever code `data` holds: only for data that the caller vouches for.

    Raises:
        MalformedRequest: it cannot be unpickled; the message names the class that is missing, where that is why.
    """
    try:
        return pickle.loads(data)  # noqa: S301  # the caller has said that it may run
    except (ImportError, AttributeError) as error:
        raise MalformedRequest(
            f"The pickle needs something that is not here: {error}. "
            "Have it written with another protocol, such as 'protobuf'."
        ) from error
    except Exception as error:  # code of strangers may raise anything
        raise MalformedRequest(f"The data cannot be unpickled: {error}.") from error


def json_failure(error: ValidationError) -> Exception:
    """What is raised for what pydantic found wrong with JSON."""
    details = error_details(error)
    if details[0]["type"] == "json_invalid":
        return MalformedRequest(f"The data is not JSON: {details[0]['msg'].removeprefix('Invalid JSON: ')}.")
    return invalid_document(details)


def _to_protobuf(doc: BaseDocWithoutId) -> bytes:
    from thalweg.docs.codecs import protobuf

    return protobuf.encode_document(doc)


def _from_protobuf(data: Buffer, doc_type: DocType) -> Any:
    from thalweg.docs.codecs import protobuf

    return protobuf.decode_document(data, doc_type)


def _to_json(doc: BaseDocWithoutId) -> bytes:
    return doc.to_json().encode()


def _from_json(data: Buffer, doc_type: DocType) -> Any:
    try:
        return doc_type.from_json(bytes(data) if isinstance(data, memoryview) else data)
    except ValidationError as error:
        raise json_failure(error) from None


def _to_columns(doc: BaseDocWithoutId) -> bytes:
    return b"".join(body.pieces(columns.encode(DocList.trusted([doc]))))


def _from_columns(data: Buffer, doc_type: DocType) -> Any:
    docs = columns.decode(body.buffers_of(data), doc_type)
    if len(docs) != 1:
        raise MalformedRequest(f"The columns hold {len(docs)} documents, not one.")
    return docs[0]


def _to_pickle(doc: BaseDocWithoutId) -> bytes:
    return pickle.dumps(detach(doc))


def _from_pickle(data: Buffer, doc_type: DocType) -> Any:
    doc = unpickled(data)
    if not isinstance(doc, doc_type):
        raise InvalidDocument(f"The pickle holds {type(doc).__name__}, not {doc_type.__name__}.")
    return doc


_ENCODERS: dict[str, Callable[[Any], Buffer]] = {
    "protobuf": _to_protobuf,
    "json": _to_json,
    "columns": _to_columns,
    "pickle": _to_pickle,
}
_DECODERS: dict[str, Callable[[Buffer, DocType], Any]] = {
    "protobuf": _from_protobuf,
    "json": _from_json,
    "columns": _from_columns,
    "pickle": _from_pickle,
}
