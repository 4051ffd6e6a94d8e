"""Protobuf files described in Python, and message classes made of them when they are used first.

The pool is private. What other packages register under the same names (each generated `health_pb2` does so in the pool of
the process) is neither seen nor disturbed, and there is no generated module that asks for one release of protobuf.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import empty_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

POOL = DescriptorPool()
EMPTY_FILE = "google/protobuf/empty.proto"
STRUCT_FILE = "google/protobuf/struct.proto"
TIMESTAMP_FILE = "google/protobuf/timestamp.proto"

_WELL_KNOWN = {
    EMPTY_FILE: empty_pb2.DESCRIPTOR,
    STRUCT_FILE: struct_pb2.DESCRIPTOR,
    TIMESTAMP_FILE: timestamp_pb2.DESCRIPTOR,
}

SCALARS = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
}


def field(
    kind: str, name: str, number: int, *, repeated: bool = False, oneof: int | None = None, optional: bool = False
) -> Any:
    """A field. `kind` is a scalar, a message (`.package.Name`) or an enum (`enum .package.Name`). One that is `optional`
    is known to be absent, whatever its kind."""
    described = FieldDescriptorProto(name=name, number=number)
    described.label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
    if oneof is not None:
        described.oneof_index = oneof
    if optional:
        described.proto3_optional = True
    if kind in SCALARS:
        described.type = SCALARS[kind]
    elif kind.startswith("enum "):
        described.type = FieldDescriptorProto.TYPE_ENUM
        described.type_name = kind.removeprefix("enum ")
    else:
        described.type = FieldDescriptorProto.TYPE_MESSAGE
        described.type_name = kind
    return described


def mapping(owner: str, name: str, number: int) -> tuple[Any, Any]:
    """A field that maps text to text, and the message of its entries, which is nested in `owner` (`.package.Name`)."""
    entry = message(f"{name.title()}Entry", field("string", "key", 1), field("string", "value", 2))
    entry.options.map_entry = True
    return field(f"{owner}.{entry.name}", name, number, repeated=True), entry


def enum(name: str, *values: str) -> EnumDescriptorProto:
    """An enum whose values count from 0."""
    described = EnumDescriptorProto(name=name)
    for number, value in enumerate(values):
        described.value.add(name=value, number=number)
    return described


def message(
    name: str,
    *fields: Any,
    oneofs: Sequence[str] = (),
    enums: Sequence[EnumDescriptorProto] = (),
    nested: Sequence[Any] = (),
) -> Any:
    """A message; fields name their oneof by its place in `oneofs`."""
    described = DescriptorProto(name=name, field=fields, enum_type=enums, nested_type=nested)
    for oneof in oneofs:
        described.oneof_decl.add(name=oneof)
    for one in described.field:
        if one.proto3_optional:  # such a field stands in a oneof of its own, after those that have names
            one.oneof_index = len(described.oneof_decl)
            described.oneof_decl.add(name=f"_{one.name}")
    return described


def method(name: str, request: str, response: str, streams: tuple[bool, bool] = (False, False)) -> Any:
    """A method of a service; `streams` says whether requests and responses are streams."""
    described = MethodDescriptorProto(name=name, input_type=request, output_type=response)
    if streams[0]:
        described.client_streaming = True
    if streams[1]:
        described.server_streaming = True
    return described


def register(
    name: str,
    package: str,
    *,
    services: Mapping[str, Sequence[Any]],
    messages: Sequence[Any],
    imports: Sequence[str] = (),
) -> FileDescriptor:
    """Add a file to the pool."""
    for imported in imports:
        if imported in _WELL_KNOWN:
            POOL.AddSerializedFile(_WELL_KNOWN[imported].serialized_pb)
    described = FileDescriptorProto(name=name, package=package, syntax="proto3", dependency=imports)
    described.message_type.extend(messages)
    for service, methods in services.items():
        described.service.append(ServiceDescriptorProto(name=service, method=methods))
    POOL.AddSerializedFile(described.SerializeToString())
    return POOL.FindFileByName(name)


def message_class(full_name: str) -> Any:
    """The class of a registered message; its fields are known at run time only."""
    return GetMessageClass(POOL.FindMessageTypeByName(full_name))
