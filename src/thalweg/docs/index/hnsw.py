"""An index of its own in files: vectors in graphs, everything else in SQLite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar, cast
from uuid import uuid4

import numpy as np

from thalweg.docs.document import BaseDoc
from thalweg.docs.index.collection import Collection, Hit, Layout, Record, VectorColumn
from thalweg.docs.index.doc_index import DocIndex
from thalweg.docs.index.gate import Gate
from thalweg.docs.index.graph import Build, Graph
from thalweg.docs.index.spelling import spelled
from thalweg.docs.index.sqlite_records import SQLiteRecords
from thalweg.docs.index.words import words_in
from thalweg.docs.query.condition import Condition
from thalweg.docs.query.metric import Metric

T_doc = TypeVar("T_doc", bound=BaseDoc)

LINKS, EFFORT, BREADTH = 16, 200, 200
"""M, ef_construction and ef where a column does not say: 98 of 100 true neighbours in 10,000 random vectors."""

_SAVED_AFTER = 10_000


class HnswCollection(Collection):
    """Records in a SQLite file, and beside it one file for the graph of each vector.

    SQLite has the truth. A graph is written by `flush` and `close`, and as soon as it has doubled since; what a graph
    file lacks, because the process ended before, is added again when it is opened. Several processes may read and write
    one collection in turns.

    Args:
        folder: where the files are; it is made where there is none.
    """

    compares_values = True
    asks_inside = True
    searches_words = True

    def __init__(self, layout: Layout, folder: Path) -> None:
        self.layout = layout
        self._gate = Gate()
        self._catching_up = Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{spelled(layout.name)}.sqlite"
        self._records = SQLiteRecords(self._path, layout)
        self._open = True
        self._unsaved = 0
        self._seen = self._records.changes_elsewhere()
        try:
            self._graphs = {column.name: self._read(column) for column in layout.vectors}
            for name in self._graphs:
                self._catch_up(name)
        except BaseException:
            self._records.close()
            raise

    def put(self, records: Sequence[Record]) -> None:
        latest = list({record.id: record for record in records}.values())
        if not latest:
            return
        self._refresh()
        with self._gate.writing():
            change = self._records.put(latest)
            for name, graph in self._graphs.items():
                graph.forget(change.removed)
                there = [n for n, record in enumerate(latest) if record.vectors.get(name) is not None]
                if there:
                    graph.add([change.added[n] for n in there], np.stack([latest[n].vectors[name] for n in there]))
            self._tidy(len(latest))

    def get(self, ids: Sequence[str]) -> list[bytes | None]:
        found = self._records.get(ids)
        return [found.get(key) for key in ids]

    def delete(self, ids: Sequence[str]) -> None:
        self._refresh()
        with self._gate.writing():
            removed = self._records.delete(ids)
            for graph in self._graphs.values():
                graph.forget(removed)
            self._tidy(len(removed))

    def count(self) -> int:
        return self._records.count()

    def scan(self) -> Iterator[tuple[str, bytes]]:
        return self._records.scan()

    def nearest(
        self, column: str, vectors: np.ndarray[Any, Any], limit: int, condition: Condition | None = None
    ) -> list[list[Hit]]:
        self._refresh()
        with self._gate.reading():
            wanted = None if condition is None else np.array(self._records.rows(condition), np.int64)
            found = self._graphs[column].nearest(vectors, limit, wanted)
            kept = self._records.fetch({row for rows, _ in found for row in rows.tolist()})
        return [
            [
                Hit(*kept[row], score)
                for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
                if row in kept  # another process may have deleted it just now
            ]
            for rows, scores in found
        ]

    def select(self, condition: Condition, limit: int | None = None) -> list[tuple[str, bytes]]:
        with self._gate.reading():
            rows = self._records.rows(condition, limit)
            return list(self._records.fetch(rows).values())

    def match(self, column: str, text: str, limit: int, condition: Condition | None = None) -> list[Hit]:
        words = words_in(text)
        if not words:
            return []
        with self._gate.reading():
            found = self._records.match(column, words, limit, condition)
            kept = self._records.fetch([row for row, _ in found])
            return [Hit(*kept[row], score) for row, score in found if row in kept]

    def flush(self) -> None:
        with self._gate.reading():
            self._save()

    def close(self) -> None:
        if self._open:
            self._open = False
            with self._gate.writing():
                self._save()
                self._records.close()

    def drop(self) -> None:
        with self._gate.writing():
            self._open = False
            self._records.close()
            files = [Path(f"{self._path}{suffix}") for suffix in ("", "-wal", "-shm")]
            for file in [*files, *(self._file(name) for name in self._graphs)]:
                file.unlink(missing_ok=True)

    # --- graphs and their files

    def _file(self, name: str) -> Path:
        number = sorted(column.name for column in self.layout.vectors).index(name)
        return self._path.with_suffix(f".vector{number}.graph")

    def _read(self, column: VectorColumn) -> Graph:
        options = column.options
        build = Build(
            column.size, column.metric, int(options.get("M", LINKS)), int(options.get("ef_construction", EFFORT))
        )
        breadth = int(options.get("ef", BREADTH))
        file = self._file(column.name)
        kept = Graph.from_bytes(file.read_bytes(), build, breadth) if file.exists() else None
        return kept if kept is not None else Graph(build, breadth)

    def _catch_up(self, name: str) -> None:
        """Make the graph hold exactly the vectors of the records."""
        rows, graph = self._records.rows_with(name), self._graphs[name]
        graph.forget(np.setdiff1d(graph.labels, rows, assume_unique=True).tolist())
        missing = np.setdiff1d(rows, graph.labels, assume_unique=True)
        if len(missing) and graph.newest >= missing[0]:  # a file that is older than what it claims to hold
            graph = self._graphs[name] = graph.emptied()
            missing = rows
        for labels, vectors in self._records.vectors(name, missing.tolist()):
            graph.add(labels, vectors)
        self._unsaved += len(missing)

    def _refresh(self) -> None:
        """Take over what another process has changed."""
        if self._records.changes_elsewhere() == self._seen:
            return
        with self._catching_up, self._gate.writing():
            self._seen = self._records.changes_elsewhere()
            for name in self._graphs:
                self._catch_up(name)

    def _tidy(self, changes: int) -> None:
        self._unsaved += changes
        for name, graph in self._graphs.items():
            if graph.worn:
                self._graphs[name] = graph.renewed()
        if self._unsaved >= max(_SAVED_AFTER, self._records.count() // 2):
            self._save()

    def _save(self) -> None:
        if not self._unsaved:
            return
        self._unsaved = 0
        for name, graph in self._graphs.items():
            file = self._file(name)
            beside = file.with_name(f".{file.name}.{uuid4().hex[:8]}")
            try:
                beside.write_bytes(graph.to_bytes())
                beside.replace(file)
            finally:
                beside.unlink(missing_ok=True)


class HnswDocumentIndex(DocIndex[T_doc]):
    """Documents in the files of a folder, found through graphs (HNSW): `HnswDocumentIndex[MyDoc](work_dir="index")`.

    Vectors are compared by Euclidean distance unless the field says else. Options of a vector field, under the names of
    hnswlib: `space`, `M` (links of each vector), `ef_construction` (effort when one is added) and `ef` (candidates of a
    search). `max_elements`, `allow_replace_deleted` and `num_threads` are accepted and not needed: the graph grows by
    itself. A condition is answered by SQLite first; where it leaves few documents, all of these are compared.
    """

    collection_type = HnswCollection
    default_metric = Metric.EUCLIDEAN

    @dataclass
    class DBConfig(DocIndex.DBConfig):
        """`work_dir` is the folder of the files."""

        work_dir: str | PathLike[str] = "."
        default_column_config: dict[Any, dict[str, Any]] = field(
            default_factory=lambda: {np.ndarray: {"M": LINKS, "ef_construction": EFFORT, "ef": BREADTH}}
        )

    def open_collection(self, layout: Layout) -> HnswCollection:
        return HnswCollection(layout, Path(cast(HnswDocumentIndex.DBConfig, self.db_config).work_dir))
