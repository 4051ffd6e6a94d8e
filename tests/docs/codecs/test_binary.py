"""Documents as bytes, base64 and files."""

import io
import os
import pickle
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from pydantic import Field

from thalweg.docs import AnyDoc, BaseDoc, BaseDocWithoutId, DocList, DocVec
from thalweg.docs.codecs.compression import COMPRESSIONS
from thalweg.docs.typing import ImageUrl, NdArray
from thalweg.errors import InvalidDocument, MalformedRequest

COMPRESS = [None, *COMPRESSIONS]
ONE = ["protobuf", "json", "columns", "pickle"]
WHOLE = ["protobuf-array", "json-array", "columns", "pickle-array"]
STREAMED = ["protobuf", "json", "pickle"]


class Author(BaseDoc):
    name: str = ""


class Page(BaseDoc):
    text: str
    number: int = 0
    embedding: NdArray[3]
    url: ImageUrl | None = None
    author: Author | None = None
    tags: list[str] = Field(default_factory=list)


class Bare(BaseDocWithoutId):
    text: str


class Other(BaseDoc):
    count: int


def pages(count: int = 3) -> DocList[Page]:
    return DocList[Page](
        Page(text=f"page {n}", number=n, embedding=[n, 0.5, -1], author=Author(name="A") if n else None, tags=["a"] * n)
        for n in range(count)
    )


# --- bytes


@pytest.mark.parametrize("compress", COMPRESS)
@pytest.mark.parametrize("protocol", ONE)
def test_a_document_comes_back_from_bytes_and_base64(protocol: str, compress: str | None) -> None:
    doc = pages()[2]
    data = doc.to_bytes(protocol, compress)
    back = Page.from_bytes(data, protocol, compress, allow_pickle=True)
    assert (type(data), type(back), back, back.id) == (bytes, Page, doc, doc.id)
    text = doc.to_base64(protocol, compress)
    assert Page.from_base64(text, protocol, compress, allow_pickle=True) == doc


@pytest.mark.parametrize("compress", COMPRESS)
@pytest.mark.parametrize("protocol", [*WHOLE, *STREAMED])
@pytest.mark.parametrize("array", [DocList, DocVec])
def test_documents_come_back_from_bytes_and_base64(array, protocol: str, compress: str | None) -> None:
    docs = array[Page](pages()[1:])
    data = docs.to_bytes(protocol, compress)
    back = array[Page].from_bytes(data, protocol, compress, allow_pickle=True)
    assert (type(data), type(back), back) == (bytes, array[Page], docs)
    assert [doc.id for doc in back] == [doc.id for doc in docs]
    text = docs.to_base64(protocol, compress)
    assert array[Page].from_base64(text, protocol, compress, allow_pickle=True) == docs


def test_what_is_written_without_a_word_is_read_without_a_word() -> None:
    docs = pages()
    assert Page.from_base64(docs[0].to_base64()) == docs[0] == Page.from_bytes(bytes(docs[0]))
    assert DocList[Page].from_base64(docs.to_base64()) == docs == DocList[Page].from_bytes(bytes(docs))
    vec = docs[1:].to_doc_vec()
    assert DocVec[Page].from_base64(vec.to_base64()) == vec == DocVec[Page].from_bytes(bytes(vec))


@pytest.mark.parametrize("protocol", [*WHOLE, *STREAMED])
def test_an_empty_list_comes_back(protocol: str) -> None:
    assert DocList[Page].from_bytes(DocList[Page]().to_bytes(protocol), protocol, allow_pickle=True) == []


@pytest.mark.parametrize("protocol", ["protobuf-array", "json-array", "columns", "protobuf", "json"])
def test_documents_without_an_id_or_a_class_come_back(protocol: str) -> None:
    bare = DocList[Bare]([Bare(text="a"), Bare(text="b")])
    assert DocList[Bare].from_bytes(bare.to_bytes(protocol), protocol) == bare
    mixed = DocList([Author(name="a"), Other(count=3)])
    back = DocList.from_bytes(mixed.to_bytes(protocol), protocol)
    assert [type(doc) for doc in back] == [AnyDoc, AnyDoc]
    assert (back[0].name, back[1].count, back[0].id) == ("a", 3, mixed[0].id)


