"""Typed documents, usable alone.

Each name is loaded when it is first asked for, so that `import thalweg.docs` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thalweg.docs.doc_list import DocList
    from thalweg.docs.doc_vec import DocVec
    from thalweg.docs.document import AnyDoc, BaseDoc, BaseDocWithoutId
    from thalweg.docs.merging import reduce, reduce_all

__all__ = ["AnyDoc", "BaseDoc", "BaseDocWithoutId", "DocList", "DocVec", "reduce", "reduce_all"]

_HOMES = {
    "AnyDoc": "document",
    "BaseDoc": "document",
    "BaseDocWithoutId": "document",
    "DocList": "doc_list",
    "DocVec": "doc_vec",
    "reduce": "merging",
    "reduce_all": "merging",
}
"""The module that defines each name."""


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
