"""Files that a job reads and writes, on this machine and wherever fsspec reaches."""

from __future__ import annotations

import io
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from thalweg.docs.extras import load_extra
from thalweg.docs.media.address import scheme_of
from thalweg.docs.whole_file import unfinished_files, whole_file
from thalweg.errors import ConfigurationError, MissingDependency

BLOCK_BYTES = 1 << 20


class FilePlace(ABC):
    """A file or a folder, whether it is there or not. `shown` is what a user calls it, without secrets."""

    shown: str

    @property
    @abstractmethod
    def name(self) -> str:
        """The last part of its path."""

    @abstractmethod
    def beside(self, name: str) -> FilePlace:
        """Another one of the same folder."""

    @abstractmethod
    def within(self, name: str) -> FilePlace:
        """One in it, as the folder that it is."""

    @abstractmethod
    def exists(self) -> bool: ...

    @abstractmethod
    def state(self) -> tuple[int, str]:
        """Bytes, and a text that is another one whenever the content is. Raises `FileNotFoundError`."""

    def state_of(self, file: IO[bytes]) -> tuple[int, str] | None:
        """What `state` will say when what was written to the file of `writing` is here; None where nobody knows before."""
        return None

    @abstractmethod
    def reading(self) -> IO[bytes]:
        """The file, to be read and, where that is possible, to be sought in. Raises `FileNotFoundError`."""

    @abstractmethod
    def writing(self) -> Any:
        """A context manager that gives a file to write; it is here, whole, when the block ends, and not if that raises."""

    def remove_unfinished(self) -> None:  # noqa: B027  # only where there may be any
        """Take away what `writing` has left behind where its process was killed."""

    @abstractmethod
    def names(self) -> list[str]:
        """What is in the folder, in order; nothing where there is no folder."""

    @abstractmethod
    def remove(self) -> None:
        """Take the file, or the folder with all that is in it, away. Nothing happens where there is none."""


class LocalFilePlace(FilePlace):
    """One of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shown = str(path)

    @property
    def name(self) -> str:
        return self.path.name

    def beside(self, name: str) -> FilePlace:
        return LocalFilePlace(self.path.with_name(name))

    def within(self, name: str) -> FilePlace:
        return LocalFilePlace(self.path / name)

    def exists(self) -> bool:
        return self.path.exists()

    def state(self) -> tuple[int, str]:
        return _state(self.path.stat())

    def state_of(self, file: IO[bytes]) -> tuple[int, str]:
        file.flush()
        return _state(os.fstat(file.fileno()))

    def reading(self) -> IO[bytes]:
        return self.path.open("rb")

    @contextmanager
    def writing(self) -> Iterator[IO[bytes]]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(self.path) as file:
            yield file

    @property
    def size(self) -> int:
        """Bytes; none where there is no file."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def movable(self) -> bool:
        """Whether a file may be moved here, which it may not in the place of a link or of a device."""
        return not self.path.is_symlink() and (self.path.is_file() or not self.path.exists())

    @contextmanager
    def appending(self, end: int) -> Iterator[IO[bytes]]:
        """The file behind its first `end` bytes, and without what stood there; on the disk when the block ends.

        Raises:
            FileNotFoundError: there are not so many bytes.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("r+b" if end else "wb") as file:
            if os.fstat(file.fileno()).st_size < end:
                raise FileNotFoundError(f"{self.shown} has fewer than {end} bytes.")
            file.truncate(end)
            file.seek(end)
            yield file
            file.flush()
            os.fsync(file.fileno())

    def move(self, target: LocalFilePlace) -> None:
        """Put the file in the place of `target`, whose permissions stay where it was there."""
        if target.path.exists():
            self.path.chmod(target.path.stat().st_mode)
        self.path.replace(target.path)

    def remove_unfinished(self) -> None:
        for aside in unfinished_files(self.path):
            aside.unlink(missing_ok=True)

    def names(self) -> list[str]:
        return sorted(os.listdir(self.path)) if self.path.is_dir() else []

    def remove(self) -> None:
        if self.path.is_dir():
            shutil.rmtree(self.path)
        else:
            self.path.unlink(missing_ok=True)


def _state(status: os.stat_result) -> tuple[int, str]:
    return status.st_size, str(status.st_mtime_ns)


class RemoteFilePlace(FilePlace):
    """One of an fsspec filesystem; `path` is that one's own."""

    def __init__(self, filesystem: Any, path: str, shown: str) -> None:
        self._filesystem = filesystem
        self._path = path.rstrip("/")
        self.shown = shown

    @property
    def name(self) -> str:
        return self._path.rpartition("/")[2]

    def beside(self, name: str) -> FilePlace:
        folder = self._path.rpartition("/")[0]
        return RemoteFilePlace(self._filesystem, f"{folder}/{name}", f"{self.shown.rpartition('/')[0]}/{name}")

    def within(self, name: str) -> FilePlace:
        return RemoteFilePlace(self._filesystem, f"{self._path}/{name}", f"{self.shown.rstrip('/')}/{name}")

    def exists(self) -> bool:
        self._filesystem.invalidate_cache()
        return bool(self._filesystem.exists(self._path))

    def state(self) -> tuple[int, str]:
        self._filesystem.invalidate_cache()
        found = self._filesystem.info(self._path)
        version = next(
            (found[key] for key in ("ETag", "etag", "md5Hash", "LastModified", "mtime") if found.get(key)), ""
        )
        return int(found.get("size") or 0), str(version)

    def reading(self) -> IO[bytes]:
        file = self._filesystem.open(self._path, "rb")
        # All who open an object of `memory:` get the same one, with one position.
        return io.BytesIO(file.getvalue()) if isinstance(file, io.BytesIO) else io.BufferedReader(file, BLOCK_BYTES)

    @contextmanager
    def writing(self) -> Iterator[IO[bytes]]:
        with self._filesystem.transaction, self._filesystem.open(self._path, "wb") as file:
            yield file

    def names(self) -> list[str]:
        self._filesystem.invalidate_cache()
        if not self._filesystem.isdir(self._path):
            return []
        return sorted(
            str(entry).rstrip("/").rpartition("/")[2] for entry in self._filesystem.ls(self._path, detail=False)
        )

    def remove(self) -> None:
        self._filesystem.invalidate_cache()
        if self._filesystem.exists(self._path):
            self._filesystem.rm(self._path, recursive=True)


def place_at(address: str) -> FilePlace:
    """The place that a path, or an address such as `s3://bucket/corpus.jsonl`, names.

    Raises:
        ConfigurationError: it names none.
        MissingDependency: what reads such addresses is not installed.
    """
    scheme = scheme_of(address)
    if scheme in ("", "file"):
        return LocalFilePlace(Path(os.path.expanduser(address.removeprefix("file://"))))
    fsspec = load_extra("fsspec", "store", f"Addresses that begin with {scheme}:")
    try:
        filesystem, path = fsspec.url_to_fs(address)
    except ImportError as error:
        extra = "s3" if scheme.startswith("s3") else "store"
        raise MissingDependency(f"{error}: pip install 'thalweg[{extra}]'") from error
    except ValueError as error:
        raise ConfigurationError(f"{address!r} is no address of a file: {error}") from None
    return RemoteFilePlace(filesystem, path, address)