@pytest.mark.parametrize("protocol", WHOLE)
def test_every_compression_makes_the_bytes_smaller(protocol: str) -> None:
    docs = DocList[Bare]([Bare(text="the same text in every document")] * 200)
    plain = len(docs.to_bytes(protocol))
    assert all(len(docs.to_bytes(protocol, compress)) < plain / 2 for compress in COMPRESSIONS)


@pytest.mark.parametrize("given", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("protocol", ["protobuf-array", "json-array", "columns", "protobuf", "json"])
def test_any_kind_of_bytes_is_read_and_its_memory_is_not_shared(given, protocol: str) -> None:
    docs = pages()
    data = given(docs.to_bytes(protocol))
    back = DocList[Page].from_bytes(data, protocol)
    back[1].embedding[:] = 7
    assert DocList[Page].from_bytes(data, protocol) == docs


def test_a_stream_begins_as_docarray_writes_it() -> None:
    doc = Bare(text="a")
    body = doc.to_bytes("protobuf")
    expected = b"\x02" + (2).to_bytes(8, "big") + 2 * (len(body).to_bytes(4, "big") + body)
    assert DocList[Bare]([doc, doc]).to_bytes("protobuf") == expected
    assert DocList[Bare].from_bytes(expected, "protobuf") == [doc, doc]


# --- what is refused


@pytest.mark.parametrize("protocol", ["pickle", "pickle-array"])
def test_nothing_is_unpickled_unless_it_may_be(protocol: str, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    data = pickle.dumps(Bomb())
    framed = b"\x02" + (1).to_bytes(8, "big") + len(data).to_bytes(4, "big") + data if protocol == "pickle" else data
    (tmp_path / "docs").write_bytes(framed)
    reads = [
        lambda: DocList[Page].from_bytes(framed, protocol),
        lambda: DocVec[Page].from_bytes(framed, protocol),
        lambda: DocList[Page].load_binary(tmp_path / "docs", protocol),
        lambda: DocList[Page].load_binary(io.BytesIO(framed), protocol),
    ]
    if protocol == "pickle":
        reads += [
            lambda: Page.from_bytes(data, protocol),
            lambda: DocList[Page].load_binary(tmp_path / "docs", protocol, streaming=True),
        ]
    for read in reads:
        with pytest.raises(ValueError, match=r"runs whatever code .* allow_pickle=True .* 'protobuf'"):
            read()
    assert not (tmp_path / "made").exists()


def test_a_pickle_of_something_else_is_refused() -> None:
    data = pickle.dumps(Other(count=1))
    with pytest.raises(InvalidDocument, match="The pickle holds Other, not Page"):
        Page.from_bytes(data, "pickle", allow_pickle=True)
    for held in (DocList[Other]([Other(count=1)]), 5):
        with pytest.raises(InvalidDocument, match=r"not DocList\[Page\]"):
            DocList[Page].from_bytes(pickle.dumps(held), "pickle-array", allow_pickle=True)
    with pytest.raises(InvalidDocument, match="document"):
        DocVec[Page].from_bytes(pickle.dumps([Other(count=1)]), "pickle-array", allow_pickle=True)


def test_a_pickle_whose_class_is_missing_says_so() -> None:
    data = b"cdocarray.array.doc_list.doc_list\nDocList\n."
    with pytest.raises(MalformedRequest, match=r"needs something that is not here: .*docarray.* 'protobuf'"):
        DocList[Page].from_bytes(data, "pickle-array", allow_pickle=True)
    with pytest.raises(MalformedRequest, match="cannot be unpickled"):
        DocList[Page].from_bytes(b"no pickle", "pickle-array", allow_pickle=True)


@pytest.mark.parametrize("protocol", ["protobuf-array", "json-array", "columns", "protobuf", "json"])
def test_documents_of_another_class_are_invalid(protocol: str) -> None:
    data = DocList[Author]([Author(name="a"), Author(name="b")]).to_bytes(protocol)
    with pytest.raises(InvalidDocument, match="count") as caught:
        DocList[Other].from_bytes(data, protocol)
    assert caught.value.details


@pytest.mark.parametrize("protocol", ["protobuf", "json"])
def test_an_error_in_a_stream_says_which_document(protocol: str) -> None:
    good, bad = Other(count=1).to_bytes(protocol), Author().to_bytes(protocol)
    data = b"\x02" + (2).to_bytes(8, "big") + b"".join(len(part).to_bytes(4, "big") + part for part in (good, bad))
    with pytest.raises(InvalidDocument) as caught:
        DocList[Other].from_bytes(data, protocol)
    assert caught.value.details[0]["loc"] == [1, "count"]
    broken = b"\x02" + (2).to_bytes(8, "big") + len(good).to_bytes(4, "big") + good + b"\0\0\0\2\xff\xff"
    with pytest.raises(MalformedRequest, match="Document 1: "):
        DocList[Other].from_bytes(broken, protocol)


@pytest.mark.parametrize("protocol", ["json-array", "columns", "pickle-array", *STREAMED])
@pytest.mark.parametrize("compress", [None, "gzip"])
def test_bytes_that_were_cut_off_are_malformed(protocol: str, compress: str | None) -> None:
    data = pages().to_bytes(protocol, compress)
    for length in range(0, len(data), 11):
        with pytest.raises(MalformedRequest):
            DocList[Page].from_bytes(data[:length], protocol, compress, allow_pickle=True)


@pytest.mark.parametrize("protocol", ["columns", *STREAMED])
def test_bytes_behind_the_documents_are_malformed(protocol: str) -> None:
    with pytest.raises(MalformedRequest, match="There are bytes behind"):
        DocList[Page].from_bytes(pages().to_bytes(protocol) + b"\0", protocol, allow_pickle=True)


@pytest.mark.parametrize(
    "data, message",
    [
        (b"\x01" + bytes(8), "begin with the byte 2, not with 1"),
        (b"", "begin with the byte 2, not with nothing"),
        (b"\x02\0\0", "ends before it says how many"),
        (b"\x02" + b"\xff" * 8, "ends after 0 of 18446744073709551615 documents"),
        (b"\x02" + (1).to_bytes(8, "big") + b"\xff\xff\xff\xffabc", "in the middle of a document"),
        (b"\x02" + (1).to_bytes(8, "big") + b"\0\0", "in the middle of a document"),
    ],
)
def test_a_stream_is_not_believed(data: bytes, message: str) -> None:
    with pytest.raises(MalformedRequest, match=message):
        DocList[Page].from_bytes(data, "protobuf")


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "16 bytes at least"),
        (b"x" * 16, "begin with something else"),
        (b"thalweg\x01" + b"\xff" * 8, "do not fit 16 bytes"),
        (b"thalweg\x01" + (1).to_bytes(8, "little") + b"\xff" * 8, "a buffer of them ends at"),
        (b"thalweg\x01" + bytes(8), "no buffer at all"),
    ],
)
def test_the_lengths_of_columns_are_not_believed(data: bytes, message: str) -> None:
    for read in (DocList[Page].from_bytes, DocVec[Page].from_bytes, Page.from_bytes):
        with pytest.raises(MalformedRequest, match=message):
            read(data, "columns")


