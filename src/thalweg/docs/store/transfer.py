"""Storing documents under an address, and getting them back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.progress import tracked
from thalweg.docs.store import form
from thalweg.docs.store.address import location_of
from thalweg.docs.store.location import Location, StoredDocs


def push(docs: DocList[Any] | DocVec[Any], url: str, *, show_progress: bool = False, **options: Any) -> None:
    """Store `docs` under `url`; see `push_stream`."""
    rows = docs.to_doc_list() if isinstance(docs, DocVec) else docs
    push_stream(rows, url, show_progress=show_progress, **options)


def push_stream(
    docs: Iterable[BaseDocWithoutId],
    url: str,
    *,
    show_progress: bool = False,
    format: form.Form = "columns",  # noqa: A002  # the word that everybody would look for
    compress: str | None = None,
    **options: Any,
) -> None:
    """Store documents under `url`, however many, in constant memory.

    Nothing is visible there, and what was there before stays, until all of them are stored. Of two that store under one
    address at once, the one that ends last wins.

    Args:
        docs: the documents. What they raise is raised here, and nothing is stored.
        url: `s3://`, `memory://` or whatever else fsspec knows; `file://` and a path, or a path. A name that begins with
            neither `/`, `~` nor `.` is kept in the folder that THALWEG_CACHE names, else in `~/.cache/thalweg`.
        show_progress: show a bar.
        format: "columns", or "docarray" for what DocArray's file store reads and writes.
        compress: None, "lz4", "bz2", "lzma", "zlib" or "gzip".
        **options: what fsspec's filesystem takes, such as `endpoint_url` of S3.

    Raises:
        ValueError: the address, the format or the compression is not known, or a field has no form in it.
        OSError: it cannot be written there.
        MissingDependency: the library for such addresses is not installed.
    """
    total = len(docs) if isinstance(docs, DocList) else None
    pieces = form.pieces_of(tracked(docs, "Storing", show_progress, total), format, compress)
    with location_of(url, options).writing() as file:
        for piece in pieces:
            file.write(piece)


def pull(
    doc_type: type[BaseDocWithoutId],
    url: str,
    *,
    show_progress: bool = False,
    local_cache: bool = False,
    **options: Any,
) -> DocList[Any]:
    """The documents stored under `url` as a list; see `pull_stream`."""
    docs = pull_stream(doc_type, url, show_progress=show_progress, local_cache=local_cache, **options)
    return DocList[doc_type].trusted(docs)  # type: ignore[valid-type]


def pull_stream(
    doc_type: type[BaseDocWithoutId],
    url: str,
    *,
    show_progress: bool = False,
    local_cache: bool = False,
    allow_pickle: bool = False,
    max_bytes: int | None = None,
    **options: Any,
) -> Iterator[Any]:
    """The documents stored under `url`, one after the other, in constant memory.

    Args:
        doc_type: their class; `AnyDoc` for any.
        url: where they were stored; `http://` and `https://` are read too.
        show_progress: show a bar.
        local_cache: keep a copy on this machine, and read that one for as long as the original is the same.
        allow_pickle: that unpickling may run whatever code the data holds: what DocArray stores in S3 is pickled.
        max_bytes: what a compressed chunk may become; None for a hundred times its size, and 64 MiB at least.
        **options: what fsspec's filesystem takes.

    Raises:
        FileNotFoundError: nothing is stored there.
        ValueError: the address is not known, or it is pickled and that is not allowed.
        InvalidDocument: a document does not fit the class; `details` begin with its number.
        MalformedRequest: what is stored there is no collection of documents, or was cut off.
        OSError: it cannot be read, or was replaced while it was.
    """
    location = location_of(url, options)
    if local_cache:
        from thalweg.docs.store.copies import copy_of

        location = copy_of(location, url)
    docs = _documents(location, doc_type, allow_pickle, max_bytes)
    next(docs)  # opens it, so that what is missing is missed here and not when the first document is asked for
    return tracked(docs, "Fetching", True) if show_progress else docs


def _documents(
    location: Location, doc_type: type[BaseDocWithoutId], allow_pickle: bool, max_bytes: int | None
) -> Iterator[Any]:
    with location.reading() as file:
        docs = form.documents_of(file, doc_type, allow_pickle, max_bytes)
        yield None
        yield from docs


def list_docs(url: str, **options: Any) -> list[StoredDocs]:
    """The collections in a folder, sorted by name; not those in folders within it.

    Args:
        url: the folder, as in `s3://bucket/folder`; "file://" alone for collections with a bare name.
        **options: what fsspec's filesystem takes.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    return sorted(location_of(url, options, folder=True).beside())


def delete(url: str, missing_ok: bool = False, **options: Any) -> bool:
    """Remove the documents stored under `url`; whether there were any.

    Raises:
        FileNotFoundError: there were none, and `missing_ok` is False.
    """
    try:
        location_of(url, options).delete()
    except FileNotFoundError:
        if not missing_ok:
            raise
        return False
    return True
