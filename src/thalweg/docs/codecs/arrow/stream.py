"""Documents as one buffer: a table in the streaming format of Arrow's IPC
(https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format).
"""

from __future__ import annotations

from typing import Any

from thalweg.docs.codecs.arrow.decoder import decode
from thalweg.docs.codecs.arrow.encoder import encode
from thalweg.docs.codecs.arrow.library import pa
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import BaseDocWithoutId
from thalweg.errors import MalformedRequest


def encode_stream(docs: DocList[Any] | DocVec[Any]) -> memoryview:
    """`docs` as a stream of record batches."""
    table = encode(docs)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return memoryview(sink.getvalue())


def decode_stream(data: bytes | bytearray | memoryview, doc_type: type[BaseDocWithoutId] | None) -> DocList[Any]:
    """The documents of a stream of record batches; tensors view `data`.

    Raises:
        MalformedRequest: the bytes are no such stream.
        InvalidDocument: documents do not fit the class; `details` says which row and which field.
    """
    try:
        with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
            table = reader.read_all()
    except (pa.ArrowException, OSError) as error:
        raise MalformedRequest(f"The body is no Arrow stream: {error}.") from None
    return decode(table, doc_type)
