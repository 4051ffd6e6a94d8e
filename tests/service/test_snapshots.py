"""Snapshots that a worker takes and restores while it answers."""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from stat import S_IMODE
from typing import Any

import pytest

from thalweg import Executor, dynamic_batching, requests, write
from thalweg.config.workers import WorkerOptions
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.codecs import json
from thalweg.errors import ClientError, ExecutorFailed, Overloaded, Unavailable
from thalweg.executor.source import ExecutorSource
from thalweg.message import Context, Request
from thalweg.message.snapshot import SnapshotProgress, SnapshotStage
from thalweg.service.snapshots.folder import SnapshotFolder
from thalweg.service.snapshots.log import LONGEST_ID, SnapshotLog
from thalweg.service.worker.worker import Worker

ENDS = (SnapshotStage.SUCCEEDED, SnapshotStage.FAILED)


class Text(BaseDoc):
    text: str = ""


class Hold:
    """Stops user code at a point until the test lets it go on."""

    def __init__(self) -> None:
        self.come = threading.Event()
        self.go = threading.Event()

    def wait(self) -> None:
        self.come.set()
        assert self.go.wait(60)


hold = Hold()
seen: list[str] = []


@pytest.fixture(autouse=True)
def _new() -> Any:
    hold.__init__()  # type: ignore[misc]
    seen.clear()
    yield
    hold.go.set()


