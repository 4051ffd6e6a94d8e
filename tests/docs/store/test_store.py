"""Collections of documents stored in files, in memory and read over HTTP."""

import io
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from thalweg.docs import BaseDoc, DocList
from thalweg.docs.store import FileDocStore, delete, list_docs, pull, pull_stream, push, push_stream
from thalweg.docs.typing import NdArray
from thalweg.errors import InvalidDocument, MalformedRequest, MissingDependency


class Page(BaseDoc):
    text: str
    embedding: NdArray[3] | None = None


class Other(BaseDoc):
    count: int


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(params=["file", "path", "memory"])
def folder(request, tmp_path: Path) -> Iterator[str]:
    """An address under which collections can be stored, in stores of several kinds."""
    if request.param == "memory":
        yield "memory://folder"
        MemoryFileSystem.store.clear()
        MemoryFileSystem.pseudo_dirs[:] = [""]
    else:
        yield ("file://" if request.param == "file" else "") + str(tmp_path / "made" / "when needed")


def pages(count: int = 3, text: str = "page") -> DocList[Page]:
    return DocList[Page](Page(text=f"{text} {n}", embedding=[n, 1, 2]) for n in range(count))


def names(folder: str) -> list[str]:
    return [docs.name for docs in list_docs(folder)]


# --- there and back


@pytest.mark.parametrize("options", [{}, {"format": "docarray"}, {"compress": "lz4"}], ids=str)
def test_a_list_comes_back(folder: str, options: dict[str, str]) -> None:
    docs = pages()
    assert docs.push(f"{folder}/a", **options) is None
    back = DocList[Page].pull(f"{folder}/a")
    assert (type(back), back, back.id) == (DocList[Page], docs, docs.id)
    assert list(DocList[Page].pull_stream(f"{folder}/a")) == docs
    DocList[Page].push_stream(iter(docs[:2]), f"{folder}/a", **options)
    assert pull(Page, f"{folder}/a") == docs[:2]
    DocList[Page]().push(f"{folder}/a", **options)
    assert DocList[Page].pull(f"{folder}/a") == []


def test_a_docvec_comes_back(folder: str) -> None:
    push(pages().to_doc_vec(), f"{folder}/a")
    assert DocList[Page].pull(f"{folder}/a").to_doc_vec() == pages().to_doc_vec()


def test_names_with_dots_are_kept_apart(folder: str) -> None:
    for number, name in enumerate(("abc", "abc.v1", "abc.v1.5", ".hidden"), 1):
        pages(number).push(f"{folder}/{name}")
    assert [len(DocList[Page].pull(f"{folder}/{name}")) for name in ("abc", "abc.v1", "abc.v1.5", ".hidden")] == [
        1,
        2,
        3,
        4,
    ]
    assert names(folder) == [".hidden", "abc", "abc.v1", "abc.v1.5"]
    assert DocList[Page].pull(f"{folder}/abc.docs") == pages(1)


def test_collections_are_listed_and_deleted(folder: str) -> None:
    pages().push(f"{folder}/b")
    pages(100).push(f"{folder}/a")
    pages().push(f"{folder}/inner/c")
    found = list_docs(folder)
    assert [docs.name for docs in found] == ["a", "b"]
    assert found[0].size > found[1].size > 100
    assert found[0].modified is not None
    assert found[0].modified.utcoffset() is not None
    assert delete(f"{folder}/a") is True
    assert delete(f"{folder}/a", missing_ok=True) is False
    with pytest.raises(FileNotFoundError, match="No documents are stored under"):
        delete(f"{folder}/a")
    assert names(folder) == ["b"]
    assert names(f"{folder}/inner") == ["c"]


def test_what_is_not_there_is_missed_at_once(folder: str) -> None:
    for missing in (DocList[Page].pull, DocList[Page].pull_stream, partial(DocList[Page].pull, local_cache=True)):
        with pytest.raises(FileNotFoundError, match=r"No documents are stored under .*nothing"):
            missing(f"{folder}/nothing")
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        list_docs(f"{folder}/nowhere")


def test_documents_of_another_class_are_invalid(folder: str) -> None:
    pages().push(f"{folder}/a")
    with pytest.raises(InvalidDocument, match=r"0\.count: Field required"):
        DocList[Other].pull(f"{folder}/a")
    assert DocList.pull(f"{folder}/a").__len__() == 3


# --- whole or not at all


def broken(count: int) -> Iterator[Page]:
    yield from pages(count)
    raise KeyError("no more pages")


