"""`gateway.proto`: how Thalweg is called over gRPC."""

from __future__ import annotations

from thalweg.message.proto.description import STRUCT_FILE, field, message, message_class, method, register

SERVICE = "thalweg.v1.Gateway"
CALL = "Call"
EXCHANGE = "Exchange"
DESCRIBE = "Describe"

_STRUCT = ".google.protobuf.Struct"

FILE = register(
    "thalweg/v1/gateway.proto",
    "thalweg.v1",
    imports=[STRUCT_FILE],
    services={
        "Gateway": [
            method(CALL, ".thalweg.v1.CallRequest", ".thalweg.v1.CallResponse", (False, True)),
            method(EXCHANGE, ".thalweg.v1.Frames", ".thalweg.v1.Frames", (True, True)),
            method(DESCRIBE, ".thalweg.v1.DescribeRequest", ".thalweg.v1.DescribeResponse"),
        ]
    },
    messages=[
        message(
            "CallRequest",
            field("string", "endpoint", 1),
            field(_STRUCT, "data", 2, repeated=True),
            field(_STRUCT, "parameters", 3),
            field("string", "content_type", 4),
            field("bytes", "body", 5, repeated=True),
            field("string", "accept", 6),
            field("string", "target", 7),
        ),
        message(
            "CallResponse",
            field(_STRUCT, "data", 1, repeated=True),
            field(_STRUCT, "parameters", 2),
            field("string", "content_type", 3),
            field("bytes", "body", 4, repeated=True),
        ),
        message("Frames", field("bytes", "data", 1)),
        message("DescribeRequest"),
        message("DescribeResponse", field("string", "service", 1)),
    ],
)

CallRequest = message_class("thalweg.v1.CallRequest")
CallResponse = message_class("thalweg.v1.CallResponse")
Frames = message_class("thalweg.v1.Frames")
DescribeRequest = message_class("thalweg.v1.DescribeRequest")
DescribeResponse = message_class("thalweg.v1.DescribeResponse")