class Store(Executor):
    """Keeps words. `held` names what waits for the test."""

    def __init__(self, held: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.words: list[str] = []
        self.held = held

    def _hold(self, what: str) -> None:
        seen.append(f"{what} begins")
        if self.held == what:
            hold.wait()
        seen.append(f"{what} ends")

    @write
    @requests(on="/add")
    def add(self, docs: DocList[Text]) -> None:
        self._hold("add")
        self.words += [doc.text for doc in docs]

    @write
    @requests(on="/add_later")
    async def add_later(self, docs: DocList[Text]) -> None:
        seen.append("add_later begins")
        if self.held == "add_later":
            await asyncio.to_thread(hold.wait)
        self.words += [doc.text for doc in docs]
        seen.append("add_later ends")

    @write
    @requests(on="/add_batched")
    @dynamic_batching(preferred_batch_size=2, timeout=1)
    def add_batched(self, docs: DocList[Text]) -> None:
        self.add(docs)

    @requests(on="/words")
    def read(self) -> dict:  # type: ignore[type-arg]
        return {"words": self.words}

    @requests(on="/words_later")
    async def read_later(self) -> dict:  # type: ignore[type-arg]
        return {"words": self.words}

    def snapshot(self, snapshot_file: str) -> None:
        self._hold("snapshot")
        seen.append(threading.current_thread().name)
        Path(snapshot_file).write_text("\n".join(self.words))

    def restore(self, snapshot_file: str) -> None:
        self.words = Path(snapshot_file).read_text().split()


class Later(Store):
    async def snapshot(self, snapshot_file: str) -> None:  # type: ignore[override]
        await asyncio.to_thread(super().snapshot, snapshot_file)

    async def restore(self, snapshot_file: str) -> None:  # type: ignore[override]
        await asyncio.to_thread(super().restore, snapshot_file)


class Failing(Store):
    def snapshot(self, snapshot_file: str) -> None:
        Path(snapshot_file).write_text("half")
        raise OSError("the disk is full")


class Lazy(Store):
    def snapshot(self, snapshot_file: str) -> None:
        """Writes nothing."""


class Endpoint(Executor):
    @requests(on="/snapshot")
    def snapshot(self, docs: DocList[Text]) -> None:  # type: ignore[override]
        """An endpoint by that name is no snapshot."""


@asynccontextmanager
async def running(workspace: Path, uses: type[Executor] = Store, **options: Any) -> AsyncIterator[Worker]:
    worker = Worker(ExecutorSource(uses), WorkerOptions(**{"name": "store", "workspace": str(workspace), **options}))
    await worker.start()
    try:
        yield worker
    finally:
        hold.go.set()
        await worker.close()
        assert not [alive for alive in threading.enumerate() if alive.name.startswith("store-")]


async def ask(worker: Worker, endpoint: str, *texts: str) -> Any:
    body = json.encode(DocList[Text]([Text(text=text) for text in texts]), {})
    (response,) = [one async for one in worker.handle(Request(endpoint, (body,)), Context())]
    return json.decode(response.body[0], Text)[1].get("__results__", {}).get("store")


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  other threads make it hold
            await asyncio.sleep(0.001)


def content(snapshot: SnapshotProgress) -> str:
    return Path(snapshot.file).read_text()


async def taken(worker: Worker) -> SnapshotProgress:
    """A snapshot, when it has ended."""
    assert worker.snapshots is not None
    begun = worker.snapshots.take(Context())
    return await ended(worker.snapshots.taken, begun)


async def restored(worker: Worker, file: str) -> SnapshotProgress:
    assert worker.snapshots is not None
    return await ended(worker.snapshots.restored, worker.snapshots.restore(file, Context()))


async def ended(find: Callable[[str, Context], SnapshotProgress], begun: SnapshotProgress) -> SnapshotProgress:
    await until(lambda: find(begun.id, Context()).stage in ENDS)
    return find(begun.id, Context())


@pytest.mark.parametrize("uses", [Store, Later])
async def test_a_state_is_restored_in_a_new_worker(tmp_path: Path, uses: type[Executor]) -> None:
    async with running(tmp_path, uses) as worker:
        await ask(worker, "/add", "one", "two")
        snapshot = await taken(worker)
        assert snapshot.stage is SnapshotStage.SUCCEEDED
        await ask(worker, "/add", "three")
    async with running(tmp_path, uses) as worker:
        assert (await restored(worker, snapshot.file)).stage is SnapshotStage.SUCCEEDED
        assert await ask(worker, "/words") == {"words": ["one", "two"]}
    assert content(snapshot) == "one\ntwo"


async def test_it_runs_on_the_thread_that_runs_synchronous_methods(tmp_path: Path) -> None:
    async with running(tmp_path) as worker:
        await taken(worker)
    assert seen == ["snapshot begins", "snapshot ends", "store-compute"]


async def test_it_lies_in_a_folder_that_nobody_else_can_look_into(tmp_path: Path) -> None:
    async with running(tmp_path) as worker:
        file = Path((await taken(worker)).file)
    assert file.is_relative_to(tmp_path / "store" / "snapshots")
    assert [S_IMODE(os.stat(folder).st_mode) for folder in (file.parent, file.parents[1], file.parents[2])] == [
        0o700
    ] * 3


async def test_an_executor_without_one_of_its_own_takes_none(tmp_path: Path) -> None:
    class Plain(Executor):
        @requests
        def answer(self, docs: DocList[Text]) -> None: ...

    for uses in (Plain, Endpoint):
        async with running(tmp_path, uses) as worker:
            assert worker.snapshots is None
    with pytest.raises(NotImplementedError, match="Plain has no snapshots: it does not override `snapshot`"):
        Plain().snapshot("state.bin")
    with pytest.raises(NotImplementedError, match="does not override `restore`"):
        Plain().restore("state.bin")


async def test_one_is_under_way_at_a_time(tmp_path: Path) -> None:
    async with running(tmp_path, uses_with={"held": "snapshot"}) as worker:
        snapshots = worker.snapshots
        assert snapshots is not None
        begun = snapshots.take(Context())
        assert begun.stage is SnapshotStage.QUEUED
        await until(lambda: snapshots.taken(begun.id, Context()).stage is SnapshotStage.RUNNING)
        with pytest.raises(Overloaded, match="one is under way at a time") as refused:
            snapshots.take(Context())
        assert refused.value.retry_after
        with pytest.raises(Overloaded):
            snapshots.restore(begun.file, Context())
        hold.go.set()
        assert (await ended(snapshots.taken, begun)).stage is SnapshotStage.SUCCEEDED
        assert (await taken(worker)).stage is SnapshotStage.SUCCEEDED


async def test_an_asynchronous_write_waits_for_a_snapshot_and_reads_do_not(tmp_path: Path) -> None:
    async with running(tmp_path, uses_with={"held": "snapshot"}) as worker:
        assert worker.snapshots is not None
        begun = worker.snapshots.take(Context())
        await until(hold.come.is_set)
        writing = asyncio.create_task(ask(worker, "/add_later", "late"))
        assert await ask(worker, "/words_later") == {"words": []}
        hold.go.set()
        await writing
        snapshot = await ended(worker.snapshots.taken, begun)
        assert await ask(worker, "/words") == {"words": ["late"]}
    assert content(snapshot) == ""
    assert seen.index("snapshot ends") < seen.index("add_later begins")


async def test_a_snapshot_waits_for_a_write_that_runs(tmp_path: Path) -> None:
    async with running(tmp_path, uses_with={"held": "add_later"}) as worker:
        snapshots = worker.snapshots
        assert snapshots is not None
        writing = asyncio.create_task(ask(worker, "/add_later", "early"))
        await until(hold.come.is_set)
        begun = snapshots.take(Context())
        await until(lambda: snapshots.taken(begun.id, Context()).stage is SnapshotStage.SCHEDULED)
        hold.go.set()
        await writing
        snapshot = await ended(snapshots.taken, begun)
    assert content(snapshot) == "early"


async def test_writes_of_all_kinds_run_one_at_a_time(tmp_path: Path) -> None:
    async with running(tmp_path, allow_concurrent=4) as worker:
        paths = ("/add", "/add_later", "/add_batched")
        await asyncio.gather(*(ask(worker, paths[number % 3], str(number)) for number in range(60)))
        assert sorted((await ask(worker, "/words"))["words"], key=int) == [str(number) for number in range(60)]
    for begun, finished in zip(seen[::2], seen[1::2], strict=True):
        assert begun.endswith(" begins")
        assert finished == begun.replace("begins", "ends")


async def test_one_that_user_code_calls_off_has_failed(tmp_path: Path) -> None:
    class Cancelling(Store):
        def snapshot(self, snapshot_file: str) -> None:
            raise asyncio.CancelledError

    async with running(tmp_path, Cancelling) as worker:
        assert (await taken(worker)).stage is SnapshotStage.FAILED
        assert (await taken(worker)).stage is SnapshotStage.FAILED


@pytest.mark.parametrize("uses, reason", [(Failing, "the disk is full"), (Lazy, "wrote nothing")])
async def test_one_that_fails_is_logged_and_leaves_no_file(
    tmp_path: Path, uses: type[Executor], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, uses) as worker:
        with caplog.at_level(logging.ERROR, "thalweg.worker"):
            snapshot = await taken(worker)
        assert snapshot.stage is SnapshotStage.FAILED
        assert reason in caplog.text
        assert not list((tmp_path / "store" / "snapshots" / "0").iterdir())
        with pytest.raises(ClientError):
            await restored(worker, snapshot.file)
        await ask(worker, "/add", "it still answers")


async def test_a_worker_that_closes_lets_a_snapshot_end(tmp_path: Path) -> None:
    async with running(tmp_path, uses_with={"held": "snapshot"}) as worker:
        assert worker.snapshots is not None
        snapshot = worker.snapshots.take(Context())
        await until(hold.come.is_set)
        closing = asyncio.create_task(worker.close())
        await asyncio.sleep(0)
        hold.go.set()
        await closing
        with pytest.raises(Unavailable):
            worker.snapshots.take(Context())
    assert content(snapshot) == ""


async def test_without_a_workspace_the_caller_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with running(tmp_path / "file") as worker:
        assert worker.snapshots is not None
        with pytest.raises(ExecutorFailed, match="store has no workspace for snapshots"):
            worker.snapshots.take(Context())
        with pytest.raises(ExecutorFailed):
            worker.snapshots.restore("state.bin", Context())


@pytest.mark.parametrize(
    "given",
    [
        "/etc/passwd",
        "../secret",
        "../../store/secret",
        "0/../../../store/secret",
        "",
        ".",
        "0",
        "nothing",
        "link",
        "0/one.unfinished/state.bin",
        "a\0b",
        "x" * 100_000,
        "loop",
    ],
)
def test_files_elsewhere_cannot_be_named(tmp_path: Path, given: str) -> None:
    (tmp_path / "secret").write_text("secret")
    folder = SnapshotFolder(str(tmp_path), 0)
    folder.begin("one").write_text("half")
    root = tmp_path / "snapshots"
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "loop").symlink_to(root / "loop")
    with pytest.raises(ClientError, match="names no snapshot"):
        folder.find(given)


