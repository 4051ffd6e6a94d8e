"""The `.proto` files that people read say what the descriptions in Python say."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import Default

from thalweg.message.proto import docarray, gateway, health, jina, reflection
from thalweg.message.proto.description import message_class


def proto_text(name: str) -> str:
    return (files("thalweg.message.proto") / name).read_text()


def compiled(text: str, folder: Path, name: str) -> FileDescriptorProto:
    folder = folder / "sources"
    source = folder / name
    source.parent.mkdir(parents=True)
    source.write_text(text)
    if name != docarray.NAME:
        (folder / docarray.NAME).write_text(proto_text(docarray.NAME))
    included = files("grpc_tools") / "_proto"
    output = folder / "set"
    # In a process of its own: beside some other libraries that bring a protobuf of theirs, the compiler crashes.
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"-I{folder}",
        f"-I{included}",
        f"--descriptor_set_out={output}",
    ]
    subprocess.run([*command, name], check=True)
    (described,) = FileDescriptorSet.FromString(output.read_bytes()).file
    return described


def plain(described: FileDescriptorProto) -> FileDescriptorProto:
    """Without the names that only code generators use for JSON, which follow from the fields' names."""
    waiting = list(described.message_type)
    while waiting:
        message = waiting.pop()
        waiting.extend(message.nested_type)
        for field in message.field:
            field.ClearField("json_name")
    return described


def built(file: FileDescriptor) -> FileDescriptorProto:
    described = FileDescriptorProto()
    file.CopyToProto(described)
    return plain(described)


ALPHA = proto_text("reflection.proto").replace("package grpc.reflection.v1;", "package grpc.reflection.v1alpha;")


@pytest.mark.parametrize(
    "text,file",
    [
        pytest.param(proto_text("gateway.proto"), gateway.FILE, id="gateway"),
        pytest.param(proto_text("health.proto"), health.FILE, id="health"),
        pytest.param(proto_text("reflection.proto"), reflection.FILES["v1"], id="reflection"),
        pytest.param(proto_text("docarray.proto"), docarray.FILE, id="docarray"),
        pytest.param(proto_text("jina.proto"), jina.FILE, id="jina"),
        pytest.param(ALPHA, reflection.FILES["v1alpha"], id="reflection-alpha"),
    ],
)
def test_the_text_and_the_description_agree(text: str, file: FileDescriptor, tmp_path: Path) -> None:
    assert built(file) == plain(compiled(text, tmp_path, file.name))


@pytest.mark.parametrize(
    "file", [gateway.FILE, health.FILE, jina.FILE, *reflection.FILES.values()], ids=lambda file: file.name
)
def test_nothing_is_registered_in_the_pool_of_the_process(file: FileDescriptor) -> None:
    with pytest.raises(KeyError):
        Default().FindFileByName(file.name)


def test_generated_modules_of_other_packages_do_not_collide() -> None:
    from grpc_health.v1 import health_pb2

    theirs = health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.NOT_SERVING)
    ours = health.HealthCheckResponse.FromString(theirs.SerializeToString())
    assert ours.status == health.ServingStatus.NOT_SERVING


def test_documents_in_a_call_are_structures() -> None:
    request = gateway.CallRequest(endpoint="/encode")
    request.data.add().update({"text": "hello", "tags": ["a", None], "size": {"w": 1.5}})
    again = gateway.CallRequest.FromString(request.SerializeToString())
    assert dict(again.data[0]) == {"text": "hello", "tags": ["a", None], "size": {"w": 1.5}}


def test_documents_are_the_same_bytes_whether_they_are_read_or_not() -> None:
    described = message_class("jina.DataRequestProto")()
    described.header.request_id = "1"
    described.data.docs.docs.add().data["text"].text = "hello"
    unread = jina.DataRequest.FromString(described.SerializeToString())
    assert unread.data.docs == described.data.docs.SerializeToString()
    assert unread.SerializeToString() == described.SerializeToString()
