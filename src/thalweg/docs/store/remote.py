"""Collections of documents wherever fsspec reaches."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from secrets import token_hex
from typing import IO, Any

from thalweg.docs.store.location import SUFFIX, StoredDocs
from thalweg.docs.whole_file import UNFINISHED

READ_BLOCK = 8 << 20
"""Bytes that are fetched at a time."""
WRITE_BLOCK = 32 << 20
"""Bytes of one part of an upload. S3 takes 10,000 parts, which makes 312 GiB the most that one push can store there."""

_UPLOADED_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"})
"""Where an object appears when its upload is completed, and not before."""
_STREAMED_ONLY = frozenset({"http", "https"})
_VERSIONS = ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "updated", "mtime", "created")
"""What the stores call that which changes with the content, the surest first."""
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "created")


class RemoteObject:
    """An object of a `fsspec` filesystem. `path` is the filesystem's own, without a suffix."""

    def __init__(self, filesystem: Any, path: str, scheme: str, shown: str) -> None:
        self.filesystem = filesystem
        self.path = path
        self.scheme = scheme
        self.shown = shown
        self.file = _with_suffix(path, scheme)

    @contextmanager
    def reading(self) -> Iterator[IO[bytes]]:
        try:
            file = self._opened()
        except FileNotFoundError:
            raise self._missing() from None
        with file:
            yield file

    def _opened(self) -> Any:
        if self.scheme in _STREAMED_ONLY:
            return self.filesystem.open(self.file, "rb", block_size=0)
        self.filesystem.invalidate_cache(self.filesystem._parent(self.file))
        file = self.filesystem.open(self.file, "rb", block_size=READ_BLOCK, cache_type="readahead")
        # All who open an object of `memory:` get the same one, with one position.
        return io.BytesIO(file.getvalue()) if isinstance(file, io.BytesIO) else file

    def writing(self) -> AbstractContextManager[IO[bytes]]:
        if self.scheme in _STREAMED_ONLY:
            raise ValueError(f"{self.shown} can be read but not written: documents are not stored over {self.scheme}")
        return self._uploaded() if self.scheme in _UPLOADED_WHOLE else self._moved()

    @contextmanager
    def _uploaded(self) -> Iterator[IO[bytes]]:
        file = self.filesystem.open(self.file, "wb", block_size=WRITE_BLOCK)
        try:
            yield file
            file.close()
        except BaseException:
            with suppress(Exception):  # the first error is the one to tell; what is left is not visible
                file.discard()
            file.closed = True  # else the garbage collector would complete the upload
            raise

    @contextmanager
    def _moved(self) -> Iterator[IO[bytes]]:
        folder, _, name = self.file.rpartition("/")
        if folder:
            self.filesystem.makedirs(folder, exist_ok=True)
        aside = f"{folder}/.{name[:60]}.{token_hex(6)}{UNFINISHED}"
        try:
            with self.filesystem.open(aside, "wb") as file:
                yield file
            self.filesystem.mv(aside, self.file)
        except BaseException:
            with suppress(Exception):
                self.filesystem.rm_file(aside)
            raise

    def state(self) -> str | None:
        self.filesystem.invalidate_cache(self.filesystem._parent(self.file))
        try:
            info = self.filesystem.info(self.file)
        except FileNotFoundError:
            raise self._missing() from None
        version = next((info[name] for name in _VERSIONS if info.get(name) is not None), None)
        return None if version is None else f"{info.get('size')} {version}"

    def delete(self) -> None:
        self.filesystem.invalidate_cache(self.filesystem._parent(self.file))
        if not self.filesystem.isfile(self.file):
            raise self._missing()
        self.filesystem.rm_file(self.file)

    def beside(self) -> Iterator[StoredDocs]:
        self.filesystem.invalidate_cache(self.path)
        try:
            entries = self.filesystem.ls(self.path, detail=True)
        except FileNotFoundError:
            raise FileNotFoundError(f"There is no folder {self.shown}") from None
        for entry in entries:
            name = entry["name"].rstrip("/").rpartition("/")[2]
            if entry["type"] == "file" and name.endswith(SUFFIX):
                yield StoredDocs(name.removesuffix(SUFFIX), entry["size"] or 0, _time(entry))

    def _missing(self) -> FileNotFoundError:
        return FileNotFoundError(f"No documents are stored under {self.shown}")


def _with_suffix(path: str, scheme: str) -> str:
    plain, mark, query = path.partition("?") if scheme in _STREAMED_ONLY else (path, "", "")
    return path if plain.endswith(SUFFIX) else f"{plain}{SUFFIX}{mark}{query}"


def _time(entry: dict[str, Any]) -> datetime | None:
    found = next((entry[name] for name in _TIMES if entry.get(name) is not None), None)
    if isinstance(found, (int, float)):
        return datetime.fromtimestamp(found, UTC)
    return found.astimezone(UTC) if isinstance(found, datetime) else None
