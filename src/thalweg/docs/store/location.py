"""Where a collection of documents lies, and how it is read and written there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from thalweg.docs.whole_file import whole_file

SUFFIX = ".docs"


class StoredDocs(NamedTuple):
    """A collection in a folder. `name` has no suffix, `size` is in bytes, `modified` None where the store does not say."""

    name: str
    size: int
    modified: datetime | None


class Location(Protocol):
    """One collection, whether it is there already or not."""

    def reading(self) -> AbstractContextManager[IO[bytes]]:
        """The stored bytes, to be read once from the beginning.

        Raises:
            FileNotFoundError: nothing is stored here.
        """

    def writing(self) -> AbstractContextManager[IO[bytes]]:
        """A file whose bytes are stored here when the block ends. When it raises, all stays as it was."""

    def state(self) -> str | None:
        """A text that is another one whenever something else is stored here; None where nobody can tell.

        Raises:
            FileNotFoundError: nothing is stored here.
        """

    def delete(self) -> None:
        """Remove what is stored here.

        Raises:
            FileNotFoundError: nothing is.
        """

    def beside(self) -> Iterator[StoredDocs]:
        """The collections of the folder that this location would be."""


class LocalFile:
    """A file of this machine. `path` has no suffix; folders on the way to it are made when it is written."""

    def __init__(self, path: Path, shown: str) -> None:
        self.path = path
        self.shown = shown

    @property
    def file(self) -> Path:
        name = self.path.name
        return self.path if name.endswith(SUFFIX) else self.path.with_name(name + SUFFIX)

    def reading(self) -> AbstractContextManager[IO[bytes]]:
        try:
            return self.file.open("rb")
        except FileNotFoundError:
            raise self._missing() from None

    def writing(self) -> AbstractContextManager[IO[bytes]]:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        return whole_file(self.file)

    def state(self) -> str | None:
        return None  # it is as near as a copy of it would be

    def delete(self) -> None:
        try:
            self.file.unlink()
        except FileNotFoundError:
            raise self._missing() from None

    def beside(self) -> Iterator[StoredDocs]:
        try:
            entries = os.scandir(self.path)
        except FileNotFoundError:
            raise FileNotFoundError(f"There is no folder {self.path}") from None
        with entries:
            for entry in entries:
                if entry.name.endswith(SUFFIX) and entry.is_file():
                    status = entry.stat()
                    name = entry.name.removesuffix(SUFFIX)
                    yield StoredDocs(name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    def _missing(self) -> FileNotFoundError:
        return FileNotFoundError(f"No documents are stored under {self.shown}: there is no file {self.file}")
