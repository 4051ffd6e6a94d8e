"""Collections of documents kept under an address: a file, an object of S3, or anything else that fsspec reaches."""

from thalweg.docs.store.docarray import FileDocStore, S3DocStore
from thalweg.docs.store.location import StoredDocs
from thalweg.docs.store.transfer import delete, list_docs, pull, pull_stream, push, push_stream

__all__ = [
    "FileDocStore",
    "S3DocStore",
    "StoredDocs",
    "delete",
    "list_docs",
    "pull",
    "pull_stream",
    "push",
    "push_stream",
]