@pytest.mark.parametrize("count", [0, 3, 9000])
@pytest.mark.parametrize("form", ["columns", "docarray"])
def test_a_stream_that_breaks_stores_nothing(folder: str, form: str, count: int) -> None:
    pages(1, "old").push(f"{folder}/a")
    for name in ("a", "b"):
        with pytest.raises(KeyError, match="no more pages"):
            push_stream(broken(count), f"{folder}/{name}", format=form)
    assert DocList[Page].pull(f"{folder}/a") == pages(1, "old")
    filesystem, path = fsspec.url_to_fs(folder)
    assert [os.path.basename(name) for name in filesystem.ls(path, detail=False)] == ["a.docs"]


def test_nothing_is_visible_until_all_is_stored(folder: str) -> None:
    seen = []

    def watched() -> Iterator[Page]:
        for number, page in enumerate(pages(9000)):
            if number % 3000 == 0:
                seen.append(names(folder))
            yield page

    pages(1, "old").push(f"{folder}/other")
    push_stream(watched(), f"{folder}/a")
    assert seen == [["other"]] * 3
    assert names(folder) == ["a", "other"]


def test_whoever_reads_while_others_store_gets_one_whole_collection(folder: str) -> None:
    url = f"{folder}/a"
    pages(200, "first").push(url)
    done = threading.Event()

    def store(text: str) -> None:
        for _ in range(8):
            pages(200, text).push(url)

    writers = [threading.Thread(target=store, args=(text,)) for text in ("one", "two")]
    read = []

    def look() -> None:
        while not done.is_set():
            read.append({doc.text.split()[0] for doc in pull_stream(Page, url)})

    reader = threading.Thread(target=look)
    for thread in (reader, *writers):
        thread.start()
    for writer in writers:
        writer.join()
    done.set()
    reader.join()
    assert read
    assert all(texts in ({"first"}, {"one"}, {"two"}) for texts in read)
    assert DocList[Page].pull(url) in (pages(200, "one"), pages(200, "two"))
    assert names(folder) == ["a"]


def test_two_read_one_collection_at_once(folder: str) -> None:
    pages(9000).push(f"{folder}/a")
    one, two = (pull_stream(Page, f"{folder}/a") for _ in range(2))
    assert all(first.text == second.text for first, second in zip(one, two, strict=True))


def test_a_stream_is_stored_and_read_in_constant_memory(folder: str, peak_of) -> None:
    def large(count: int) -> Iterator[Other]:
        for number in range(count):
            yield Row(values=np.full(1 << 17, number, np.float64))

    if folder.startswith("memory"):
        pytest.skip("is in memory")
    assert peak_of(lambda: push_stream(large(64), f"{folder}/a")) < 16 << 20
    assert peak_of(lambda: sum(1 for _ in pull_stream(Row, f"{folder}/a"))) < 16 << 20


class Row(BaseDoc):
    values: NdArray


@pytest.fixture
def peak_of():
    import tracemalloc

    def peak_of(run) -> int:
        tracemalloc.start()
        run()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    return peak_of


# --- addresses


