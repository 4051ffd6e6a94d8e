"""`reflection.proto`: server reflection as gRPC defines it, in both of its versions."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FileDescriptor

from thalweg.message.proto.description import field, message, message_class, method, register

VERSIONS = ("v1", "v1alpha")
SERVICE = "ServerReflection"
INFO = "ServerReflectionInfo"


def package(version: str) -> str:
    return f"grpc.reflection.{version}"


def _register(version: str) -> FileDescriptor:
    prefix = f".{package(version)}."
    return register(
        f"grpc/reflection/{version}/reflection.proto",
        package(version),
        services={
            SERVICE: [
                method(INFO, prefix + "ServerReflectionRequest", prefix + "ServerReflectionResponse", (True, True))
            ]
        },
        messages=[
            message(
                "ServerReflectionRequest",
                field("string", "host", 1),
                field("string", "file_by_filename", 3, oneof=0),
                field("string", "file_containing_symbol", 4, oneof=0),
                field(prefix + "ExtensionRequest", "file_containing_extension", 5, oneof=0),
                field("string", "all_extension_numbers_of_type", 6, oneof=0),
                field("string", "list_services", 7, oneof=0),
                oneofs=["message_request"],
            ),
            message("ExtensionRequest", field("string", "containing_type", 1), field("int32", "extension_number", 2)),
            message(
                "ServerReflectionResponse",
                field("string", "valid_host", 1),
                field(prefix + "ServerReflectionRequest", "original_request", 2),
                field(prefix + "FileDescriptorResponse", "file_descriptor_response", 4, oneof=0),
                field(prefix + "ExtensionNumberResponse", "all_extension_numbers_response", 5, oneof=0),
                field(prefix + "ListServiceResponse", "list_services_response", 6, oneof=0),
                field(prefix + "ErrorResponse", "error_response", 7, oneof=0),
                oneofs=["message_response"],
            ),
            message("FileDescriptorResponse", field("bytes", "file_descriptor_proto", 1, repeated=True)),
            message(
                "ExtensionNumberResponse",
                field("string", "base_type_name", 1),
                field("int32", "extension_number", 2, repeated=True),
            ),
            message("ListServiceResponse", field(prefix + "ServiceResponse", "service", 1, repeated=True)),
            message("ServiceResponse", field("string", "name", 1)),
            message("ErrorResponse", field("int32", "error_code", 1), field("string", "error_message", 2)),
        ],
    )


FILES = {version: _register(version) for version in VERSIONS}


def response_class(version: str) -> Any:
    return message_class(f"{package(version)}.ServerReflectionResponse")


def request_class(version: str) -> Any:
    return message_class(f"{package(version)}.ServerReflectionRequest")
