"""`docarray.proto`: documents as DocArray writes them, for those who read descriptions of services.

What the messages hold is known to `thalweg.docs.codecs.protobuf`; here they stand in the pool of the services that carry
them, under the file name by which Jina's own description imports them.
"""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from thalweg.docs.codecs.protobuf import message_type
from thalweg.message.proto.description import STRUCT_FILE, register

NAME = "docarray.proto"


def _described() -> FileDescriptorProto:
    described = FileDescriptorProto()
    message_type("DocProto").DESCRIPTOR.file.CopyToProto(described)
    return described


FILE = register(NAME, "docarray", services={}, messages=_described().message_type, imports=[STRUCT_FILE])