def test_a_bare_name_is_kept_in_the_folder_for_it(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pages().push("file://pages")
    assert DocList[Page].pull("pages") == pages()
    pages().push("deep/er/pages")
    assert sorted(path.relative_to(cache).as_posix() for path in cache.rglob("*.docs")) == [
        "deep/er/pages.docs",
        "pages.docs",
    ]
    assert (names("file://"), names("deep/er")) == (["pages"], ["pages"])
    monkeypatch.delenv("THALWEG_CACHE")
    monkeypatch.setenv("DOCARRAY_CACHE", str(cache / "deep"))
    assert DocList[Page].pull("er/pages") == pages()
    monkeypatch.delenv("DOCARRAY_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    pages().push("file://pages")
    assert (tmp_path / ".cache/thalweg/pages.docs").exists()


def test_paths_begin_with_a_slash_a_tilde_or_a_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for url in ("./here", "file://./there", "~/pages", "file://~/files"):
        pages().push(url)
        assert DocList[Page].pull(url) == pages()
    (tmp_path / "home" / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "home" / "inner")
    assert DocList[Page].pull("../pages") == pages()
    assert (names("."), names(".."), names(str(tmp_path))) == ([], ["files", "pages"], ["here", "there"])


@pytest.mark.parametrize(
    "url",
    ["a/../../b", "file://a\\..\\b", "file://a/..", "memory://a/../../b", "memory://..", "s3://bucket/../other/b"],
)
def test_a_name_does_not_lead_out_of_its_folder(url: str, cache: Path) -> None:
    for call in (pages().push, DocList[Page].pull, delete, list_docs):
        with pytest.raises(ValueError, match=r"leads out of the folder|does not end with the name"):
            call(url)
    assert not cache.parent.joinpath("b.docs").exists()


@pytest.mark.parametrize("url", ["", "file://", "folder/", "/tmp/", "..", "a\0b", "memory://", "memory://a/", "s3://"])
def test_a_collection_needs_a_name(url: str) -> None:
    for call in (pages().push, DocList[Page].pull, delete):
        with pytest.raises(ValueError, match=r"does not end with the name of a collection|leads out"):
            call(url)


def test_an_address_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with jac:, of which no store is known"):
        pages().push("jac://me/pages")
    with pytest.raises(ValueError, match="joins several addresses by '::'"):
        pages().push("simplecache::memory://pages")
    with pytest.raises(TypeError, match="is a file, for which there is no 'key'"):
        pages().push("file://pages", key="x")


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(url: str, **options: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "url_to_fs", missing)
    with pytest.raises(MissingDependency, match=r"Install s3fs to access S3: pip install 'thalweg\[s3\]'"):
        pages().push("s3://bucket/pages")


def test_a_password_in_an_address_is_not_told() -> None:
    with pytest.raises(ValueError, match="memory://folder/") as caught:
        delete("memory://me:secret@folder/")
    assert "secret" not in str(caught.value)


# --- copies


def test_a_copy_is_kept_and_read_until_the_original_changes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages().push("memory://folder/a")
    opened = []
    open_it = MemoryFileSystem.open

    def counted(self, path, mode="rb", **options):
        opened.append(mode)
        return open_it(self, path, mode, **options)

    monkeypatch.setattr(MemoryFileSystem, "open", counted)
    for _ in range(3):
        assert DocList[Page].pull("memory://folder/a", local_cache=True) == pages()
    assert opened == ["rb"]
    pages(3, "new").push("memory://folder/a")
    opened.clear()
    assert DocList[Page].pull("memory://folder/a", local_cache=True) == pages(3, "new")
    assert list(DocList[Page].pull_stream("memory://folder/a", local_cache=True)) == pages(3, "new")
    assert opened == ["rb"]
    assert len(list(cache.rglob("*.docs"))) == 1
    assert names("file://") == []
    MemoryFileSystem.store.clear()
    with pytest.raises(FileNotFoundError):
        DocList[Page].pull("memory://folder/a", local_cache=True)


def test_a_file_is_not_copied(cache: Path, tmp_path: Path) -> None:
    pages().push(f"{tmp_path}/a")
    assert DocList[Page].pull(f"{tmp_path}/a", local_cache=True) == pages()
    assert not cache.exists()


# --- HTTP


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_collection_is_read_over_http_but_not_written(web: str, tmp_path: Path) -> None:
    pages(9000).push(f"{tmp_path}/a")
    assert DocList[Page].pull(f"{web}/a") == pages(9000)
    assert len(DocList[Page].pull(f"{web}/a.docs?token=x")) == 9000
    assert DocList[Page].pull(f"{web}/a", local_cache=True) == pages(9000)
    with pytest.raises(FileNotFoundError, match="No documents are stored under http"):
        DocList[Page].pull(f"{web}/b")
    with pytest.raises(ValueError, match="can be read but not written"):
        pages().push(f"{web}/a")


# --- the rest


def test_progress_is_shown(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    pages().push(f"{folder}/a", show_progress=True)
    assert "Storing" in capsys.readouterr().out
    assert DocList[Page].pull(f"{folder}/a", show_progress=True) == pages()
    assert "Fetching" in capsys.readouterr().out


def test_the_file_store_has_docarrays_name_and_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = str(tmp_path / "pages.v1")
    assert FileDocStore.push(pages(), name, show_progress=False) == {}
    assert FileDocStore.push_stream(iter(pages()), str(tmp_path / "b")) == {}
    assert (tmp_path / "pages.v1.docs").read_bytes()[4:6] == b"\x1f\x8b"
    back = FileDocStore.pull(DocList[Page], name, show_progress=False, local_cache=True)
    assert (type(back), back) == (DocList[Page], pages())
    assert list(FileDocStore.pull_stream(DocList[Page], name, False, False)) == pages()
    assert FileDocStore.list(str(tmp_path), show_table=True) == ["b", "pages.v1"]
    assert "pages.v1" in capsys.readouterr().out
    assert FileDocStore.delete(name) is True
    assert FileDocStore.delete(name, missing_ok=True) is False
    with pytest.raises(FileNotFoundError):
        FileDocStore.delete(name)


def test_something_else_in_the_place_of_a_collection_is_malformed(folder: str) -> None:
    pages().push(f"{folder}/a")
    filesystem, path = fsspec.url_to_fs(f"{folder}/a.docs")
    filesystem.pipe_file(path, b"something else")
    with pytest.raises(MalformedRequest, match="no collection of documents"):
        DocList[Page].pull_stream(f"{folder}/a")
    assert io.BytesIO(filesystem.cat_file(path)).read() == b"something else"
