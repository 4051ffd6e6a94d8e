"""`jina.proto`: the services and messages by which Jina 3.x talks to its Executors and Gateways.

Two descriptions are made of one table. `FILE` is what reflection shows. The messages that are used here come from a second
one, in which documents are bytes: on the wire a message and its bytes are the same, so that requests and answers are read
and written without a look at the documents in them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import EnumDescriptorProto

from thalweg.message.proto import docarray
from thalweg.message.proto.description import (
    EMPTY_FILE,
    STRUCT_FILE,
    TIMESTAMP_FILE,
    enum,
    field,
    mapping,
    message,
    message_class,
    method,
    register,
)

CALL_SERVICE = "jina.JinaRPC"
SINGLE_SERVICE = "jina.JinaSingleDataRequestRPC"
SEVERAL_SERVICE = "jina.JinaDataRequestRPC"
DOCUMENT_SERVICE = "jina.JinaSingleDocumentRequestRPC"
DISCOVERY_SERVICE = "jina.JinaDiscoverEndpointsRPC"
DRY_RUN_SERVICE = "jina.JinaGatewayDryRunRPC"
INFO_SERVICE = "jina.JinaInfoRPC"
SNAPSHOT_SERVICE = "jina.JinaExecutorSnapshot"
SNAPSHOT_PROGRESS_SERVICE = "jina.JinaExecutorSnapshotProgress"
RESTORE_SERVICE = "jina.JinaExecutorRestore"
RESTORE_PROGRESS_SERVICE = "jina.JinaExecutorRestoreProgress"

_EMPTY = ".google.protobuf.Empty"
_STRUCT = ".google.protobuf.Struct"
_TIME = ".google.protobuf.Timestamp"
_OPAQUE = "thalweg.jina"


class StatusCode(IntEnum):
    SUCCESS = 0
    ERROR = 1


class SnapshotStatus(IntEnum):
    STATE_UNSPECIFIED = 0
    QUEUED = 1
    SCHEDULED = 2
    RUNNING = 3
    SUCCEEDED = 4
    FAILED = 5
    NOT_FOUND = 6


class RestoreStatus(IntEnum):
    STATE_UNSPECIFIED = 0
    RUNNING = 1
    SUCCEEDED = 2
    FAILED = 3
    NOT_FOUND = 6


def _services() -> dict[str, list[Any]]:
    data = ".jina.DataRequestProto"
    document = ".jina.SingleDocumentRequestProto"
    snapshot, restore = ".jina.SnapshotStatusProto", ".jina.RestoreSnapshotStatusProto"
    listed = {
        SEVERAL_SERVICE: method("process_data", ".jina.DataRequestListProto", data),
        SINGLE_SERVICE: method("process_single_data", data, data),
        DOCUMENT_SERVICE: method("stream_doc", document, document, (False, True)),
        CALL_SERVICE: method("Call", data, data, (True, True)),
        DISCOVERY_SERVICE: method("endpoint_discovery", _EMPTY, ".jina.EndpointsProto"),
        DRY_RUN_SERVICE: method("dry_run", _EMPTY, ".jina.StatusProto"),
        INFO_SERVICE: method("_status", _EMPTY, ".jina.JinaInfoProto"),
        SNAPSHOT_SERVICE: method("snapshot", _EMPTY, snapshot),
        SNAPSHOT_PROGRESS_SERVICE: method("snapshot_status", ".jina.SnapshotId", snapshot),
        RESTORE_SERVICE: method("restore", ".jina.RestoreSnapshotCommand", restore),
        RESTORE_PROGRESS_SERVICE: method("restore_status", ".jina.RestoreId", restore),
    }
    return {name.removeprefix("jina."): [described] for name, described in listed.items()}


def _messages(package: str, documents: str, document: str) -> list[Any]:
    """All messages, below `package`; `documents` and `document` are the kinds of the fields that hold those."""

    def own(name: str) -> str:
        return f".{package}.{name}"

    shared = (
        field(own("HeaderProto"), "header", 1),
        field(_STRUCT, "parameters", 2),
        field(own("RouteProto"), "routes", 3, repeated=True),
    )
    content = message(
        "DataContentProto",
        field(documents, "docs", 1, oneof=0),
        field("bytes", "docs_bytes", 2, oneof=0),
        oneofs=["documents"],
    )
    return [
        *_frames(own),
        message(
            "DataRequestProto", *shared, field(own("DataRequestProto.DataContentProto"), "data", 4), nested=[content]
        ),
        message("SingleDocumentRequestProto", *shared, field(document, "document", 4)),
        message("DataRequestProtoWoData", *shared),
        message("DataRequestListProto", field(own("DataRequestProto"), "requests", 1, repeated=True)),
        *_states(own),
    ]


def _frames(own: Any) -> list[Any]:
    """What stands around documents, and what is told of a service."""
    status = own("StatusProto")
    exception = message(
        "ExceptionProto",
        field("string", "name", 1),
        field("string", "args", 2, repeated=True),
        field("string", "stacks", 3, repeated=True),
        field("string", "executor", 4),
    )
    versions, version_entry = mapping(own("JinaInfoProto"), "jina", 1)
    variables, variable_entry = mapping(own("JinaInfoProto"), "envs", 2)
    return [
        message(
            "RouteProto",
            field("string", "executor", 1),
            field(_TIME, "start_time", 2),
            field(_TIME, "end_time", 3),
            field(status, "status", 4),
        ),
        message("JinaInfoProto", versions, variables, nested=[version_entry, variable_entry]),
        message(
            "HeaderProto",
            field("string", "request_id", 1),
            field(status, "status", 2),
            field("string", "exec_endpoint", 3, optional=True),
            field("string", "target_executor", 4, optional=True),
            field("uint32", "timeout", 5, optional=True),
        ),
        message(
            "EndpointsProto",
            field("string", "endpoints", 1, repeated=True),
            field("string", "write_endpoints", 2, repeated=True),
            field(_STRUCT, "schemas", 3),
        ),
        message(
            "StatusProto",
            field(f"enum {status}.StatusCode", "code", 1),
            field("string", "description", 2),
            field(f"{status}.ExceptionProto", "exception", 3),
            enums=[enum("StatusCode", *StatusCode.__members__)],
            nested=[exception],
        ),
        message(
            "RelatedEntity",
            field("string", "id", 1),
            field("string", "address", 2),
            field("uint32", "port", 3),
            field("uint32", "shard_id", 4, optional=True),
        ),
    ]


def _states(own: Any) -> list[Any]:
    """How far saving and restoring an Executor's state is."""
    saved, restored = own("SnapshotStatusProto"), own("RestoreSnapshotStatusProto")
    return [
        message("SnapshotId", field("string", "value", 1)),
        message("RestoreId", field("string", "value", 1)),
        message(
            "SnapshotStatusProto",
            field(own("SnapshotId"), "id", 1),
            field(f"enum {saved}.Status", "status", 2),
            field("string", "snapshot_file", 3),
            enums=[_numbered(SnapshotStatus)],
        ),
        message(
            "RestoreSnapshotStatusProto",
            field(own("RestoreId"), "id", 1),
            field(f"enum {restored}.Status", "status", 2),
            enums=[_numbered(RestoreStatus)],
        ),
        message("RestoreSnapshotCommand", field("string", "snapshot_file", 1)),
    ]


