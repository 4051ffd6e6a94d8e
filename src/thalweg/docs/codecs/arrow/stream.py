"""Documents as one buffer: a table in the streaming format of Arrow's IPC
(https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format).
"""

from __future__ import annotations

from typing import Any

from thalweg.docs.codecs.arrow.decoder import decode, decode_vec
from thalweg.docs.codecs.arrow.encoder import encode
from thalweg.docs.codecs.arrow.library import pa
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import BaseDocWithoutId
from thalweg.errors import MalformedRequest


def encode_stream(docs: DocList[Any] | DocVec[Any]) -> memoryview:
    """`docs` as a stream of record batches."""
    table = encode(docs)
    # Written twice, the first time to count: a buffer that grows is copied again and again.
    counter = pa.MockOutputStream()
    _write(table, counter)
    buffer = pa.allocate_buffer(counter.size())
    _write(table, pa.FixedSizeBufferWriter(buffer))
    return memoryview(buffer)


def _write(table: Any, sink: Any) -> None:
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(use_threads=False)) as writer:
        writer.write_table(table)


def decode_stream(data: bytes | bytearray | memoryview, doc_type: type[BaseDocWithoutId] | None) -> DocList[Any]:
    """The documents of a stream of record batches; tensors view `data`.

    Raises:
        MalformedRequest: the bytes are no such stream.
        InvalidDocument: documents do not fit the class; `details` says which row and which field.
    """
    return decode(_read(data), doc_type)


def decode_stream_vec(data: bytes | bytearray | memoryview, doc_type: type[BaseDocWithoutId]) -> DocVec[Any]:
    """The same, still in columns.

    Raises:
        MalformedRequest: the bytes are no such stream.
        InvalidDocument: documents do not fit the class, or their tensors cannot be stacked.
    """
    return decode_vec(_read(data), doc_type)


def _read(data: bytes | bytearray | memoryview) -> Any:
    try:
        # Without threads of Arrow's own: there is nothing to compute, and waking one takes longer.
        options = pa.ipc.IpcReadOptions(use_threads=False)
        with pa.ipc.open_stream(pa.py_buffer(data), options=options) as reader:
            return reader.read_all()
    except (pa.ArrowException, OSError) as error:
        raise MalformedRequest(f"The body is no Arrow stream: {error}.") from None
