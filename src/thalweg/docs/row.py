"""One document of a DocVec: reads and writes the columns."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from thalweg.docs.derived import derive
from thalweg.docs.document import BaseDocWithoutId

if TYPE_CHECKING:
    from thalweg.docs.column_store import Columns


class _Row:
    """What is put before the class of document to make the class of its rows.

    Fields live in the columns, so the object's own namespace stays empty and each read arrives at `__getattr__`.
    Pydantic asks for `__dict__` when it serializes and gets one made from the columns.
    """

    __slots__ = ()

    _columns: Columns
    _index: int

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            columns = self._columns
            if name in columns.data:
                return columns.value(name, self._index, row)
            return super().__getattr__(name)

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        columns, index = self._columns, self._index
        return {name: columns.value(name, index, row) for name in columns.data}

    def __setattr__(self, name: str, value: Any) -> None:
        detached = detach(self)
        before = dict(detached.__dict__)
        setattr(detached, name, value)
        # A validator of the whole document may have changed other fields as well.
        changes = {key: new for key, new in detached.__dict__.items() if before[key] is not new}
        self._columns.write(self._index, changes)

    def is_view(self) -> bool:
        return True

    def __copy__(self) -> Any:
        return detach(self)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Any:
        return detach(self).__deepcopy__(memo)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return detach, (detach(self),)


def detach(doc: Any) -> Any:
    """The document itself, where `doc` is a row; its tensors stay views of the columns. Any other document is returned."""
    return doc._columns.document(doc._index) if isinstance(doc, _Row) else doc


def place_of(doc: Any) -> Hashable:
    """What two objects have in common that are one document: two rows of a DocVec may be."""
    return (id(doc._columns), doc._index) if isinstance(doc, _Row) else id(doc)


def class_of(kind: type[BaseDocWithoutId]) -> type[BaseDocWithoutId]:
    """The class of document of a row's class; any other class is returned."""
    return kind.__mro__[2] if issubclass(kind, _Row) else kind


def row(columns: Columns, index: int) -> Any:
    """The view of document `index`: an instance of the class of document that holds nothing itself."""
    doc_type = columns.doc_type
    row_type = derive(doc_type, "row", _row_type)
    view = row_type.__new__(row_type)
    put = object.__setattr__
    put(view, "_columns", columns)
    put(view, "_index", index)
    put(view, "__pydantic_fields_set__", set(columns.data))
    put(view, "__pydantic_extra__", None)
    put(view, "__pydantic_private__", None)
    return view


def _row_type(doc_type: type[BaseDocWithoutId]) -> Any:
    namespace: dict[str, Any] = {
        "__slots__": ("_columns", "_index"),
        "__module__": doc_type.__module__,
        "__qualname__": doc_type.__qualname__,
        "__doc__": doc_type.__doc__,
    }
    # In an ordinary document what its namespace holds wins over a method of the same name.
    namespace |= {name: _cell(name) for name in doc_type.model_fields if hasattr(doc_type, name)}
    # Not through pydantic's own metaclass: fields, validators and serializer are those of the document, unchanged.
    return ABCMeta.__new__(type(doc_type), doc_type.__name__, (_Row, doc_type), namespace)


def _cell(name: str) -> property:
    return property(lambda view: view.__getattr__(name))
