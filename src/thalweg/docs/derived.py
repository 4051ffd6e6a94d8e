"""What is derived from a document class, kept with the class, and dies with it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

_ATTRIBUTE = "__thalweg_derived__"


class _Derived(dict[Hashable, Any]):
    """Pickles as an empty one: everything in here can be made again, and most of it (Rust validators) cannot travel."""

    def __reduce__(self) -> tuple[type[_Derived], tuple[()]]:
        return _Derived, ()


def derived_of(doc_type: type) -> dict[Hashable, Any]:
    """The derived things of exactly this class; a subclass has its own."""
    # Looked up in the class's own namespace: what the parent class derived does not fit its subclasses.
    found: dict[Hashable, Any] | None = doc_type.__dict__.get(_ATTRIBUTE)
    if found is None:
        found = _Derived()
        type.__setattr__(doc_type, _ATTRIBUTE, found)
    return found


def derive(doc_type: type, key: Hashable, make: Callable[[], T]) -> T:
    """What is kept under `key`, made on first use. Two threads may both make it; all get the one that was kept."""
    kept = derived_of(doc_type)
    found: T | None = kept.get(key)
    if found is None:
        found = kept.setdefault(key, make())
    return found