def test_a_document_is_not_read_from_columns_of_several() -> None:
    with pytest.raises(MalformedRequest, match="hold 3 documents, not one"):
        Page.from_bytes(pages().to_bytes("columns"), "columns")


def test_documents_that_cannot_be_stacked_are_no_docvec() -> None:
    class Loose(BaseDoc):
        embedding: NdArray

    docs = DocList[Loose]([Loose(embedding=[1]), Loose(embedding=[1, 2])])
    for protocol in ("json-array", "columns", "json"):
        with pytest.raises(InvalidDocument, match="do not make columns"):
            DocVec[Loose].from_bytes(docs.to_bytes(protocol), protocol)


def test_names_that_are_not_known_are_told_with_the_nearest_one(tmp_path: Path) -> None:
    docs = pages()
    for call in (docs.to_bytes, lambda name: docs.save_binary(tmp_path / "x", name)):
        with pytest.raises(ValueError, match="There is no protocol 'protobuf-arry'; did you mean 'protobuf-array'"):
            call("protobuf-arry")
    with pytest.raises(ValueError, match="There is no protocol 'colums'; did you mean 'columns'"):
        docs[0].to_bytes("colums")
    with pytest.raises(ValueError, match="There is no compression 'lz5'; did you mean 'lz4'"):
        DocList[Page].load_binary(b"", "json", "lz5")
    with pytest.raises(ValueError, match="There is no compression 'lz5'; did you mean 'lz4'"):
        Page.from_bytes(b"", "json", "lz5")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("protocol", ["json-array", "json", "columns"])
