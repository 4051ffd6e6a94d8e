"""Vectors and what they stand for, in memory and in a folder."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Self

import faiss
import numpy as np
from numpy.typing import NDArray

from documents import StdlibObject
from thalweg.docs import DocList

DIMENSIONS = 384
KEPT = 4
"""Indexes that stay on disk: somebody with two Pythons goes back and forth between two of them."""
ABANDONED_SECONDS = 3600
VECTORS, OBJECTS, MANIFEST = "vectors.faiss", "objects.json", "manifest.json"
WRITING = ".writing-"


class VectorStore:
    """Objects and their unit vectors; row `n` of the vectors belongs to object `n`. Never changed once made."""

    def __init__(self, objects: DocList[StdlibObject], index: faiss.Index) -> None:
        self.objects = objects
        self._index = index

    @classmethod
    def build(cls, objects: DocList[StdlibObject], vectors: NDArray[np.float32]) -> Self:
        """A store of `objects` and of `vectors`, shape (len(objects), 384)."""
        # The product of unit vectors is their cosine. All products of some thousand vectors take less time than a request
        # takes on its way, and miss nothing.
        index = faiss.IndexFlatIP(DIMENSIONS)
        index.add(vectors)
        return cls(objects, index)

    def __len__(self) -> int:
        return len(self.objects)

    def search(self, vectors: NDArray[np.float32], limit: int) -> list[list[tuple[StdlibObject, float]]]:
        """For each vector the nearest `limit` objects with their cosine similarities, the most similar first."""
        scores, rows = self._index.search(np.atleast_2d(vectors), min(limit, len(self)))
        return [
            [(self.objects[int(row)], float(score)) for row, score in zip(*found, strict=True)]
            for found in zip(rows, scores, strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Write everything to `folder`, which appears when it is complete: a kill on the way leaves no broken index."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        writing = Path(tempfile.mkdtemp(prefix=WRITING, dir=folder.parent))
        try:
            faiss.write_index(self._index, str(writing / VECTORS))
            (writing / OBJECTS).write_text(self.objects.to_json(), "utf-8")
            (writing / MANIFEST).write_text(json.dumps({"objects": len(self), "dimensions": DIMENSIONS}), "utf-8")
            for file in writing.iterdir():
                _flush(file)
            if folder.exists():
                shutil.rmtree(folder)
            writing.rename(folder)
        finally:
            shutil.rmtree(writing, ignore_errors=True)
        _clear(folder)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """What `save` wrote; None where there is nothing.

        Raises:
            ValueError: what is there is not what `save` writes.
        """
        if not folder.is_dir():
            return None
        try:
            expected = json.loads((folder / MANIFEST).read_text("utf-8"))["objects"]
            objects = DocList[StdlibObject].from_json((folder / OBJECTS).read_text("utf-8"))
            index = faiss.read_index(str(folder / VECTORS))
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            raise ValueError(f"{folder} holds no index that can be read: {error}") from error
        if not len(objects) == index.ntotal == expected:
            raise ValueError(f"{folder} holds an index that is not complete.")
        return cls(objects, index)


def _flush(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


def _clear(latest: Path) -> None:
    """Remove the oldest indexes, and what a writer that was killed left behind."""
    others = sorted((path for path in latest.parent.iterdir() if path != latest), key=_modified, reverse=True)
    indexes = [path for path in others if not path.name.startswith(WRITING)]
    abandoned = [
        path for path in others if path.name.startswith(WRITING) and time.time() - _modified(path) > ABANDONED_SECONDS
    ]
    for path in [*indexes[KEPT - 1 :], *abandoned]:
        shutil.rmtree(path, ignore_errors=True)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process cleared it away
        return 0.0
