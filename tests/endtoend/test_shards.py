"""Shards in processes of their own."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests as http

from tests.endtoend.librarians import Book, Catalogue, Count, Library, Preface
from tests.endtoend.scripts import eventually
from thalweg import Client, Deployment, Flow
from thalweg.docs import DocList
from thalweg.errors import SchemaMismatch, StartupFailed
from thalweg.routing.partition import shard_of

TITLES = [Book(id=f"b{number}", title="x" * number) for number in range(20)]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    folder = str(tmp_path_factory.mktemp("library"))
    with Flow(protocol=("http", "websocket", "grpc")).add(uses=Library, name="lib", shards=2, workspace=folder) as flow:
        found = flow.post("/index", DocList[Book](TITLES), return_type=DocList[Book])
        assert [book.shard for book in found] == [shard_of(book.id, 2) for book in TITLES]
        yield flow


def test_each_shard_is_a_process_with_a_number(library: Flow) -> None:
    assert sorted(library.pids) == ["gateway", "lib/0/0", "lib/1/0"]


def test_every_protocol_finds_the_best_of_all_shards(library: Flow) -> None:
    for address in (*library.addresses, library.addresses[0].replace("http", "ws") + "/ws"):
        with Client(host=address) as client:
            assert client.is_ready()
            found = client.post("/search", Book(), parameters={"limit": 3}, return_type=DocList[Book])
            assert [match.title for match in found[0].matches] == ["x" * 19, "x" * 18, "x" * 17]


def test_over_http_headers_tell_of_shards_that_failed(library: Flow) -> None:
    body = {"data": [{"title": "?"}], "parameters": {"fail": 1, "limit": 2}}
    answer = http.post(f"{library.addresses[0]}/search", json=body, timeout=30)
    assert answer.status_code == 200
    assert (answer.headers["failed_shards"], answer.headers["total_shards"]) == ("1", "2")
    there = [book.id for book in reversed(TITLES) if shard_of(book.id, 2) == 0]
    assert [match["id"] for match in answer.json()["data"][0]["matches"]] == there[:2]


def test_one_document_as_the_whole_body_goes_to_its_shard(library: Flow) -> None:
    answer = http.post(f"{library.addresses[0]}/look", json={"data": {"id": "b3", "title": "t"}}, timeout=30)
    assert list(answer.json()["data"][0]["seen"]) == [f"{shard_of('b3', 2)}/0"]


def test_a_dry_run_asks_every_shard_and_says_how_long_each_took(library: Flow) -> None:
    assert set(library.profiling(show_table=False, rounds=2).executors) == {"lib", "lib-0", "lib-1"}


def test_what_is_deleted_is_gone_from_every_shard(library: Flow) -> None:
    library.post("/index", DocList[Book]([Book(id=f"d{number}", title="y" * 99) for number in range(6)]))
    library.post("/delete", DocList[Book]([Book(id=f"d{number}") for number in range(6)]))
    found = library.post("/search", Book(), parameters={"limit": 1}, return_type=DocList[Book])
    assert found[0].matches[0].title == "x" * 19


def test_streams_come_from_the_shard_of_the_document(library: Flow) -> None:
    for address in library.addresses:
        with Client(host=address) as client:
            items = list(client.stream_doc("/pages", Book(id="b1", title="p"), return_type=Book))
            assert [(item.title, item.shard) for item in items] == [
                (f"p{number}", shard_of("b1", 2)) for number in range(3)
            ]


def test_a_shard_that_dies_comes_back_with_its_documents(library: Flow) -> None:
    before = library.pids["lib/1/0"]
    os.kill(before, signal.SIGSTOP)
    eventually(lambda: readiness(library) != (200, {"status": "ready"}))
    assert readiness(library) == (200, {"status": "degraded", "troubles": {"lib/1": "no replica answers"}})
    assert library.is_ready()
    os.kill(before, signal.SIGKILL)
    eventually(lambda: library.pids.get("lib/1/0", before) != before and readiness(library)[1] == {"status": "ready"})
    found = library.post("/search", Book(), parameters={"limit": 100}, return_type=DocList[Book])
    assert {match.id for match in found[0].matches} >= {book.id for book in TITLES}


def readiness(flow: Flow) -> tuple[int, dict[str, object]]:
    answer = http.get(f"{flow.addresses[0]}/readyz", timeout=30)
    return answer.status_code, answer.json()


def test_a_deployment_gives_each_replica_of_each_shard_a_device_of_its_own() -> None:
    options = {"shards": 2, "replicas": 2, "polling": {"/look": "ALL"}, "devices": "RR0:4"}
    with Deployment(uses=Library, protocol="http", **options) as deployment:  # type: ignore[arg-type]
        seen: dict[str, list[object]] = {}
        while len(seen) < 4:
            seen |= deployment.post("/look", Book(), return_type=DocList[Book])[0].seen
    devices = {f"{shard}/{replica}": str(2 * shard + replica) for shard in range(2) for replica in range(2)}
    assert seen == {place: [2, 2, device] for place, device in devices.items()}


def test_what_stands_before_and_after_shards_runs_in_processes_of_its_own(tmp_path: Path) -> None:
    parts = {"uses_before": Preface, "uses_after": Catalogue, "shards": 3, "workspace": str(tmp_path)}
    with Flow(protocol="http").add(uses=Library, name="lib", **parts) as flow:  # type: ignore[arg-type]
        assert sorted(flow.pids) == ["gateway", "lib/0/0", "lib/1/0", "lib/2/0", "lib/after/0", "lib/before/0"]
        found = flow.post("/index", DocList[Book]([Book(title="  t ")]), return_type=DocList[Book])
        assert found[0].title == "t"
        found = flow.post("/search", Book(), return_type=DocList[Book])
        assert [book.title for book in found] == ["3 shards, 1 titles"]
        assert sorted(path.name for path in (tmp_path / "lib").iterdir()) == ["0", "1", "2"]


def test_one_more_shard_is_added_while_the_flow_runs_and_nothing_is_lost_from_sight(tmp_path: Path) -> None:
    books = DocList[Book](TITLES)
    with Flow().add(uses=Library, name="lib", shards=2, workspace=str(tmp_path)) as flow:
        flow.post("/index", books)
        flow.update(executor="lib", shards=3)
        assert sorted(flow.pids) == ["gateway", "lib/0/0", "lib/1/0", "lib/2/0"]
        for again in range(2):
            found = flow.post("/search", Book(), parameters={"limit": 100}, return_type=DocList[Book])
            assert {match.id for match in found[0].matches} == {book.id for book in TITLES}, f"round {again}"
            assert len(found[0].matches) == len(TITLES)
            moved = flow.post("/index", books, return_type=DocList[Book])
            assert [book.shard for book in moved] == [shard_of(book.id, 3) for book in TITLES]


def test_parts_that_do_not_fit_are_found_before_the_start() -> None:
    with pytest.raises(SchemaMismatch, match="'e' cannot feed 'e/after'"):
        Flow().add(uses=Count, name="e", shards=2, uses_after=Catalogue).start()


def test_a_key_that_cannot_be_imported_is_told_at_the_start() -> None:
    with pytest.raises(StartupFailed, match="no_such_module"):
        Flow().add(uses=Library, shards=2, shard_key="no_such_module:key").start()


def test_yaml_says_the_same(tmp_path: Path) -> None:
    text = f"""
jtype: Flow
executors:
  - name: lib
    uses: tests.endtoend.librarians:Library
    shards: 2
    polling: '{{"/index": "ANY", "*": "ALL"}}'
    workspace: {json.dumps(str(tmp_path))}
"""
    options = Flow.load_config(text).options.executors[0]
    assert (options.shards, options.polling) == (2, {"/index": "ANY", "*": "ALL"})
