"""Requirements as text, and what an environment with them is called; reads files, and is pure otherwise."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

from thalweg.errors import ConfigurationError

FORMAT = "1"
"""Of an environment. One that an older Thalweg made otherwise is not taken for ours."""

_FILE = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s+|=)(\S+)\s*\Z")


def absolute(lines: Sequence[str], folder: Path) -> list[str]:
    """`lines`, with the files that they name relative to `folder` by their whole paths."""
    found = []
    for line in lines:
        match = _FILE.match(line.strip())
        found.append(f"{match[1]} {folder / match[2]}" if match and "://" not in match[2] else line)
    return found


def all_lines(lines: Sequence[str], folder: Path) -> Iterator[str]:
    """All that `lines` say, those of the files that they name among it.

    Raises:
        ConfigurationError: there is no such file.
    """
    yield from _all_lines(lines, folder, ())


def _all_lines(lines: Sequence[str], folder: Path, around: tuple[Path, ...]) -> Iterator[str]:
    for raw in lines:
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        yield line
        match = _FILE.match(line)
        if match is None or "://" in match[2]:
            continue
        path = (folder / match[2]).resolve()
        if path in around:
            raise ConfigurationError(f"requirements: {path} names itself.")
        try:
            inner = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"requirements: {path} cannot be read: {error}.") from None
        yield from _all_lines(inner, path.parent, (*around, path))


def key(said: Sequence[str], below: Sequence[str]) -> str:
    """The name of the environment with all that is `said`, over a core with the libraries `below`."""
    interpreter = (sys.implementation.cache_tag, platform.platform(), sys.base_prefix)
    text = "\0".join(("format", FORMAT, *map(str, interpreter), *below, "", *said))
    return blake2b(text.encode(), digest_size=12).hexdigest()
