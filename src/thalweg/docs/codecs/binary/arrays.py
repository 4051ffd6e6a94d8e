"""Several documents as bytes."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, TypeAlias

from pydantic import ValidationError

from thalweg.docs.codecs import columns, json
from thalweg.docs.codecs.binary import body, framing
from thalweg.docs.codecs.binary.documents import json_failure, uncompressed, unpickled
from thalweg.docs.codecs.binary.protocol import ARRAY, STREAMED, check_pickle, check_protocol
from thalweg.docs.codecs.compression import check_compression, compressed
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import AnyDoc
from thalweg.docs.progress import tracked
from thalweg.errors import InvalidDocument, MalformedRequest

Buffer: TypeAlias = bytes | bytearray | memoryview
Array: TypeAlias = DocList[Any] | DocVec[Any]


def array_to_bytes(docs: Array, protocol: str, compress: str | None) -> bytes:
    """See `DocList.to_bytes`."""
    return b"".join(array_pieces(docs, protocol, compress))


def array_from_bytes(
    array: type[Array],
    data: Buffer,
    protocol: str,
    compress: str | None,
    allow_pickle: bool = False,
    max_bytes: int | None = None,
) -> Any:
    """See `DocList.from_bytes`."""
    check_protocol(protocol, ARRAY)
    check_pickle(protocol, allow_pickle)
    check_compression(compress)
    if protocol not in STREAMED:
        return _DECODERS[protocol](uncompressed(data, protocol, compress, max_bytes), array)
    file = io.BytesIO(data)
    docs = list(framing.each_document(file, framing.count_of(file), array.doc_type, protocol, compress, max_bytes))
    if file.read(1):
        raise MalformedRequest(f"There are bytes behind the {len(docs)} documents.")
    return array_of(array, docs)


def array_pieces(docs: Array, protocol: str, compress: str | None, show_progress: bool = False) -> Iterable[Buffer]:
    """What follows one another in the bytes of `docs`; of what is streamed, one document at a time.

    Raises:
        ValueError: an unknown protocol or compression, or a field that the protocol cannot hold.
    """
    check_protocol(protocol, ARRAY)
    check_compression(compress)
    if protocol not in STREAMED:
        pieces = _ENCODERS[protocol](docs)
        return pieces if compress is None else [compressed(b"".join(pieces), compress)]
    rows = docs.to_doc_list() if isinstance(docs, DocVec) else docs
    rest = framing.with_lengths(tracked(rows, "Saving", show_progress), protocol, compress)
    return chain([framing.head(len(rows))], rest)


def array_of(array: type[Array], docs: list[Any]) -> Any:
    """Documents of the array's class as such an array.

    Raises:
        InvalidDocument: it is a DocVec, and their tensors cannot be stacked.
    """
    if issubclass(array, DocList):
        return array.trusted(docs)
    try:
        return array(docs)
    except ValueError as error:
        raise InvalidDocument(f"The documents do not make columns: {error}") from None


def _to_protobuf(docs: Array) -> list[Buffer]:
    from thalweg.docs.codecs import protobuf

    return [protobuf.encode_vec(docs) if isinstance(docs, DocVec) else protobuf.encode_list(docs)]


def _from_protobuf(data: Buffer, array: type[Array]) -> Any:
    from thalweg.docs.codecs import protobuf

    decode: Callable[..., Any] = protobuf.decode_vec if issubclass(array, DocVec) else protobuf.decode_list
    return decode(data, array.doc_type)


def _to_json(docs: Array) -> list[Buffer]:
    return [json.encode_array(docs)]


def _from_json(data: Buffer, array: type[Array]) -> Any:
    try:
        return array_of(array, json.decode_array(data, array.doc_type))
    except ValidationError as error:
        raise json_failure(error) from None


def _to_columns(docs: Array) -> list[Buffer]:
    return body.pieces(columns.encode(docs))


def _from_columns(data: Buffer, array: type[Array]) -> Any:
    buffers = body.buffers_of(data)
    if issubclass(array, DocVec):
        return columns.decode_vec(buffers, array.doc_type)
    return columns.decode(buffers, None if array.doc_type is AnyDoc else array.doc_type)


def _to_pickle(docs: Array) -> list[Buffer]:
    return [pickle.dumps(docs)]


def _from_pickle(data: Buffer, array: type[Array]) -> Any:
    found = unpickled(data)
    if isinstance(found, array):
        return found
    try:
        return array(found)
    except (TypeError, ValueError) as error:
        raise InvalidDocument(f"The pickle holds {type(found).__name__}, not {array.__name__}: {error}") from None


_ENCODERS: dict[str, Callable[[Any], list[Buffer]]] = {
    "protobuf-array": _to_protobuf,
    "json-array": _to_json,
    "columns": _to_columns,
    "pickle-array": _to_pickle,
}
_DECODERS: dict[str, Callable[[Buffer, type[Array]], Any]] = {
    "protobuf-array": _from_protobuf,
    "json-array": _from_json,
    "columns": _from_columns,
    "pickle-array": _from_pickle,
}
