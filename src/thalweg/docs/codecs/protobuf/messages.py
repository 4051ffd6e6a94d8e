"""DocArray's messages as objects of the protobuf library, which is loaded when the first one is made.

The pool is private: DocArray registers the same names in the pool of the process, and neither sees the other. A program
that stands on DocArray's own file, `docarray.proto`, and has no DocArray may have them in the pool of the process.
"""

from __future__ import annotations

from functools import cache
from threading import Event
from typing import Any

from thalweg.docs.codecs.protobuf import decoder, encoder
from thalweg.docs.codecs.protobuf.wire import malformed
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import BaseDocWithoutId

PACKAGE = "docarray"

_MESSAGES: dict[str, tuple[str, ...]] = {
    "DenseNdArrayProto": ("bytes buffer = 1", "repeated uint32 shape = 2", "string dtype = 3"),
    "NdArrayProto": ("DenseNdArrayProto dense = 1", "google.protobuf.Struct parameters = 2"),
    "NodeProto": (
        "content: string text = 1",
        "content: int32 integer = 2",
        "content: double float = 3",
        "content: bool boolean = 4",
        "content: bytes blob = 5",
        "content: NdArrayProto ndarray = 6",
        "content: DocProto doc = 7",
        "content: DocListProto doc_array = 8",
        "content: ListOfAnyProto list = 9",
        "content: ListOfAnyProto set = 10",
        "content: ListOfAnyProto tuple = 11",
        "content: DictOfAnyProto dict = 12",
        "docarray_type: string type = 13",
        "bytes large_integer = 101",
        "string class_name = 102",
        "string tensor_dtype = 103",
    ),
    "DocProto": ("map NodeProto data = 1",),
    "DictOfAnyProto": ("map NodeProto data = 1",),
    "ListOfAnyProto": ("repeated NodeProto data = 1",),
    "DocListProto": ("repeated DocProto docs = 1",),
    "ListOfDocArrayProto": ("repeated DocListProto data = 1",),
    "ListOfDocVecProto": ("repeated DocVecProto data = 1",),
    "DocVecProto": (
        "map NdArrayProto tensor_columns = 1",
        "map DocVecProto doc_columns = 2",
        "map ListOfDocVecProto docs_vec_columns = 3",
        "map ListOfAnyProto any_columns = 4",
        "uint64 count = 101",
        "bool missing = 102",
    ),
}
"""The messages and their fields, as `.proto` files write them but for `map`, whose keys are text, and for oneofs."""

_SHARED = Event()


def document_message(doc: BaseDocWithoutId) -> Any:
    """A `DocProto` of a document; raises what `encode_document` raises."""
    return _parsed("DocProto", encoder.encode_document(doc))


def document_from(message: Any, doc_type: type[BaseDocWithoutId]) -> Any:
    """The document of a `DocProto`, whichever library made it; raises what `decode_document` raises."""
    return decoder.decode_document(_bytes(message, "DocProto"), doc_type)


def list_message(docs: DocList[Any]) -> Any:
    """A `DocListProto` of documents; raises what `encode_document` raises."""
    return _parsed("DocListProto", encoder.encode_list(docs))


def list_from(message: Any, array_type: type[DocList[Any]]) -> Any:
    """The documents of a `DocListProto`, whichever library made it; raises what `decode_list` raises."""
    return array_type.trusted(decoder.decode_list(_bytes(message, "DocListProto"), array_type.doc_type))


def vec_message(vec: DocVec[Any]) -> Any:
    """A `DocVecProto` of a DocVec; raises what `encode_document` raises."""
    return _parsed("DocVecProto", encoder.encode_vec(vec))


def vec_from(message: Any, vec_type: type[DocVec[Any]]) -> Any:
    """The documents of a `DocVecProto`, whichever library made it; raises what `decode_vec` raises."""
    return decoder.decode_vec(_bytes(message, "DocVecProto"), vec_type.doc_type)


def message_type(name: str) -> Any:
    """The class of a message, such as `DocProto`."""
    return _classes(_SHARED.is_set())[name]


def share_messages() -> Any:
    """Put the messages into the pool of the process, as the file `docarray.proto`; from now on, they are made from there.

    Other files of the process can build on them then, as Jina's do. Returns the description of the file.

    Raises:
        TypeError: the pool has another `docarray.proto`.
    """
    made = _classes(True)
    _SHARED.set()
    return made["DocProto"].DESCRIPTOR.file


def _parsed(name: str, data: bytes) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return message_type(name).FromString(data)
    except DecodeError as error:
        raise ValueError(
            f"the documents do not make a message of protobuf, which holds less than 2 GiB: {error}"
        ) from None


def _bytes(message: Any, name: str) -> bytes:
    """The bytes of a message.

    Raises:
        MalformedRequest: it is another message, or none.
    """
    descriptor = getattr(message, "DESCRIPTOR", None)
    if getattr(descriptor, "full_name", "") != f"{PACKAGE}.{name}":
        raise malformed(f"a {name} is expected, not {getattr(descriptor, 'name', type(message).__name__)}")
    data: bytes = message.SerializePartialToString()
    return data


@cache
def _classes(shared: bool) -> dict[str, Any]:
    """The classes of all messages: those of the process, or of a pool of their own."""
    from google.protobuf import struct_pb2
    from google.protobuf.descriptor_pool import Default, DescriptorPool
    from google.protobuf.message_factory import GetMessageClass

    pool = Default() if shared else DescriptorPool()
    if not shared:
        pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(_file("docarray.proto" if shared else "thalweg/docarray.proto"))
    return {name: GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in _MESSAGES}


def _file(name: str) -> bytes:
    """The file of all messages, described."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    file = FileDescriptorProto(name=name, package=PACKAGE, syntax="proto3", dependency=["google/protobuf/struct.proto"])
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for field in fields:
            _describe(message, *field.rpartition(": ")[::2])
    data: bytes = file.SerializeToString()
    return data


def _describe(message: Any, oneof: str, text: str) -> None:
    """Add the field that `text` describes to the description of a message."""
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Kind

    *modifiers, kind, name, _, number = text.split()
    field = message.field.add(name=name, number=int(number), label=Kind.LABEL_OPTIONAL)
    if "map" in modifiers:
        entry = message.nested_type.add(name="".join(map(str.title, name.split("_"))) + "Entry")
        entry.options.map_entry = True
        _describe(entry, "", "string key = 1")
        _describe(entry, "", f"{kind} value = 2")
        kind = f"{message.name}.{entry.name}"
    if modifiers:
        field.label = Kind.LABEL_REPEATED
    if oneof:
        names = [one.name for one in message.oneof_decl]
        if oneof not in names:
            message.oneof_decl.add(name=oneof)
            names.append(oneof)
        field.oneof_index = names.index(oneof)
    if kind[0].islower() and "." not in kind:
        field.type = getattr(Kind, f"TYPE_{kind.upper()}")
    else:
        field.type = Kind.TYPE_MESSAGE
        field.type_name = f".{kind}" if "." in kind and kind[0].islower() else f".{PACKAGE}.{kind}"
