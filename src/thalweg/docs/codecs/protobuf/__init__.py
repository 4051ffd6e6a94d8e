"""Documents as DocArray's messages, readable and writable by DocArray 0.30 to 0.41.

The functions named after bytes need no protobuf library; those named after messages make and take its objects.
"""

from thalweg.docs.codecs.protobuf.decoder import decode_document, decode_documents, decode_list, decode_vec
from thalweg.docs.codecs.protobuf.encoder import encode_document, encode_documents, encode_list, encode_vec
from thalweg.docs.codecs.protobuf.messages import (
    document_from,
    document_message,
    list_from,
    list_message,
    message_type,
    share_messages,
    vec_from,
    vec_message,
)

__all__ = [
    "decode_document",
    "decode_documents",
    "decode_list",
    "decode_vec",
    "document_from",
    "document_message",
    "encode_document",
    "encode_documents",
    "encode_list",
    "encode_vec",
    "list_from",
    "list_message",
    "message_type",
    "share_messages",
    "vec_from",
    "vec_message",
]
