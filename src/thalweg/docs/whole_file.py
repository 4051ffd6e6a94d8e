"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import IO

UNFINISHED = ".part"
"""How the name ends of a file that is still being written."""


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A file to write, which takes the place of `path` when the block ends. When the block raises, all is as it was.

    Whoever reads `path` meanwhile reads the old file to its end. Of two that write at once, the one that ends last stays.
    A process that is killed leaves a hidden file that ends with `.part` beside `path`. A device or a pipe is written
    directly. The permissions of the old file stay.

    Raises:
        OSError: the folder is not there, is full, or may not be written to.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    aside = target.with_name(f"{_beginning(target)}{token_hex(6)}{UNFINISHED}")
    try:
        with aside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # else a power failure could leave the new name with nothing behind it
        if target.exists():
            aside.chmod(target.stat().st_mode)
        aside.replace(target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def unfinished_files(path: str | os.PathLike[str]) -> list[Path]:
    """What killed processes have left of `path`, and what others write just now."""
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        return []
    return [
        found
        for found in target.parent.iterdir()
        if found.name.startswith(_beginning(target))
        and len(found.name) == len(_beginning(target)) + 12 + len(UNFINISHED)
        and found.name.endswith(UNFINISHED)
    ]


def _beginning(target: Path) -> str:
    return f".{target.name[:60]}."