def test_a_file_that_was_put_into_the_folder_can_be_named(tmp_path: Path) -> None:
    folder = SnapshotFolder(str(tmp_path), 0)
    folder.begin("one").write_text("whole")
    folder.finish("one")
    (tmp_path / "snapshots" / "brought.bin").write_text("brought")
    assert folder.find("brought.bin").read_text() == "brought"
    assert folder.find("0/one/state.bin") == folder.find(str(folder.file("one"))) == folder.file("one")


def test_the_oldest_snapshot_goes_first(tmp_path: Path) -> None:
    folder = SnapshotFolder(str(tmp_path), 3, most_kept=2)
    for number in range(5):
        folder.begin(str(number)).write_text(str(number))
        os.utime(folder.file(str(number)).parent.with_name(f"{number}.unfinished"), (number, number))
        folder.finish(str(number))
    assert sorted(path.name for path in (tmp_path / "snapshots" / "3").iterdir()) == ["3", "4"]


def test_a_snapshot_that_wrote_nothing_is_none(tmp_path: Path) -> None:
    folder = SnapshotFolder(str(tmp_path), 0)
    folder.begin("one")
    with pytest.raises(ExecutorFailed, match="wrote nothing"):
        folder.finish("one")


def test_what_is_known_of_snapshots_is_bounded() -> None:
    known = SnapshotLog(most_known=2)
    for name in "abc":
        known.begin(name, f"/{name}")
    assert known.find("a") == SnapshotProgress("a", SnapshotStage.NOT_FOUND)
    assert known.find("c") == SnapshotProgress("c", SnapshotStage.QUEUED, "/c")
    assert len(known.find("x" * 10_000).id) == LONGEST_ID
    known.reach("a", SnapshotStage.RUNNING)
    assert known.find("a").stage is SnapshotStage.NOT_FOUND


def test_news_that_comes_late_changes_nothing() -> None:
    order = [SnapshotStage.QUEUED, SnapshotStage.SCHEDULED, SnapshotStage.RUNNING, *ENDS]
    for place, stage in enumerate(order):
        for later in order:
            known = SnapshotLog()
            known.begin("a", "")
            known.reach("a", stage)
            known.reach("a", later)
            goes_on = stage not in ENDS and order.index(later) > place
            assert known.find("a").stage is (later if goes_on else stage)
