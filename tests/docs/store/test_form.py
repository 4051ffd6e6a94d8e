"""The layouts of stored collections: ours, and those that DocArray writes."""

import gzip
import io
import os
import pickle
import subprocess
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.docs.codecs.schemas import WIDE, lists_of, schemas
from thalweg.docs import AnyDoc, BaseDoc, DocList
from thalweg.docs.codecs.binary import chunks
from thalweg.docs.codecs.compression import COMPRESSIONS
from thalweg.docs.store.form import MAGIC, documents_of, pieces_of
from thalweg.docs.typing import ImageUrl, NdArray
from thalweg.errors import InvalidDocument, MalformedRequest

WRITTEN = Path(__file__).parent / "written_by_docarray"
COMPRESS = [None, *COMPRESSIONS]


class Author(BaseDoc):
    name: str = ""


class Page(BaseDoc):
    text: str
    number: int
    embedding: NdArray[3]
    url: ImageUrl | None
    author: Author | None
    tags: list[str]


class Word(BaseDoc):
    text: str


def pages() -> DocList[Page]:
    """What `write_with_docarray.py` writes."""
    return DocList[Page](
        Page(
            id=f"page{n}",
            text=f"page {n}",
            number=n,
            embedding=np.array([n, 0.5, -1], np.float32),
            url="river.png" if n else None,
            author=Author(id="a", name="Ä") if n else None,
            tags=["a"] * n,
        )
        for n in range(3)
    )


def stored(docs: Any, form: str = "columns", compress: str | None = None) -> bytes:
    return b"".join(pieces_of(docs, form, compress))


def read(data: bytes, doc_type: Any = Page, allow_pickle: bool = False, max_bytes: int | None = None) -> list[Any]:
    return list(documents_of(io.BytesIO(data), doc_type, allow_pickle, max_bytes))


@pytest.mark.parametrize("compress", COMPRESS)
def test_documents_come_back(compress: str | None) -> None:
    for docs in (pages(), DocList[Page](), pages() * 2000):
        data = stored(docs, "columns", compress)
        assert read(data) == docs
        assert [doc.id for doc in read(data)] == docs.id
    assert [doc.text for doc in read(data, AnyDoc)[:3]] == pages().text


def test_documents_come_back_in_docarrays_form() -> None:
    for compress in (None, "gzip"):
        assert read(stored(pages(), "docarray", compress)) == pages()
    assert stored([], "docarray") == bytes(4)
    body = pages()[0].to_bytes("protobuf")
    data = stored(pages()[:1], "docarray")
    assert int.from_bytes(data[:4], "big") == len(data) - 8
    assert gzip.decompress(data[4:-4]) == body


def test_what_docarray_stored_in_files_is_read() -> None:
    assert read((WRITTEN / "pages.docs").read_bytes()) == pages()
    assert read((WRITTEN / "empty.docs").read_bytes()) == []


@pytest.mark.parametrize("path", sorted(WRITTEN.glob("pages.protobuf*")), ids=lambda path: path.name)
def test_what_docarray_saved_is_read(path: Path) -> None:
    docs = DocList[Page].load_binary(path)
    assert docs == pages()
    assert (docs[1].id, docs[1].embedding.dtype, docs[1].embedding.flags.writeable) == ("page1", np.float32, True)
    if "array" not in path.name:
        assert list(DocList[Page].load_binary(path, streaming=True)) == pages()


