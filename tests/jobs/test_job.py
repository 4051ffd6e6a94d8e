import csv
import gzip
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.jobs.executors import Encoder, Speaker
from thalweg import Deployment
from thalweg.errors import (
    ConfigurationError,
    EndpointNotFound,
    ExecutorFailed,
    InvalidDocument,
    MalformedRequest,
    PeerLost,
    Unavailable,
)
from thalweg.jobs import BatchJob, Summary, check_job, run_job
from thalweg.jobs.forms import UnlikeAnswers
from thalweg.jobs.place import LocalFilePlace
from thalweg.jobs.source import PARCEL_BYTES


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with Deployment(uses=Encoder, protocol="grpc") as deployment:
        yield deployment.private_address


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A thousand documents."""
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps({"id": str(n), "text": "x" * (n % 7)}) + "\n" for n in range(1000)))
    return path


def job(inputs: Path | str, output: Path | str, on: str = "/encode", **more) -> BatchJob:
    return BatchJob(on, (str(inputs),), str(output), **{"request_size": 10, "part_size": 100, **more})


def lines(path: Path) -> list[dict]:
    text = gzip.decompress(path.read_bytes()).decode() if path.name.endswith(".gz") else path.read_text()
    return [json.loads(line) for line in text.splitlines()]


class Interrupted(Exception):
    """Somebody pulled the plug."""


def interrupted(job: BatchJob, address: str, after: int) -> None:
    """Run until `after` documents were read, and no further."""

    def tell(progress) -> None:
        if progress.read >= after:
            raise Interrupted

    with pytest.raises(Interrupted):
        run_job(job, address, tell=tell)


@pytest.mark.parametrize("name", ["out.jsonl", "out.ndjson", "out.jsonl.gz"])
def test_every_document_is_in_the_output_once_and_in_order(address, corpus, tmp_path, name):
    summary = run_job(job(corpus, tmp_path / name), address)
    found = lines(tmp_path / name)
    assert [document["id"] for document in found] == [str(n) for n in range(1000)]
    assert found[6]["vector"] == [6.0] * 4
    assert (summary.read, summary.written, summary.failed, summary.resumed) == (1000, 1000, 0, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["corpus.jsonl", name])


def test_parquet_keeps_tensors_as_tensors(address, corpus, tmp_path):
    run_job(job(corpus, tmp_path / "out.parquet"), address)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["id"].to_pylist() == [str(n) for n in range(1000)]
    assert isinstance(table.schema.field("vector").type, pa.FixedShapeTensorType)


def test_parquet_is_read_and_so_is_what_one_job_wrote_by_the_next(address, corpus, tmp_path):
    run_job(job(corpus, tmp_path / "first.parquet"), address)
    run_job(job(tmp_path / "first.parquet", tmp_path / "second.jsonl"), address)
    assert [document["id"] for document in lines(tmp_path / "second.jsonl")] == [str(n) for n in range(1000)]


def test_numbers_of_tensors_lie_unpacked_and_text_does_not(address, corpus, tmp_path):
    run_job(job(corpus, tmp_path / "out.parquet"), address)
    group = pq.ParquetFile(tmp_path / "out.parquet").metadata.row_group(0)
    packing = {column.path_in_schema: column.compression for column in map(group.column, range(group.num_columns))}
    assert packing == {"id": "ZSTD", "text": "ZSTD", "vector.list.element": "UNCOMPRESSED"}


@pytest.fixture(scope="module")
def speaker() -> Iterator[str]:
    with Deployment(uses=Speaker, protocol="grpc") as deployment:
        yield deployment.private_address


@pytest.mark.parametrize(
    "on, written",
    [
        ("/renamed", {"id": "6", "words": "xxxxxx"}),
        ("/spoken", {"id": "6", "text": "xxxxxx", "shouted": True}),
        ("/halves", {"id": "6", "text": "xxxxxx", "vector": [float(np.float32(0.1))] * 4}),
    ],
)
def test_lines_are_written_as_the_class_of_the_answers_writes_them(speaker, corpus, tmp_path, on, written):
    assert run_job(job(corpus, tmp_path / "out.jsonl", on), speaker).written == 1000
    found = lines(tmp_path / "out.jsonl")
    assert found[6] == written
    assert [document["id"] for document in found] == [str(n) for n in range(1000)]


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_what_a_killed_run_has_begun_to_write_does_not_stay(address, corpus, tmp_path, name):
    work = job(corpus, tmp_path / name)
    interrupted(work, address, 550)
    with (tmp_path / f"{name}.parts" / "whole").open("ab") as file:
        file.write(b'{"id": "half a')
    assert run_job(work, address).resumed == 500
    assert [document["id"] for document in lines(tmp_path / name)] == [str(n) for n in range(1000)]


def test_where_the_output_is_a_link_it_stays_one(address, corpus, tmp_path):
    (tmp_path / "out.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")
    work = job(corpus, tmp_path / "out.jsonl")
    interrupted(work, address, 550)
    assert run_job(work, address).resumed == 500
    assert (tmp_path / "out.jsonl").is_symlink()
    assert [document["id"] for document in lines(tmp_path / "elsewhere.jsonl")] == [str(n) for n in range(1000)]


def test_a_part_that_cannot_be_written_leaves_no_gap(address, corpus, tmp_path, monkeypatch):
    work = job(corpus, tmp_path / "out.jsonl")
    begin = LocalFilePlace.writing

    def full(place: LocalFilePlace):
        if place.name.startswith("part-00000003"):
            raise UnlikeAnswers("no room")
        return begin(place)

    with monkeypatch.context() as changed:
        changed.setattr(LocalFilePlace, "writing", full)
        with pytest.raises(UnlikeAnswers):
            run_job(work, address)
    assert run_job(work, address).resumed == 300
    assert [document["id"] for document in lines(tmp_path / "out.jsonl")] == [str(n) for n in range(1000)]


def test_csv_is_read(address, tmp_path):
    with (tmp_path / "in.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "text"), ("1", "a,b"), ("2", 'with "quotes"\nand a line')])
    run_job(job(tmp_path / "in.csv", tmp_path / "out.jsonl"), address)
    assert [document["text"] for document in lines(tmp_path / "out.jsonl")] == ["a,b", 'with "quotes"\nand a line']


def test_several_inputs_follow_each_other(address, corpus, tmp_path):
    packed = tmp_path / "more.jsonl.gz"
    packed.write_bytes(gzip.compress(b'{"id": "last", "text": ""}\n\n{"id": "very last", "text": ""}'))
    run_job(BatchJob("/encode", (str(corpus), str(packed)), str(tmp_path / "out.jsonl")), address)
    assert [document["id"] for document in lines(tmp_path / "out.jsonl")][-3:] == ["999", "last", "very last"]


def test_nothing_in_is_nothing_out(address, tmp_path):
    (tmp_path / "in.jsonl").write_text("")
    assert run_job(job(tmp_path / "in.jsonl", tmp_path / "out.jsonl"), address).read == 0
    assert (tmp_path / "out.jsonl").read_text() == ""


def test_parameters_go_with_every_request(address, corpus, tmp_path):
    run_job(job(corpus, tmp_path / "out.jsonl", parameters={"factor": 3}), address)
    assert lines(tmp_path / "out.jsonl")[6]["vector"] == [18.0] * 4


def test_fewer_documents_may_come_out_and_more(address, tmp_path):
    texts = [{"id": str(n), "text": f"{n} words here"} for n in range(100)]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, texts)))
    assert run_job(job(tmp_path / "in.jsonl", tmp_path / "even.jsonl", "/even"), address).written == 50
    assert run_job(job(tmp_path / "in.jsonl", tmp_path / "words.jsonl", "/words"), address).written == 300
    assert lines(tmp_path / "words.jsonl")[3]["text"] == "1"


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "parquet"])
@pytest.mark.parametrize("input_suffix", ["jsonl", "jsonl.gz", "csv", "parquet"])
def test_an_interrupted_job_goes_on_where_it_was(address, corpus, tmp_path, input_suffix, suffix):
    documents = lines(corpus)
    given, output = tmp_path / f"in.{input_suffix}", tmp_path / f"out.{suffix}"
    if input_suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(documents), given, row_group_size=130)
    elif input_suffix == "csv":
        given.write_text("id,text\n" + "".join(f"{one['id']},{one['text'] or '-'}\n" for one in documents))
    else:
        content = corpus.read_bytes()
        given.write_bytes(gzip.compress(content) if input_suffix.endswith("gz") else content)
    work = job(given, output, request_size=7)
    interrupted(work, address, 350)
    interrupted(work, address, 700)
    assert not output.exists()
    summary = run_job(work, address)
    found = pq.read_table(output).to_pylist() if suffix == "parquet" else lines(output)
    assert [document["id"] for document in found] == [str(n) for n in range(1000)]
    assert summary.resumed >= 600
    assert summary.written == 1000


def test_another_job_does_not_go_on_where_one_was(address, corpus, tmp_path):
    interrupted(job(corpus, tmp_path / "out.jsonl"), address, 500)
    with pytest.raises(ConfigurationError, match="another parameters; --restart"):
        run_job(job(corpus, tmp_path / "out.jsonl", parameters={"factor": 2}), address)
    corpus.write_text(corpus.read_text() + '{"id": "new", "text": ""}\n')
    with pytest.raises(ConfigurationError, match="another input"):
        run_job(job(corpus, tmp_path / "out.jsonl"), address)
    assert run_job(job(corpus, tmp_path / "out.jsonl"), address, restart=True).resumed == 0
    assert len(lines(tmp_path / "out.jsonl")) == 1001


def test_two_runs_at_once_do_not_mix(address, corpus, tmp_path):
    work = job(corpus, tmp_path / "out.jsonl")

    def tell(progress) -> None:
        if progress.read == 500:
            with pytest.raises(ConfigurationError, match="Another run is writing"):
                run_job(work, address)

    assert run_job(work, address, tell=tell).written == 1000


def test_an_output_that_is_there_stays(address, corpus, tmp_path):
    output = tmp_path / "out.jsonl"
    output.write_text("precious")
    with pytest.raises(ConfigurationError, match="is there already"):
        run_job(job(corpus, output), address)
    assert output.read_text() == "precious"
    run_job(job(corpus, output), address, overwrite=True)
    assert len(lines(output)) == 1000


def poisoned(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_text(
        "".join(json.dumps({"id": str(n), "text": "bad" if n in (5, 6, 42) else "good"}) + "\n" for n in range(100))
    )
    return path


def test_a_document_that_fails_ends_the_job_and_what_was_before_stays(address, tmp_path):
    work = job(poisoned(tmp_path), tmp_path / "out.jsonl", "/strict", part_size=10, prefetch=1)
    with pytest.raises(ExecutorFailed, match="a bad one") as failure:
        run_job(work, address)
    assert any("documents 0 to 9" in note for note in failure.value.__notes__)
    assert not (tmp_path / "out.jsonl").exists()


def test_documents_that_fail_are_written_down_and_the_others_go_on(address, tmp_path):
    work = job(poisoned(tmp_path), tmp_path / "out.jsonl", "/strict", part_size=10, skip_failed=True)
    summary = run_job(work, address)
    assert (summary.read, summary.written, summary.failed) == (100, 97, 3)
    assert Counter(document["text"] for document in lines(tmp_path / "out.jsonl")) == {"good": 97}
    errors = lines(tmp_path / "out.jsonl.errors.jsonl")
    assert [(error["number"], error["document"]["id"]) for error in errors] == [(5, "5"), (6, "6"), (42, "42")]
    assert errors[0]["error"] == "ExecutorFailed"
    assert "a bad one" in errors[0]["message"]


def test_rows_that_fail_are_written_down_too(address, tmp_path):
    pq.write_table(pa.Table.from_pylist(lines(poisoned(tmp_path))), tmp_path / "in.parquet")
    work = job(tmp_path / "in.parquet", tmp_path / "out.parquet", "/strict", skip_failed=True)
    assert run_job(work, address).failed == 3
    assert [error["document"]["id"] for error in lines(tmp_path / "out.parquet.errors.jsonl")] == ["5", "6", "42"]


def test_documents_of_another_shape_fail_as_they_do_elsewhere(address, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"id": "1", "text": ["no", "text"]}\n')
    with pytest.raises(InvalidDocument, match="text"):
        run_job(job(tmp_path / "in.jsonl", tmp_path / "out.jsonl"), address)


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("in.jsonl", b'{"id": "1", "text": "a"}\n{"id": \n', "begins at byte 25 is no JSON object"),
        ("in.jsonl", b"[1, 2]\n", "is no JSON object"),
        ("in.csv", b"id,text\n1,a,b\n", "line 2: not as many values"),
        ("in.csv", b"id,text\n1\n", "line 2: not as many values"),
        ("in.csv", b"id,text\n1,a\n2,b,c\n3,d\n", "line 3: not as many values"),
        ("in.csv", b"id,text,text\n1,a,b\n", "'text' more than once"),
        ("in.jsonl.gz", gzip.compress(b'{"id": "1", "text": "a"}\n' * 1000)[:-10], "is no whole file of gzip"),
        ("in.jsonl.gz", b"plain", "is no whole file of gzip"),
        ("in.parquet", b"no such thing", "is no Parquet file"),
    ],
)
def test_what_is_no_document_is_named(address, tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MalformedRequest, match=said):
        run_job(job(tmp_path / name, tmp_path / "out.jsonl"), address)


@pytest.mark.parametrize(
    "inputs, output, more, said",
    [
        ("nothing.jsonl", "out.jsonl", {}, "There is no file"),
        ("corpus.txt", "out.jsonl", {}, "is read by none of"),
        ("corpus.jsonl", "out.txt", {}, "the output ends with"),
        ("corpus.jsonl", "out.jsonl", {"request_size": 0}, "request_size must be 1 or more"),
        ("corpus.jsonl", "out.jsonl", {"on": "encode"}, "path of an endpoint"),
    ],
)
def test_a_job_that_makes_no_sense_is_refused(address, corpus, tmp_path, inputs, output, more, said):
    with pytest.raises(ConfigurationError, match=said):
        run_job(job(tmp_path / inputs, tmp_path / output, **more), address)


def test_a_service_that_is_gone_for_too_long_ends_the_job(corpus, tmp_path):
    with pytest.raises(Unavailable):
        run_job(job(corpus, tmp_path / "out.jsonl", patience=0.3), f"unix://{tmp_path}/nobody.sock")


def test_a_service_that_comes_back_is_waited_for(corpus, tmp_path):
    with Deployment(uses=Encoder, protocol="grpc", replicas=2) as deployment:
        killed = False

        def tell(progress) -> None:
            nonlocal killed
            if progress.read >= 200 and not killed:
                killed = True
                for name, pid in deployment.pids.items():
                    if name == "gateway" or name.endswith("/0"):
                        os.kill(pid, signal.SIGKILL)

        summary = run_job(job(corpus, tmp_path / "out.jsonl"), deployment.private_address, tell=tell)
    assert killed
    assert [document["id"] for document in lines(tmp_path / "out.jsonl")] == [str(n) for n in range(1000)]
    assert summary.written == 1000


def test_input_and_output_may_be_wherever_fsspec_reaches(address, corpus):
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/in.jsonl", corpus.read_bytes())
    work = job("memory://bucket/in.jsonl", "memory://bucket/out.jsonl")
    try:
        interrupted(work, address, 550)
        assert run_job(work, address).resumed >= 500
        found = [json.loads(line)["id"] for line in memory.cat("/bucket/out.jsonl").splitlines()]
        assert found == [str(n) for n in range(1000)]
        assert memory.ls("/bucket", detail=False) == ["/bucket/in.jsonl", "/bucket/out.jsonl"]
    finally:
        memory.rm("/bucket", recursive=True)


def killed_when(monkeypatch: pytest.MonkeyPatch, removed: str, work: BatchJob, address: str) -> None:
    """Run until the file or folder of that name is to be removed, and no further."""
    remove = LocalFilePlace.remove

    def stopped(place: LocalFilePlace) -> None:
        if place.name.startswith(removed):
            raise Interrupted
        remove(place)

    with monkeypatch.context() as changed:
        changed.setattr(LocalFilePlace, "remove", stopped)
        with pytest.raises(Interrupted):
            run_job(work, address)


@pytest.mark.parametrize("removed", ["part-00000000", "part-00000003", "out.jsonl.parts"])
def test_a_job_that_died_while_it_tidied_up_is_known_again(address, corpus, tmp_path, monkeypatch, removed):
    work = job(corpus, tmp_path / "out.jsonl")
    killed_when(monkeypatch, removed, work, address)
    made = (tmp_path / "out.jsonl").stat()
    check_job(work)
    with pytest.raises(ConfigurationError, match="is there already"):
        check_job(work, restart=True)
    with pytest.raises(ConfigurationError, match="is there already"):
        run_job(job(corpus, tmp_path / "out.jsonl", "/strict"), address)
    summary = run_job(work, address)
    assert (summary.read, summary.written, summary.resumed) == (1000, 1000, 1000)
    assert (tmp_path / "out.jsonl").stat() == made
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.jsonl", "out.jsonl"]


def test_another_file_in_the_place_of_the_output_is_not_taken_for_it(address, corpus, tmp_path, monkeypatch):
    work = job(corpus, tmp_path / "out.jsonl")
    killed_when(monkeypatch, "part-", work, address)
    (tmp_path / "out.jsonl").write_text("precious")
    with pytest.raises(ConfigurationError, match="is there already"):
        run_job(work, address)
    (tmp_path / "out.jsonl").unlink()
    assert run_job(work, address).written == 1000
    assert len(lines(tmp_path / "out.jsonl")) == 1000


def test_what_a_killed_run_has_left_does_not_stay(address, corpus, tmp_path):
    (tmp_path / ".out.jsonl.0123456789ab.part").write_text("half an out")
    (tmp_path / "out.jsonl.parts").mkdir()
    (tmp_path / "out.jsonl.parts" / "part-00000000-5-5-0-0-5.jsonl").write_text("of no known job")
    assert run_job(job(corpus, tmp_path / "out.jsonl"), address).written == 1000
    assert [document["id"] for document in lines(tmp_path / "out.jsonl")] == [str(n) for n in range(1000)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.jsonl", "out.jsonl"]


def test_an_input_that_changes_meanwhile_makes_no_output(address, corpus, tmp_path):
    def tell(progress) -> None:
        if progress.read == 500:
            with corpus.open("a") as file:
                file.write('{"id": "late", "text": ""}\n')

    with pytest.raises(ConfigurationError, match="changed while it was read"):
        run_job(job(corpus, tmp_path / "out.jsonl"), address, tell=tell)
    assert not (tmp_path / "out.jsonl").exists()


def test_what_came_before_a_failure_is_not_done_again(address, tmp_path):
    work = job(poisoned(tmp_path), tmp_path / "out.jsonl", "/strict", request_size=1, prefetch=1)
    with pytest.raises(ExecutorFailed):
        run_job(work, address)
    assert run_job(BatchJob(**{**vars(work), "skip_failed": True}), address).resumed == 5


def test_an_endpoint_that_is_not_there_fails_no_documents(address, corpus, tmp_path):
    with pytest.raises(EndpointNotFound):
        run_job(job(corpus, tmp_path / "out.jsonl", "/nowhere", skip_failed=True), address)


def test_a_document_that_kills_who_works_on_it_is_found(tmp_path):
    (tmp_path / "in.jsonl").write_text(
        "".join(json.dumps({"id": str(n), "text": "bad" if n == 3 else "good"}) + "\n" for n in range(20))
    )
    work = job(tmp_path / "in.jsonl", tmp_path / "out.jsonl", "/deadly", request_size=2)
    with Deployment(uses=Encoder, protocol="grpc") as deployment:
        with pytest.raises(PeerLost) as failure:
            run_job(work, deployment.private_address)
        assert any("documents 2 to 3 of" in note for note in failure.value.__notes__)
    with Deployment(uses=Encoder, protocol="grpc") as deployment:
        summary = run_job(BatchJob(**{**vars(work), "skip_failed": True}), deployment.private_address)
    assert (summary.read, summary.written, summary.failed, summary.resumed) == (20, 19, 1, 2)
    assert [error["document"]["id"] for error in lines(tmp_path / "out.jsonl.errors.jsonl")] == ["3"]


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_large_documents_make_small_requests(address, tmp_path, suffix):
    given, text = tmp_path / f"in.{suffix}", "x" * (PARCEL_BYTES // 3)
    documents = [{"id": str(n), "text": text} for n in range(8)]
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(documents), given)
    elif suffix == "csv":
        given.write_text("id,text\n" + "".join(f"{document['id']},{text}\n" for document in documents))
    else:
        given.write_text("".join(json.dumps(document) + "\n" for document in documents))
    told = []
    work = job(given, tmp_path / "out.jsonl", "/even", request_size=100)
    assert run_job(work, address, tell=lambda progress: told.append(progress.read)).written == 4
    assert len(told) >= 3


def test_progress_goes_on_where_it_was(address, corpus, tmp_path):
    more = tmp_path / "more.parquet"
    pq.write_table(pa.Table.from_pylist(lines(corpus)), more, row_group_size=90)
    work = BatchJob("/encode", (str(corpus), str(more)), str(tmp_path / "out.jsonl"), request_size=10, part_size=100)
    interrupted(work, address, 1500)
    told = []
    run_job(work, address, tell=told.append)
    extent = corpus.stat().st_size + more.stat().st_size
    assert all(progress.extent == extent for progress in told)
    assert told[0].done > corpus.stat().st_size
    assert told[-1].done == extent


def test_lines_may_begin_with_a_byte_order_mark(address, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(b'\xef\xbb\xbf{"id": "1", "text": "a"}\r\n{"id": "2", "text": "b"}\r\n')
    assert run_job(job(tmp_path / "in.jsonl", tmp_path / "out.jsonl"), address).written == 2


def test_a_parquet_file_that_is_broken_inside_is_named(address, tmp_path):
    given = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": [str(n) for n in range(10_000)]}), given, compression="zstd")
    content = bytearray(given.read_bytes())
    content[4:2000] = b"\xff" * 1996
    given.write_bytes(content)
    with pytest.raises(MalformedRequest, match="cannot be read any further"):
        run_job(job(given, tmp_path / "out.jsonl", "/echo"), address)


@pytest.mark.parametrize("part_size", [1, 100])
def test_columns_fit_together_where_some_answers_have_nothing_in_them(address, tmp_path, part_size):
    documents = [{"a": 1.5, "nothing": None}, {"a": None, "nothing": None}, {"b": "x"}, {"a": 2.5, "b": None}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(document) + "\n" for document in documents))
    work = job(tmp_path / "in.jsonl", tmp_path / "out.parquet", "/echo", request_size=1, part_size=part_size)
    run_job(work, address)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["a"].to_pylist() == [1.5, None, None, 2.5]
    assert table["b"].to_pylist() == [None, None, "x", None]
    assert table["nothing"].null_count == 4


@pytest.mark.parametrize("part_size", [1, 100])
def test_columns_that_do_not_fit_together_are_named(address, tmp_path, part_size):
    (tmp_path / "in.jsonl").write_text('{"a": 1}\n{"a": "x"}\n')
    work = job(tmp_path / "in.jsonl", tmp_path / "out.parquet", "/echo", request_size=1, part_size=part_size)
    with pytest.raises(UnlikeAnswers, match="Field a has incompatible types"):
        run_job(work, address)


def test_a_summary_tells_the_rate_of_this_run():
    assert Summary("out", read=1000, written=900, failed=0, resumed=500, seconds=2.0).rate == 250.0
