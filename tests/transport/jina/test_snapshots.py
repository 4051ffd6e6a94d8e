"""Jina's services for snapshots of a Deployment that listens itself."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from thalweg import Client, Deployment, Executor, Flow, requests, write
from thalweg.docs import BaseDoc, DocList
from thalweg.message.proto import jina
from thalweg.message.proto.description import message_class

Empty = message_class("google.protobuf.Empty")
State = message_class("jina.SnapshotStatusProto")
RestoreState = message_class("jina.RestoreSnapshotStatusProto")
PATIENCE = 60.0
KEYS = {"admin": "a" * 32, "limited": "b" * 32}
Metadata = Sequence[tuple[str, str]]


class Text(BaseDoc):
    text: str = ""


class Store(Executor):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.words: list[str] = []

    @write
    @requests(on="/add")
    def add(self, docs: DocList[Text]) -> None:
        self.words += docs.text

    @requests(on="/words")
    def read(self, docs: DocList[Text]) -> DocList[Text]:
        return DocList[Text]([Text(text=word) for word in self.words])

    def snapshot(self, snapshot_file: str) -> None:
        Path(snapshot_file).write_text("\n".join(self.words))

    def restore(self, snapshot_file: str) -> None:
        self.words = Path(snapshot_file).read_text().split()


class Plain(Executor):
    @requests(on="/words")
    def read(self, docs: DocList[Text]) -> None: ...


class Caller:
    """Calls the services as Jina does."""

    def __init__(self, channel: grpc.Channel, metadata: Metadata = ()) -> None:
        self._channel = channel
        self._metadata = metadata

    def _call(self, path: str, sent: Any, kind: Any) -> Any:
        method = self._channel.unary_unary(
            f"/jina.{path}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=kind.FromString,
        )
        return method(sent, timeout=PATIENCE, metadata=self._metadata)

    def snapshot(self) -> Any:
        return self._call("JinaExecutorSnapshot/snapshot", Empty(), State)

    def snapshot_status(self, value: str) -> Any:
        return self._call("JinaExecutorSnapshotProgress/snapshot_status", jina.SnapshotId(value=value), State)

    def restore(self, file: str) -> Any:
        return self._call("JinaExecutorRestore/restore", jina.RestoreCommand(snapshot_file=file), RestoreState)

    def restore_status(self, value: str) -> Any:
        return self._call("JinaExecutorRestoreProgress/restore_status", jina.RestoreId(value=value), RestoreState)


@contextmanager
def serving(uses: type[Executor], workspace: Path, **options: Any) -> Iterator[str]:
    with Deployment(
        uses=uses, name="store", protocol="grpc", host="127.0.0.1", workspace=str(workspace), **options
    ) as served:
        yield served.addresses[0]


@contextmanager
def calling(address: str, metadata: Metadata = ()) -> Iterator[Caller]:
    with grpc.insecure_channel(address.removeprefix("grpc://")) as channel:
        yield Caller(channel, metadata)


def ended(find: Callable[[str], Any], begun: Any, ends: Sequence[int]) -> Any:
    until = time.monotonic() + PATIENCE
    while (found := find(begun.id.value)).status not in ends:
        assert time.monotonic() < until
        time.sleep(0.01)
    return found


def failure(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as raised:
        call()
    error: Any = raised.value
    return error.code(), error.details()


def words(address: str) -> list[str]:
    found = Client(address).post("/words", DocList[Text]([Text()]), return_type=DocList[Text])
    return list(found.text)


def test_a_state_is_restored_in_a_new_deployment(tmp_path: Path) -> None:
    ends = (jina.SnapshotStatus.SUCCEEDED.value, jina.SnapshotStatus.FAILED.value)
    with serving(Store, tmp_path) as address, calling(address) as caller:
        Client(address).post("/add", DocList[Text]([Text(text="one"), Text(text="two")]), return_type=DocList[Text])
        begun = caller.snapshot()
        assert begun.status == jina.SnapshotStatus.QUEUED
        taken = ended(caller.snapshot_status, begun, ends)
        assert taken.status == jina.SnapshotStatus.SUCCEEDED
        assert taken.snapshot_file == begun.snapshot_file
    ends = (jina.RestoreStatus.SUCCEEDED.value, jina.RestoreStatus.FAILED.value)
    with serving(Store, tmp_path) as address, calling(address) as caller:
        assert words(address) == []
        begun = caller.restore(taken.snapshot_file)
        assert begun.status == jina.RestoreStatus.RUNNING
        assert ended(caller.restore_status, begun, ends).status == jina.RestoreStatus.SUCCEEDED
        assert words(address) == ["one", "two"]


@pytest.mark.parametrize("uses, listed", [(Store, 4), (Plain, 0)])
def test_reflection_tells_of_the_services_where_they_are(tmp_path: Path, uses: type[Executor], listed: int) -> None:
    with serving(uses, tmp_path) as address, grpc.insecure_channel(address.removeprefix("grpc://")) as channel:
        services = ProtoReflectionDescriptorDatabase(channel).get_services()
    assert len([name for name in services if "Snapshot" in name or "Restore" in name]) == listed


def test_what_nobody_knows_is_not_found(tmp_path: Path) -> None:
    with serving(Store, tmp_path) as address, calling(address) as caller:
        assert caller.snapshot_status("nothing").status == jina.SnapshotStatus.NOT_FOUND
        assert caller.restore_status("nothing").status == jina.RestoreStatus.NOT_FOUND
        code, details = failure(lambda: caller.restore("/etc/passwd"))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert "names no snapshot" in details


def test_bytes_that_are_no_message_are_refused(tmp_path: Path) -> None:
    class Garbage:
        def SerializeToString(self) -> bytes:
            return b"\xff\xff\xff"

    with serving(Store, tmp_path) as address, calling(address) as caller:
        code, _ = failure(lambda: caller._call("JinaExecutorRestore/restore", Garbage(), RestoreState))
        assert code is grpc.StatusCode.INVALID_ARGUMENT


def test_an_executor_without_snapshots_has_no_such_service(tmp_path: Path) -> None:
    with serving(Plain, tmp_path) as address, calling(address) as caller:
        for call in (caller.snapshot, lambda: caller.restore("x"), lambda: caller.snapshot_status("x")):
            assert failure(call)[0] is grpc.StatusCode.UNIMPLEMENTED


def test_a_gateway_has_no_such_service(tmp_path: Path) -> None:
    flow = Flow(protocol="grpc", host="127.0.0.1").add(uses=Store, workspace=str(tmp_path))
    with flow, calling(flow.addresses[0]) as caller:
        assert failure(caller.snapshot)[0] is grpc.StatusCode.UNIMPLEMENTED


def test_only_callers_who_are_known_and_may_get_through(tmp_path: Path) -> None:
    access = {
        "api_keys": [
            {"name": "admin", "key": KEYS["admin"]},
            {"name": "limited", "key": KEYS["limited"], "endpoints": ["/*"]},
        ],
        "public": ["*"],
    }
    with serving(Store, tmp_path, access=access) as address:
        with calling(address) as caller:
            for call in (
                caller.snapshot,
                lambda: caller.snapshot_status("x"),
                lambda: caller.restore("x"),
                lambda: caller.restore_status("x"),
            ):
                code, details = failure(call)
                assert code is grpc.StatusCode.UNAUTHENTICATED
                assert "x-api-key" in details
        with calling(address, [("x-api-key", KEYS["limited"])]) as caller:
            assert failure(caller.snapshot)[0] is grpc.StatusCode.PERMISSION_DENIED
            assert failure(lambda: caller.restore("x"))[0] is grpc.StatusCode.PERMISSION_DENIED
        with calling(address, [("x-api-key", KEYS["admin"])]) as caller:
            assert caller.snapshot().id.value
