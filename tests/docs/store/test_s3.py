"""Collections of documents in S3, which moto's server on this machine stands for."""

import gc
import gzip
import logging
import pickle
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from thalweg.docs import BaseDoc, DocList
from thalweg.docs.store import S3DocStore, delete, list_docs, pull_stream, push_stream, remote
from thalweg.docs.typing import NdArray


class Page(BaseDoc):
    text: str
    embedding: NdArray[3] | None = None


class Block(BaseDoc):
    data: NdArray


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": server,
        "THALWEG_CACHE": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()
    bucket = boto3.resource("s3").create_bucket(Bucket="bucket")
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()


def pages(count: int = 3, text: str = "page") -> DocList[Page]:
    return DocList[Page](Page(text=f"{text} {n}", embedding=[n, 1, 2]) for n in range(count))


def blocks(count: int) -> Iterator[Block]:
    """A MiB each."""
    data = np.zeros(1 << 17)
    return (Block(data=data) for _ in range(count))


def keys(bucket: Any) -> list[str]:
    return [held.key for held in bucket.objects.all()]


def uploads(bucket: Any) -> list[Any]:
    return list(bucket.multipart_uploads.all())


@pytest.mark.parametrize("options", [{}, {"format": "docarray"}], ids=["columns", "docarray"])
def test_a_list_comes_back_and_is_listed_and_deleted(bucket: Any, options: dict[str, Any]) -> None:
    for name, count in (("folder/a", 3), ("folder/a.v1", 5), ("b", 0)):
        pages(count).push(f"s3://bucket/{name}", **options)
        assert DocList[Page].pull(f"s3://bucket/{name}") == pages(count)
    assert keys(bucket) == ["b.docs", "folder/a.docs", "folder/a.v1.docs"]
    assert [docs.name for docs in list_docs("s3://bucket/folder")] == ["a", "a.v1"]
    assert [docs.name for docs in list_docs("s3://bucket")] == ["b"]
    assert delete("s3://bucket/folder/a") is True
    assert delete("s3://bucket/folder/a", missing_ok=True) is False
    for call in (delete, DocList[Page].pull, DocList[Page].pull_stream):
        with pytest.raises(FileNotFoundError, match="No documents are stored under s3://bucket/folder/a"):
            call("s3://bucket/folder/a")
    with pytest.raises(FileNotFoundError, match="There is no folder s3://bucket/nowhere"):
        list_docs("s3://bucket/nowhere")


def test_what_somebody_else_changes_is_seen(bucket: Any) -> None:
    pages().push("s3://bucket/a")
    assert [docs.name for docs in list_docs("s3://bucket")] == ["a"]
    bucket.Object("b.docs").copy({"Bucket": "bucket", "Key": "a.docs"})
    bucket.Object("a.docs").delete()
    assert [docs.name for docs in list_docs("s3://bucket")] == ["b"]
    assert DocList[Page].pull("s3://bucket/b") == pages()
    with pytest.raises(FileNotFoundError):
        DocList[Page].pull("s3://bucket/a")