def _numbered(values: type[IntEnum]) -> EnumDescriptorProto:
    """An enum whose values leave some numbers out."""
    described = enum("Status")
    for value in values:
        described.value.add(name=value.name, number=value)
    return described


FILE: FileDescriptor = register(
    "jina.proto",
    "jina",
    imports=[STRUCT_FILE, TIMESTAMP_FILE, EMPTY_FILE, docarray.NAME],
    services=_services(),
    messages=_messages("jina", ".docarray.DocListProto", ".docarray.DocProto"),
)

register(
    "thalweg/jina.proto",
    _OPAQUE,
    imports=[STRUCT_FILE, TIMESTAMP_FILE],
    services={},
    messages=_messages(_OPAQUE, "bytes", "bytes"),
)

SERVICES = tuple(f"jina.{name}" for name in _services())

DataRequest = message_class(f"{_OPAQUE}.DataRequestProto")
DataRequests = message_class(f"{_OPAQUE}.DataRequestListProto")
DocumentRequest = message_class(f"{_OPAQUE}.SingleDocumentRequestProto")
Endpoints = message_class(f"{_OPAQUE}.EndpointsProto")
Info = message_class(f"{_OPAQUE}.JinaInfoProto")
State = message_class(f"{_OPAQUE}.StatusProto")
SnapshotState = message_class(f"{_OPAQUE}.SnapshotStatusProto")
SnapshotId = message_class(f"{_OPAQUE}.SnapshotId")
RestoreState = message_class(f"{_OPAQUE}.RestoreSnapshotStatusProto")
RestoreCommand = message_class(f"{_OPAQUE}.RestoreSnapshotCommand")
RestoreId = message_class(f"{_OPAQUE}.RestoreId")
Empty = message_class("google.protobuf.Empty")
