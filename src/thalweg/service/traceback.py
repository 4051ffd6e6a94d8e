"""The part of a traceback that a user can do something about."""

from __future__ import annotations

import importlib
import linecache
import re
import traceback
from pathlib import Path

OURS = (str(Path(__file__).resolve().parent.parent), importlib.__file__, "<frozen importlib")
"""How the names of files begin whose frames say nothing to a user."""
_FRAME = re.compile(r'  File "(?P<file>.+)", line (?P<line>\d+), in .+')


def user_traceback(error: BaseException) -> str:
    """`error` as Python prints it, without Thalweg's own frames and the import machinery's."""
    told = traceback.TracebackException.from_exception(error)
    seen: set[int] = set()
    _strip(told, seen)
    return "".join(told.format()).rstrip()


def with_source(text: str) -> str:
    """`text` of another process with lines of code filled in where it had none and this process has them: only the one
    in which it was typed knows the source of a notebook cell."""
    lines = text.splitlines()
    filled = []
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        filled.append(line)
        frame = _FRAME.fullmatch(line)
        if frame is not None and not following.startswith("    "):
            source = linecache.getline(frame["file"], int(frame["line"])).strip()
            filled += [f"    {source}"] if source else []
    return "\n".join(filled)


def _strip(told: traceback.TracebackException, seen: set[int]) -> None:
    if id(told) in seen:
        return
    seen.add(id(told))
    told.stack = traceback.StackSummary.from_list([frame for frame in told.stack if not _is_ours(frame.filename)])
    for other in (told.__cause__, told.__context__):
        if other is not None:
            _strip(other, seen)
    for member in told.exceptions or ():
        _strip(member, seen)


def _is_ours(filename: str) -> bool:
    return filename.startswith(OURS)