@pytest.mark.skipif("DOCARRAY_PYTHON" not in os.environ, reason="needs the Python of an environment with docarray 0.40")
def test_docarray_reads_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "pages.docs").write_bytes(stored(pages(), "docarray"))
    (tmp_path / "empty.docs").write_bytes(stored([], "docarray"))
    for path in WRITTEN.glob("pages.protobuf*"):
        pages().save_binary(tmp_path / path.name)
    script = Path(__file__).with_name("write_with_docarray.py")
    command = [os.environ["DOCARRAY_PYTHON"], "-W", "ignore", script, "--read", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("the same") == 13


def as_docarray_in_s3(docs: list[Any]) -> bytes:
    bodies = [pickle.dumps(doc) for doc in docs]
    return gzip.compress(b"".join(len(body).to_bytes(4, "big") + body for body in bodies) + bytes(4))


def test_what_docarray_stores_in_s3_is_read_only_where_it_may_run_code() -> None:
    data = as_docarray_in_s3(pages())
    with pytest.raises(ValueError, match="allow_pickle=True"):
        read(data)
    assert read(data, allow_pickle=True) == pages()
    with pytest.raises(MalformedRequest, match=r"behind \d documents|was cut off|middle of a document"):
        read(data[:-20], allow_pickle=True)
    with pytest.raises(InvalidDocument, match="holds Page, not Word"):
        read(data, Word, allow_pickle=True)
    with pytest.raises(MalformedRequest, match="something that is not here"):
        read((WRITTEN / "pickled.docs").read_bytes(), allow_pickle=True)


@pytest.mark.parametrize("form", ["columns", "docarray"])
@pytest.mark.parametrize("compress", [None, "gzip"])
def test_a_collection_that_was_cut_off_is_malformed(form: str, compress: str | None) -> None:
    data = stored(pages(), form, compress)
    for length in range(len(data)):
        with pytest.raises(MalformedRequest):
            read(data[:length])


def test_documents_before_the_cut_are_read_and_then_the_error_comes() -> None:
    docs = documents_of(io.BytesIO(stored(pages(), "docarray")[:-4]), Page, False, None)
    assert [next(docs) for _ in range(3)] == pages()
    with pytest.raises(MalformedRequest, match="no end behind 3 documents"):
        next(docs)


def test_an_error_says_which_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MOST", 2)
    mixed = [*(Word(text="a") for _ in range(3)), Author(name="b")]
    for form in ("columns", "docarray"):
        with pytest.raises(InvalidDocument, match=r"^3\.text: Field required") as caught:
            read(stored(mixed, form), Word)
        assert caught.value.details[0]["loc"] == [3, "text"]


@pytest.mark.parametrize(
    "data, message",
    [
        (b"something else", "no collection of documents"),
        (MAGIC + b"zip\0" + bytes(16), "compressed with 'zip', which is not known"),
        (MAGIC + bytes(4) + bytes(8) + (1).to_bytes(8, "big"), "holds 0 documents"),
        (MAGIC + bytes(4) + b"\xff" * 8 + b"abc", "was cut off"),
        (MAGIC + bytes(4) + (3).to_bytes(8, "big") + b"abc", "16 bytes at least"),
        (b"\0\0\0\xff\x1f\x8babc", "middle of a document"),
        (b"\0\0\0\x04\x1f\x8b\x08\0", "its end is missing"),
    ],
)
def test_what_is_stored_is_not_believed(data: bytes, message: str) -> None:
    with pytest.raises(MalformedRequest, match=message):
        read(data)


@settings(deadline=None, max_examples=200)
@given(st.data(), st.sampled_from([("columns", None), ("columns", "lz4"), ("docarray", None)]))
def test_whatever_is_stored_ends_in_documents_or_in_one_of_two_errors(data, form) -> None:
    good = stored(pages(), *form)
    at = data.draw(st.integers(0, len(good) - 1))
    end = data.draw(st.integers(at, min(len(good), at + 8)))
    with suppress(MalformedRequest, InvalidDocument):
        read(good[:at] + data.draw(st.binary(max_size=8)) + good[end:])


@settings(deadline=None, max_examples=40, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data(), st.sampled_from([None, "lz4"]))
def test_documents_of_any_class_come_back(data: st.DataObject, compress: str | None) -> None:
    schema = data.draw(schemas(WIDE))
    docs = data.draw(lists_of(schema))
    back = read(stored(docs, "columns", compress), schema.doc_type)
    assert (back, [doc.id for doc in back]) == (docs, docs.id)
    again = type(docs).from_bytes(docs.to_bytes("columns", compress), "columns", compress)
    assert (again, again.id) == (docs, docs.id)


@pytest.mark.parametrize("form", ["columns", "docarray"])
def test_a_bomb_is_refused_unless_it_is_allowed(form: str) -> None:
    docs = DocList[Word]([Word(text="a" * 100_000)])
    data = stored(docs, form, "gzip")
    with pytest.raises(MalformedRequest, match="more than 1,000 bytes"):
        read(data, Word, max_bytes=1000)
    assert read(data, Word, max_bytes=200_000) == docs


def test_options_that_are_not_known_are_told() -> None:
    with pytest.raises(ValueError, match="There is no form 'colums'; did you mean 'columns'"):
        pieces_of([], "colums", None)
    with pytest.raises(ValueError, match="There is no compression 'zip'"):
        pieces_of([], "columns", "zip")
    with pytest.raises(ValueError, match="compressed with gzip, not with lz4"):
        pieces_of([], "docarray", "lz4")
    for form in ("columns", "docarray"):
        with pytest.raises(TypeError, match="Documents are written, not str"):
            stored(["text"], form)


class Large(BaseDoc):
    tensor: NdArray | None = None
    data: bytes = b""
    nested: Word | None = None
    many: list[NdArray] = []  # noqa: RUF012  # pydantic copies it


def large(count: int, **fields: Any) -> Iterator[Large]:
    for _ in range(count):
        yield Large(**{name: make() for name, make in fields.items()})


@pytest.mark.parametrize(
    "fields",
    [
        {"tensor": lambda: np.zeros(1 << 17)},
        {"data": lambda: bytes(1 << 20)},
        {"nested": lambda: Word(text="a" * (1 << 20))},
        {"many": lambda: [np.zeros(1 << 16)] * 2},
    ],
    ids=lambda fields: next(iter(fields)),
)
@pytest.mark.parametrize("form", ["columns", "docarray"])
def test_large_documents_are_stored_and_read_in_constant_memory(
    form: str, fields: dict[str, Any], tmp_path: Path
) -> None:
    tracemalloc.start()
    with (tmp_path / "docs").open("wb") as file:
        for piece in pieces_of(large(40, **fields), form, None):
            file.write(piece)
    with (tmp_path / "docs").open("rb") as file:
        assert sum(1 for _ in documents_of(file, Large, False, None)) == 40
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20
