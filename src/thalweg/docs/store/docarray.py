"""The stores under DocArray's names, for programs that call them directly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, TypeAlias, TypeVar

from thalweg.docs.doc_list import DocList
from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.store import transfer
from thalweg.docs.store.location import StoredDocs

A = TypeVar("A", bound=DocList[Any])
Names: TypeAlias = list[str]


class _Store:
    """`name` is an address without its scheme. What is written, DocArray reads where it reads anything safe."""

    scheme: ClassVar[str]
    missing_ok: ClassVar[bool] = False

    @classmethod
    def list(cls, namespace: str, show_table: bool = False) -> Names:
        """The names of the collections in a folder; with `show_table` a table of them is printed too.

        Raises:
            FileNotFoundError: there is no such folder.
        """
        found = transfer.list_docs(f"{cls.scheme}://{namespace}")
        if show_table:
            _print_table(found, f"{cls.scheme}://{namespace}")
        return [docs.name for docs in found]

    @classmethod
    def delete(cls, name: str, missing_ok: bool | None = None) -> bool:
        """Remove a collection; whether it was there."""
        return transfer.delete(f"{cls.scheme}://{name}", cls.missing_ok if missing_ok is None else missing_ok)

    @classmethod
    def push(cls, docs: DocList[Any], name: str, show_progress: bool = False) -> dict[str, Any]:
        """Store a list; returns an empty dict, as DocArray does."""
        return cls.push_stream(docs, name, show_progress)

    @classmethod
    def push_stream(cls, docs: Iterable[BaseDocWithoutId], name: str, show_progress: bool = False) -> dict[str, Any]:
        """Store the documents of an iterator; returns an empty dict, as DocArray does."""
        transfer.push_stream(docs, f"{cls.scheme}://{name}", show_progress=show_progress, format="docarray")
        return {}

    @classmethod
    def pull(cls, docs_cls: type[A], name: str, show_progress: bool = False, local_cache: bool = False) -> A:
        """The list that was stored."""
        return docs_cls.trusted(cls.pull_stream(docs_cls, name, show_progress, local_cache))

    @classmethod
    def pull_stream(
        cls, docs_cls: type[DocList[Any]], name: str, show_progress: bool = False, local_cache: bool = False
    ) -> Iterator[Any]:
        """The documents that were stored, one after the other."""
        url = f"{cls.scheme}://{name}"
        return transfer.pull_stream(docs_cls.doc_type, url, show_progress=show_progress, local_cache=local_cache)


class FileDocStore(_Store):
    """Collections in files of this machine, in DocArray's form."""

    scheme = "file"


class S3DocStore(_Store):
    """Collections in S3, in the form of DocArray's files: its own for S3 runs code when it is read."""

    scheme = "s3"
    missing_ok = True


def _print_table(found: list[StoredDocs], title: str) -> None:
    from rich import box, filesize
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE)
    table.add_column("Name")
    table.add_column("Last modified", justify="center")
    table.add_column("Size", justify="right")
    for docs in found:
        modified = "" if docs.modified is None else docs.modified.isoformat(" ", "seconds")
        table.add_row(docs.name, modified, filesize.decimal(docs.size))
    Console().print(table)