def test_a_bomb_is_refused_unless_it_is_allowed(protocol: str) -> None:
    docs = DocList[Bare]([Bare(text="a" * 100_000)])
    data = docs.to_bytes(protocol, "gzip")
    with pytest.raises(MalformedRequest, match="more than 1,000 bytes"):
        DocList[Bare].from_bytes(data, protocol, "gzip", max_bytes=1000)
    assert DocList[Bare].from_bytes(data, protocol, "gzip", max_bytes=200_000) == docs
    with pytest.raises(MalformedRequest, match="more than 1,000 bytes"):
        DocList[Bare].load_binary(data, protocol, "gzip", max_bytes=1000)


@pytest.mark.parametrize("text", ["a", "ä===", "a b=", "AAAA-_=="])
def test_text_that_is_not_base64_is_malformed(text: str) -> None:
    with pytest.raises(MalformedRequest, match="not base64"):
        DocList[Page].from_base64(text)


# --- files


@pytest.mark.parametrize("compress", COMPRESS)
@pytest.mark.parametrize("protocol", [*WHOLE, *STREAMED])
@pytest.mark.parametrize("array", [DocList, DocVec])
def test_a_file_comes_back(array, protocol: str, compress: str | None, tmp_path: Path) -> None:
    docs = array[Page](pages()[1:])
    docs.save_binary(tmp_path / "docs", protocol, compress)
    assert (tmp_path / "docs").read_bytes() == docs.to_bytes(protocol, compress) or "pickle" in protocol
    back = array[Page].load_binary(str(tmp_path / "docs"), protocol, compress, allow_pickle=True)
    assert (type(back), back) == (array[Page], docs)


@pytest.mark.parametrize(
    "name, protocol, compress",
    [
        ("x.protobuf.lz4", "protobuf", "lz4"),
        ("x.gzip.json", "json", "gzip"),
        ("x.json-array", "json-array", None),
        ("x.columns.bz2.docs", "columns", "bz2"),
        ("x.protobuf.json.zlib.gzip", "json", "gzip"),
        ("x.y", "json-array", "zlib"),
        ("protobuf", "json-array", "zlib"),
    ],
)
def test_suffixes_of_a_path_win_over_the_arguments(
    name: str, protocol: str, compress: str | None, tmp_path: Path
) -> None:
    docs, path = pages(), tmp_path / name
    given = compress if compress is None else "zlib"
    docs.save_binary(path, "json-array", given)
    assert path.read_bytes() == docs.to_bytes(protocol, compress)
    assert DocList[Page].load_binary(path, "json-array", given) == docs
    if protocol in STREAMED:
        assert list(DocList[Page].load_binary(path, "json-array", given, streaming=True)) == docs


def test_a_file_that_is_open_is_written_and_read_where_it_stands() -> None:
    docs, file = pages(), io.BytesIO()
    file.write(b"before")
    docs.save_binary(file, "json")
    docs[:1].save_binary(file, "protobuf")
    assert not file.closed
    file.seek(6)
    assert list(DocList[Page].load_binary(file, "json", streaming=True)) == docs
    assert DocList[Page].load_binary(file, "protobuf") == docs[:1]
    assert not file.closed
    assert DocList[Page].load_binary(docs.to_bytes("columns"), "columns") == docs


def test_a_file_that_is_missing_is_missed_at_once(tmp_path: Path) -> None:
    for options in ({}, {"protocol": "protobuf"}, {"protocol": "protobuf", "streaming": True}):
        with pytest.raises(FileNotFoundError, match="nothing-there"):
            DocList[Page].load_binary(tmp_path / "nothing-there", **options)


