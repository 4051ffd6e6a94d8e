"""Copies on this machine of collections that lie elsewhere."""

from __future__ import annotations

from hashlib import sha256
from shutil import copyfileobj

from thalweg.docs.store.address import cache_folder
from thalweg.docs.store.location import SUFFIX, LocalFile, Location

FOLDER = ".pulled"
_PIECE = 1 << 20


def copy_of(location: Location, url: str) -> Location:
    """A copy of what is stored at `location`, fetched unless there is one of the same state already.

    Returns `location` itself where nobody can tell whether a copy is still the same. Copies of older states are removed.

    Raises:
        FileNotFoundError: nothing is stored there.
    """
    state = location.state()
    if state is None:
        return location
    folder, address = cache_folder() / FOLDER, _digest(url)
    copy = LocalFile(folder / f"{address}-{_digest(state)}", url)
    if not copy.file.exists():
        with location.reading() as original, copy.writing() as file:
            copyfileobj(original, file, _PIECE)
        for older in folder.glob(f"{address}-*{SUFFIX}"):
            if older != copy.file:
                older.unlink(missing_ok=True)
    return copy


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]