def test_the_options_of_the_filesystem_may_be_given(bucket: Any, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    S3FileSystem.clear_instance_cache()
    options = {"endpoint_url": server, "key": "key", "secret": "secret"}
    pages().push("s3://bucket/a", **options)
    assert DocList[Page].pull("s3://bucket/a", **options) == pages()
    assert [docs.name for docs in list_docs("s3://bucket", **options)] == ["a"]
    assert delete("s3://bucket/a", **options) is True


def test_a_stream_of_many_parts_is_stored_and_read_part_by_part(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "WRITE_BLOCK", 5 << 20)
    monkeypatch.setattr(remote, "READ_BLOCK", 2 << 20)
    push_stream(blocks(12), "s3://bucket/a")
    assert '-3"' in bucket.Object("a.docs").e_tag  # the number of its parts
    assert sum(1 for _ in pull_stream(Block, "s3://bucket/a")) == 12


@pytest.mark.parametrize("count", [1, 12], ids=["one part", "many parts"])
def test_an_upload_that_breaks_leaves_nothing(bucket: Any, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "WRITE_BLOCK", 5 << 20)
    pages(1, "old").push("s3://bucket/a")
    seen = []

    def broken() -> Iterator[Block]:
        yield from blocks(count)
        seen.append((keys(bucket), len(uploads(bucket))))
        raise KeyError("no more")

    for name in ("a", "b"):
        with pytest.raises(KeyError, match="no more"):
            push_stream(broken(), f"s3://bucket/{name}")
    gc.collect()  # a file that is forgotten while it is open would be completed here
    assert seen == [(["a.docs"], int(count > 1))] * 2
    assert (keys(bucket), uploads(bucket)) == (["a.docs"], [])
    assert DocList[Page].pull("s3://bucket/a") == pages(1, "old")


def test_an_upload_that_the_server_refuses_leaves_nothing(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "WRITE_BLOCK", 5 << 20)
    with pytest.raises(FileNotFoundError):
        push_stream(blocks(1), "s3://no-such-bucket/a")

    async def refused(self: S3FileSystem, method: str, *options: Any, **more: Any) -> Any:
        if method == "complete_multipart_upload":
            raise PermissionError("not today")
        return await call(self, method, *options, **more)

    call = S3FileSystem._call_s3
    with monkeypatch.context() as patch:
        patch.setattr(S3FileSystem, "_call_s3", refused)
        patch.setattr("s3fs.core.S3File._call_s3", _through(refused))
        with pytest.raises(PermissionError, match="not today"):
            push_stream(blocks(12), "s3://bucket/a")
    assert (keys(bucket), uploads(bucket)) == ([], [])


def _through(call: Any) -> Any:
    from fsspec.asyn import sync

    def through(file: Any, method: str, *options: Any, **more: Any) -> Any:
        return sync(file.fs.loop, call, file.fs, method, file.s3_additional_kwargs, *options, **more)

    return through


def test_of_two_that_store_at_once_one_wins(bucket: Any) -> None:
    threads = [Thread(target=pages(500, text).push, args=("s3://bucket/a",)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert DocList[Page].pull("s3://bucket/a") in (pages(500, "one"), pages(500, "two"))


def test_a_collection_that_is_replaced_while_it_is_read_is_not_mixed(
    bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "READ_BLOCK", 1 << 20)
    push_stream(blocks(6), "s3://bucket/a")
    docs = pull_stream(Block, "s3://bucket/a")
    next(docs)
    push_stream(blocks(7), "s3://bucket/a")
    with pytest.raises(OSError, match="no longer exists"):
        list(docs)


def test_a_copy_is_read_until_the_original_changes(bucket: Any, tmp_path: Path) -> None:
    pages().push("s3://bucket/a")
    assert DocList[Page].pull("s3://bucket/a", local_cache=True) == pages()
    (copy,) = tmp_path.rglob("*.docs")
    copy.write_bytes(b"".join([copy.read_bytes()]))
    written = copy.stat().st_mtime_ns
    assert DocList[Page].pull("s3://bucket/a", local_cache=True) == pages()
    assert copy.stat().st_mtime_ns == written
    pages(3, "new!").push("s3://bucket/a")
    assert DocList[Page].pull("s3://bucket/a", local_cache=True) == pages(3, "new!")
    assert len(list(tmp_path.rglob("*.docs"))) == 1


def test_the_store_has_docarrays_name_and_writes_what_is_safe(bucket: Any) -> None:
    assert S3DocStore.push(pages(), "bucket/a", show_progress=False) == {}
    assert bucket.Object("a.docs").get()["Body"].read()[4:6] == b"\x1f\x8b"
    assert S3DocStore.pull(DocList[Page], "bucket/a", False, False) == pages()
    assert S3DocStore.list("bucket") == ["a"]
    assert (S3DocStore.delete("bucket/a"), S3DocStore.delete("bucket/a")) == (True, False)
    with pytest.raises(FileNotFoundError):
        S3DocStore.delete("bucket/a", missing_ok=False)


def test_what_docarray_stored_is_read_only_where_it_may_run_code(bucket: Any) -> None:
    bodies = [pickle.dumps(page) for page in pages()]
    framed = b"".join(len(body).to_bytes(4, "big") + body for body in bodies) + bytes(4)
    bucket.put_object(Key="a.docs", Body=gzip.compress(framed))
    with pytest.raises(ValueError, match="allow_pickle=True"):
        DocList[Page].pull("s3://bucket/a")
    assert DocList[Page].pull("s3://bucket/a", allow_pickle=True) == pages()
