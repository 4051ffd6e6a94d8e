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
    aside = target.with_name(f".{target.name[:60]}.{token_hex(6)}{UNFINISHED}")
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
