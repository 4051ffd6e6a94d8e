"""`health.proto`: health checking as gRPC defines it."""

from __future__ import annotations

from enum import IntEnum

from thalweg.message.proto.description import enum, field, message, message_class, method, register

SERVICE = "grpc.health.v1.Health"
CHECK = "Check"
WATCH = "Watch"

_REQUEST = ".grpc.health.v1.HealthCheckRequest"
_RESPONSE = ".grpc.health.v1.HealthCheckResponse"


class ServingStatus(IntEnum):
    UNKNOWN = 0
    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3


FILE = register(
    "grpc/health/v1/health.proto",
    "grpc.health.v1",
    services={
        "Health": [method(CHECK, _REQUEST, _RESPONSE), method(WATCH, _REQUEST, _RESPONSE, (False, True))],
    },
    messages=[
        message("HealthCheckRequest", field("string", "service", 1)),
        message(
            "HealthCheckResponse",
            field(f"enum {_RESPONSE}.ServingStatus", "status", 1),
            enums=[enum("ServingStatus", *ServingStatus.__members__)],
        ),
    ],
)

HealthCheckRequest = message_class("grpc.health.v1.HealthCheckRequest")
HealthCheckResponse = message_class("grpc.health.v1.HealthCheckResponse")
