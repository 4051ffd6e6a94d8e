"""The files of Milvus Lite, which a process opens once for all of its collections."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from threading import Lock

from thalweg.docs.extras import load_extra

_opened: Counter[str] = Counter()
_opening = Lock()
_writing: dict[str, Lock] = {}


def is_file(url: str) -> bool:
    """Whether this is a file of Milvus Lite, and not a server."""
    return url.endswith(".db") and "://" not in url


def hold(url: str) -> None:
    """Count one more that uses it."""
    with _opening:
        _opened[url] += 1


def release(url: str) -> None:
    """Count one less that uses it; the last one lets go of the file."""
    with _opening:
        _opened[url] -= 1
        if _opened[url] == 0 and is_file(url):
            server = load_extra(
                "milvus_lite.server_manager", "milvus", "indexes in Milvus Lite"
            ).server_manager_instance
            server.release_server(url)


def writing(url: str) -> AbstractContextManager[object]:
    """What to hold while writing: two that write at once would both begin the same log. A server bears it."""
    if not is_file(url):
        return nullcontext()
    with _opening:
        return _writing.setdefault(url, Lock())
