"""What is derived from a document class: kept with the class, and gone with it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

D = TypeVar("D", bound=type)
T = TypeVar("T")

_ATTRIBUTE = "__thalweg_derived__"
_FIRST = Lock()


class _Derived(dict[Hashable, Any]):
    """What is kept with `owner`. When the class is carried by value, none of this is: it can all be made again."""

    __slots__ = ("owner",)

    def __init__(self, owner: type) -> None:
        super().__init__()
        self.owner = owner

    def __reduce__(self) -> tuple[Callable[[type], _Derived], tuple[type]]:
        # Not simply an empty one: the class may already keep something when this attribute of it is restored.
        return _all_derived, (self.owner,)


def derive(doc_type: D, key: Hashable, make: Callable[[D], T]) -> T:
    """What is kept under `key`, made on first use. Two threads may both make it; all get the one that was kept."""
    found = derived(doc_type, key)
    if found is None:
        found = keep(doc_type, key, make(doc_type))
    kept: T = found
    return kept


def derived(doc_type: type, key: Hashable) -> Any:
    """What is kept under `key`, or None. Never what a parent class keeps: that does not fit its subclasses."""
    kept = doc_type.__dict__.get(_ATTRIBUTE)
    return None if kept is None else kept.get(key)


def keep(doc_type: type, key: Hashable, value: T) -> T:
    """Keep `value` unless there is one already; returns the one that is kept."""
    held: T = _all_derived(doc_type).setdefault(key, value)
    return held


def _all_derived(doc_type: type) -> _Derived:
    kept: _Derived | None = doc_type.__dict__.get(_ATTRIBUTE)
    if kept is None:
        with _FIRST:
            kept = doc_type.__dict__.get(_ATTRIBUTE)
            if kept is None:
                kept = _Derived(doc_type)
                type.__setattr__(doc_type, _ATTRIBUTE, kept)
    return kept
