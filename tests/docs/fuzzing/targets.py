"""Everything that reads bytes of strangers, with bytes to begin with, and what it may raise."""

import io
import json as plain
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.docs.codecs.protobuf import fuzzing
from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.docs.codecs import json
from thalweg.docs.codecs.compression import COMPRESSIONS, compressed, decompressed
from thalweg.docs.index import InMemoryExactNNIndex, LayoutMismatch
from thalweg.docs.query import parse
from thalweg.docs.schema import create_base_doc_from_schema
from thalweg.docs.store.form import documents_of, pieces_of
from thalweg.docs.typing import NdArray
from thalweg.errors import InvalidDocument, MalformedRequest, PayloadTooLarge

FOUND = (MalformedRequest, InvalidDocument)
MOST = 1 << 20
"""Bytes that may come out of a decompressor here."""


class Target(NamedTuple):
    """`read` ends in documents or in one of `errors`, whatever the bytes are."""

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    errors: tuple[type[Exception], ...] = FOUND


class Vector(BaseDoc):
    text: str = ""
    embedding: NdArray[3]


class Row(BaseDoc):
    text: str
    number: int = 0
    score: float | None = None
    truth: bool = False
    blob: bytes = b""
    tags: list[str] = []  # noqa: RUF012
    anything: Any = None
    vector: Vector | None = None
    child: "Row | None" = None


VECTORS = DocList[Vector]([Vector(id=str(n), text="[a" * n, embedding=[n, 0.5, -1]) for n in range(4)])
ROWS = DocList[Row](
    [
        Row(id="a", text="a", score=1.5, blob=b"\xff", tags=["x"], anything={"n": [1, None]}),
        Row(id="b", text='"b",\n', vector=Vector(id="v", embedding=np.arange(3)), child=Row(id="c", text="c")),
    ]
)


def array_reader(protocol: str, compress: str | None = None) -> Callable[[bytes], object]:
    """Reads several documents as lists and columns of classes, and without any."""

    def read(data: bytes) -> None:
        for array in (DocList[Row], DocList[Vector], DocVec[Vector], DocList[AnyDoc]):
            try:
                for doc in array.from_bytes(data, protocol, compress, max_bytes=MOST):
                    repr(doc)
            except FOUND:
                continue

    return read


def arrays(protocol: str, compress: str | None = None) -> Target:
    written = tuple(docs.to_bytes(protocol, compress) for docs in (ROWS, VECTORS, VECTORS.to_doc_vec()))
    return Target(array_reader(protocol, compress), written)


def read_messages(data: bytes) -> None:
    fuzzing.read(data)


def read_body(data: bytes) -> None:
    for doc_type in (Row, None):
        try:
            json.decode(data, doc_type)
        except FOUND:
            continue


def read_base64(data: bytes) -> None:
    Row.from_base64(data.decode("latin-1"), "protobuf", "zlib", max_bytes=MOST)


def in_a_file(read: Callable[[Path], object]) -> Callable[[bytes], None]:
    """A reader of bytes, of one that reads a file."""
    folder = Path(tempfile.mkdtemp(prefix="thalweg-fuzzing-"))

    def reading(data: bytes) -> None:
        path = folder / "data"
        path.write_bytes(data)
        read(path)

    return reading


def read_parquet(data: bytes) -> None:
    for array in (DocList[Row], DocList[Vector], DocVec[Vector]):
        try:
            array.from_parquet(io.BytesIO(data), limit=16 * MOST)
        except (*FOUND, PayloadTooLarge):
            continue


def read_schema(data: bytes) -> None:
    try:
        schema = plain.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(schema, dict):
        made: Any = create_base_doc_from_schema(schema, "Made")
        repr(made.model_fields)


def read_query(data: bytes) -> None:
    parse(data)


def read_stored(data: bytes) -> None:
    for doc in documents_of(io.BytesIO(data), Row, False, MOST):
        repr(doc)


def decompressor(name: str) -> Target:
    return Target(lambda data: decompressed(data, name, MOST), (bytes(compressed(b"abc" * 50, name)),))


def stored(form: str, compress: str | None) -> bytes:
    return b"".join(pieces_of(ROWS, form, compress))


def csv_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        ROWS.to_csv(path := Path(folder) / "rows.csv")
        return path.read_bytes()


def parquet_file() -> bytes:
    ROWS.to_parquet(file := io.BytesIO())
    return file.getvalue()


def index_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        InMemoryExactNNIndex[Vector](VECTORS).persist(path := Path(folder) / "index")
        return path.read_bytes()


def _targets() -> Iterator[tuple[str, Target]]:
    for protocol in ("json-array", "columns", "protobuf-array", "json", "protobuf"):
        yield protocol, arrays(protocol)
    for name in COMPRESSIONS:
        yield f"protobuf.{name}", arrays("protobuf", name)
        yield name, decompressor(name)
    yield "messages", Target(read_messages, fuzzing.MESSAGES)
    yield "body", Target(read_body, (json.encode(ROWS, {"a": 1}),))
    yield "base64", Target(read_base64, (ROWS[0].to_base64("protobuf", "zlib").encode(),))
    yield "csv", Target(in_a_file(DocList[Row].from_csv), (csv_file(),), (*FOUND, ValueError))
    yield "parquet", Target(read_parquet, (parquet_file(),))
    schemas = tuple(plain.dumps(doc_type.model_json_schema()).encode() for doc_type in (Row, Vector))
    yield "schema", Target(read_schema, schemas, (ValueError,))
    query = b'{"$or": [{"text": {"$regex": "^a+"}}, {"child__number": {"$in": [1, "{number}"]}}]}'
    yield "query", Target(read_query, (query,), (ValueError,))
    yield (
        "store",
        Target(
            read_stored,
            (stored("columns", None), stored("columns", "lz4"), stored("docarray", None)),
            (*FOUND, ValueError),
        ),
    )
    read_index = in_a_file(lambda path: len(InMemoryExactNNIndex[Vector](index_file_path=path)))
    yield "index", Target(read_index, (index_file(), VECTORS.to_bytes("protobuf", "gzip")), (*FOUND, LayoutMismatch))


TARGETS = dict(_targets())
