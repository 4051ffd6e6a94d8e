"""The values at a path of all documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from thalweg.docs.column_store import Columns
from thalweg.docs.document import AnyDoc
from thalweg.docs.typing.array import is_tensor

if TYPE_CHECKING:
    from thalweg.docs.doc_list import DocList
    from thalweg.docs.doc_vec import DocVec

_ABSENT = object()


def traverse_flat(array: DocList[Any] | DocVec[Any], path: str) -> Any:
    """The values at `path`, fields and keys of dicts joined by `__`, of all documents in one list.

    Lists and arrays of documents on the way are entered; where the path ends in lists, their items are listed. What is None
    on the way, and keys that a dict does not have, are left out. An empty path gives the documents. Of a DocVec a path that
    ends in a tensor field gives the stacked tensor.

    Raises:
        AttributeError: the path names a field that is not there.
    """
    names = path.split("__") if path else []
    _check_first(array, names)
    columns = getattr(array, "_columns", None)
    if isinstance(columns, Columns):
        return _from_columns(columns, names)
    return _flat(_leaves(array, names))


def _check_first(array: Any, names: list[str]) -> None:
    doc_type = array.doc_type
    if names and not issubclass(doc_type, AnyDoc) and names[0] not in doc_type.model_fields and not len(array):
        raise AttributeError(f"{doc_type.__name__} has no field {names[0]!r}")


def _from_columns(columns: Columns, names: list[str]) -> Any:
    while names:
        first, *names = names
        if first not in columns.data:
            raise AttributeError(f"{columns.doc_type.__name__} has no field {first!r}")
        held = columns.data[first]
        if not isinstance(held, Columns):
            return _from_column(held, names, columns.length)
        columns = held
    return columns.documents()


def _from_column(held: Any, names: list[str], length: int) -> Any:
    if held is None:
        return [] if names else [None] * length
    if names:
        return _flat(_leaves(_opened(held), names))
    return held if is_tensor(held) else _flat(held)


def _leaves(values: Iterable[Any], names: list[str]) -> Iterator[Any]:
    """What stands at the end of `names` in each of the values; lists on the way are entered."""
    if not names:
        yield from values
        return
    found = (_step(value, names[0]) for value in values)
    there = (value for value in found if value is not _ABSENT)
    yield from _leaves(_opened(there) if len(names) > 1 else there, names[1:])


def _opened(values: Iterable[Any]) -> Iterator[Any]:
    """The values on the way: the items of lists, and not what is None."""
    for value in values:
        if _many(value):
            yield from value
        elif value is not None:
            yield value


def _step(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(name, _ABSENT)
    found = getattr(value, name, _ABSENT)
    if found is _ABSENT:
        raise AttributeError(f"{type(value).__name__} has no field {name!r}")
    return found


def _many(value: Any) -> bool:
    from thalweg.docs.doc_vec import DocVec

    return isinstance(value, (list, tuple, DocVec))


def _flat(leaves: Iterable[Any]) -> list[Any]:
    found = list(leaves)
    if not any(map(_many, found)):
        return found
    return [item for leaf in found if leaf is not None for item in (leaf if _many(leaf) else [leaf])]
