"""The index that keeps everything in memory and never misses the nearest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar, cast

from thalweg.docs.doc_list import DocList
from thalweg.docs.document import BaseDoc
from thalweg.docs.index import memory_file
from thalweg.docs.index.collection import Layout
from thalweg.docs.index.doc_index import DocIndex
from thalweg.docs.index.memory import MemoryCollection

T_doc = TypeVar("T_doc", bound=BaseDoc)
DEFAULT_FILE = "in_memory_index.bin"


class InMemoryExactNNIndex(DocIndex[T_doc]):
    """Documents in memory, compared with each query one and all: `InMemoryExactNNIndex[MyDoc](docs)`.

    Vectors of unknown size (`NdArray` without a shape) take on the size of the first one. Filters know the whole
    language, what is inside of dicts and lists as well. Search for words ranks by BM25.

    Args:
        docs: documents to begin with.
        index_file_path: read from there, if there is such a file, and written there by `persist`. A file that DocArray's
            index of the same name has persisted is read as well.

    Raises:
        ValueError: both `docs` and `index_file_path` are given.
        LayoutMismatch: the file was written for another class of document.
        MalformedRequest: the file is damaged.
    """

    collection_type = MemoryCollection

    @dataclass
    class DBConfig(DocIndex.DBConfig):
        """`index_file_path` is where the index is read from and persisted to."""

        index_file_path: str | PathLike[str] | None = None

    def __init__(
        self,
        docs: T_doc | Iterable[T_doc | Mapping[str, Any]] | None = None,
        db_config: DocIndex.DBConfig | None = None,
        **options: Any,
    ) -> None:
        super().__init__(db_config, **options)
        configured = self._configured_path()
        if docs is not None and configured is not None:
            raise ValueError("give either docs or index_file_path: a file brings its own documents")
        if configured is not None and configured.exists():
            self._load(configured)
        if docs is not None:
            self.index(docs)

    def open_collection(self, layout: Layout) -> MemoryCollection:
        return MemoryCollection(layout)

    def persist(self, file: str | PathLike[str] | None = None) -> None:
        """Write the index to a file: to `file`, else to the configured path, else to `in_memory_index.bin`."""
        path = Path(file) if file is not None else self._configured_path() or Path(DEFAULT_FILE)
        memory_file.save_collections(path, self._collections())

    def _configured_path(self) -> Path | None:
        path = cast(InMemoryExactNNIndex.DBConfig, self.db_config).index_file_path
        return None if path is None else Path(path)

    def _load(self, path: Path) -> None:
        if memory_file.is_ours(path):
            memory_file.load_collections(path, self._collections())
        else:
            self.index(DocList[self.doc_type].load_binary(path))  # type: ignore[name-defined]

    def _collections(self) -> dict[str, MemoryCollection]:
        """The collections by their names without the name of the index: that may be another one next time."""
        return {
            name[len(self.index_name) :]: cast(MemoryCollection, level.collection)
            for name, level in self._levels.items()
        }
