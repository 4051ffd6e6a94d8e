"""The files that patterns name, to be put into fields of addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from glob import iglob
from itertools import islice
from os.path import expanduser, isfile


def get_paths(
    patterns: str | Sequence[str],
    recursive: bool = True,
    size: int | None = None,
    exclude_regex: str | None = None,
) -> Iterator[str]:
    """The files that any of `patterns` names, such as `"pictures/**/*.jpg"`, each once and those of one pattern in order.

    Args:
        patterns: as `glob` has them; `~` stands for the home directory.
        recursive: whether `**` stands for any number of directories.
        size: how many files at most.
        exclude_regex: files are left out whose path, from its beginning, matches this regular expression.

    Raises:
        ValueError: `size` is below zero, or `exclude_regex` is no regular expression.
    """
    if size is not None and size < 0:
        raise ValueError(f"the number of files is not negative, but {size} was given")
    try:
        exclude = None if exclude_regex is None else re.compile(exclude_regex)
    except re.error as error:
        raise ValueError(f"{exclude_regex!r} is no regular expression: {error}") from None
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return islice(_files(patterns, recursive, exclude), size)


def _files(patterns: Sequence[str], recursive: bool, exclude: re.Pattern[str] | None) -> Iterator[str]:
    seen: set[str] = set()
    for pattern in patterns:
        for path in sorted(iglob(expanduser(pattern), recursive=recursive)):
            if path not in seen and isfile(path) and not (exclude and exclude.match(path)):
                seen.add(path)
                yield path
