"""Documents as bytes, base64 and files, in DocArray's layouts and as columns."""

from thalweg.docs.codecs.binary.arrays import array_from_bytes, array_to_bytes
from thalweg.docs.codecs.binary.documents import document_from_bytes, document_to_bytes, from_base64, to_base64
from thalweg.docs.codecs.binary.files import load_binary, save_binary, stream_binary

__all__ = [
    "array_from_bytes",
    "array_to_bytes",
    "document_from_bytes",
    "document_to_bytes",
    "from_base64",
    "load_binary",
    "save_binary",
    "stream_binary",
    "to_base64",
]