@pytest.mark.parametrize("protocol", WHOLE)
def test_what_is_all_in_one_cannot_be_streamed(protocol: str, tmp_path: Path) -> None:
    pages().save_binary(tmp_path / "x", protocol)
    with pytest.raises(ValueError, match=f"'{protocol}' are all in one .* 'protobuf', 'json', 'pickle' can"):
        DocList[Page].load_binary(tmp_path / "x", protocol, allow_pickle=True, streaming=True)


class Interrupted(BaseDoc):
    """Cannot be written once it is told so."""

    text: str = "a" * 1000

    def to_json(self) -> str:
        if self.text == "stop":
            raise KeyboardInterrupt
        return super().to_json()


def test_a_save_that_is_interrupted_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "docs"
    path.write_bytes(b"old")
    docs = DocList[Interrupted]([Interrupted() for _ in range(9000)] + [Interrupted(text="stop")])
    with pytest.raises(KeyboardInterrupt):
        docs.save_binary(path, "json")
    assert (os.listdir(tmp_path), path.read_bytes()) == (["docs"], b"old")


def test_a_process_that_is_killed_while_it_saves_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "docs"
    path.write_bytes(b"old")
    code = """
import os, signal, sys
from thalweg.docs import BaseDoc, DocList
class Last(BaseDoc):
    text: str = "a" * 1000
    def to_json(self):
        if self.text == "stop":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().to_json()
DocList[Last]([Last() for _ in range(5000)] + [Last(text="stop")]).save_binary(sys.argv[1], "json")
"""
    done = subprocess.run([sys.executable, "-c", code, path], timeout=250, check=False)
    assert done.returncode == -9
    assert path.read_bytes() == b"old"
    assert [name for name in os.listdir(tmp_path) if not name.endswith(".part")] == ["docs"]


def test_a_file_keeps_its_permissions_and_a_new_one_gets_the_usual_ones(tmp_path: Path) -> None:
    path, link = tmp_path / "docs", tmp_path / "link"
    (tmp_path / "usual").write_bytes(b"")
    pages().save_binary(path)
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode
    path.chmod(0o600)
    link.symlink_to(path)
    pages(1).save_binary(link)
    assert (stat.S_IMODE(path.stat().st_mode), link.is_symlink()) == (0o600, True)
    assert len(DocList[Page].load_binary(path)) == 1


def test_a_pipe_is_written_directly(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    pages().save_binary(tmp_path / "pipe", "json")
    reader.join()
    assert DocList[Page].from_bytes(found[0], "json") == pages()


def test_whoever_reads_while_a_file_is_replaced_reads_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "docs.json"
    pages(50).save_binary(path)
    docs = DocList[Page].load_binary(path, streaming=True)
    assert next(docs).number == 0
    pages(1).save_binary(path)
    assert len(list(docs)) == 49
    assert len(DocList[Page].load_binary(path)) == 1


STREAM = """
import resource, sys
import numpy as np
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.typing import NdArray

class Row(BaseDoc):
    embedding: NdArray

docs = DocList[Row].load_binary(sys.argv[1], streaming=True)
next(docs)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = sum(1 for _ in docs)
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


class Row(BaseDoc):
    embedding: NdArray


@pytest.mark.parametrize("name", ["rows.protobuf", "rows.protobuf.lz4"])
def test_a_large_file_is_streamed_in_constant_memory(name: str, tmp_path: Path) -> None:
    row = Row(embedding=np.random.default_rng(0).random(1 << 15, dtype=np.float32))  # 128 KiB
    DocList[Row]([row] * 512).save_binary(tmp_path / name)
    assert (tmp_path / name).stat().st_size > 60 << 20
    code = [sys.executable, "-c", STREAM, tmp_path / name]
    done = subprocess.run(code, capture_output=True, text=True, timeout=250, check=True)
    count, grown = map(int, done.stdout.split())
    assert (count, grown * 1024 < 16 << 20) == (511, True), grown


def test_progress_is_shown_while_documents_are_saved_and_loaded(tmp_path: Path, capsys) -> None:
    docs = pages()
    docs.save_binary(tmp_path / "x", "json", show_progress=True)
    assert "Saving" in capsys.readouterr().out
    assert DocList[Page].load_binary(tmp_path / "x", "json", show_progress=True) == docs
    assert "Loading" in capsys.readouterr().out
