"""Server reflection, so that `grpcurl` and the like need no `.proto` file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import grpc
from google.protobuf.descriptor import FileDescriptor
from grpc import aio

from thalweg.message.proto.description import POOL
from thalweg.message.proto.reflection import INFO, SERVICE, VERSIONS, package, request_class, response_class
from thalweg.transport.grpc.failure import message_reader, readable_message


class Reflection:
    """Tells of the services named in `services` and of every file in our pool."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = sorted([*services, *(f"{package(version)}.{SERVICE}" for version in VERSIONS)])

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """One for each version of the protocol."""
        return [self._handler(version) for version in VERSIONS]

    def _handler(self, version: str) -> grpc.GenericRpcHandler:
        response = response_class(version)
        method = grpc.stream_stream_rpc_method_handler(
            partial(self._tell, response),
            request_deserializer=message_reader(request_class(version)),
            response_serializer=response.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(f"{package(version)}.{SERVICE}", {INFO: method})

    async def _tell(self, response: Any, requests: Any, context: aio.ServicerContext[Any, Any]) -> None:
        async for request in requests:
            await readable_message(request, context)
            answer = response(valid_host=request.host, original_request=request)
            try:
                self._fill(answer, request)
            except KeyError:
                answer.error_response.error_code = grpc.StatusCode.NOT_FOUND.value[0]
                answer.error_response.error_message = "There is no such file, symbol or extension here."
            await context.write(answer)

    def _fill(self, answer: Any, request: Any) -> None:
        asked = request.WhichOneof("message_request")
        if asked == "list_services":
            for service in self._services:
                answer.list_services_response.service.add(name=service)
        elif asked == "file_by_filename":
            _add_files(answer, POOL.FindFileByName(request.file_by_filename))
        elif asked == "file_containing_symbol":
            _add_files(answer, POOL.FindFileContainingSymbol(request.file_containing_symbol))
        elif asked == "all_extension_numbers_of_type":
            POOL.FindMessageTypeByName(request.all_extension_numbers_of_type)
            answer.all_extension_numbers_response.base_type_name = request.all_extension_numbers_of_type
        else:
            raise KeyError(asked)  # proto3 files, ours among them, have no extensions


def _add_files(answer: Any, file: FileDescriptor) -> None:
    """`file` and all that it imports."""
    found: dict[str, FileDescriptor] = {}
    waiting = [file]
    while waiting:
        one = waiting.pop()
        if one.name not in found:
            found[one.name] = one
            waiting.extend(one.dependencies)
    answer.file_descriptor_response.file_descriptor_proto.extend(one.serialized_pb for one in found.values())
