"""A list of documents of one class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Self, SupportsIndex, TypeVar, overload

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from thalweg.docs.document import AnyDoc, BaseDoc
from thalweg.docs.selection import positions
from thalweg.docs.typed import ArrayClass, resolve, typed

if TYPE_CHECKING:
    from thalweg.docs.doc_vec import DocVec

T_doc = TypeVar("T_doc", bound=BaseDoc)


class DocList(list[T_doc], metaclass=ArrayClass):
    """A list whose items are documents of one class: `DocList[Text]`. `DocList` alone holds documents of any class.

    Whatever comes in is checked: each item is an instance of `doc_type` or of a subclass of it.

    `docs.text` reads a field of all documents as a list (as a `DocList` where the field is a document that is always
    there), `docs.text = [...]` validates and sets it. Where a field has the name of a method of lists, the method wins.

    Besides an integer or a slice the index may be a list, a tuple or an array, of integers or of one boolean for each
    document; all but the integer give a `DocList` of the same type.

    Raises:
        ValueError: an item is not a document of `doc_type`.
    """

    __slots__ = ()

    doc_type: ClassVar[type[BaseDoc]] = AnyDoc

    if not TYPE_CHECKING:

        def __class_getitem__(cls, item: Any) -> Any:
            return typed(cls, item)

    def __init__(self, docs: Iterable[T_doc] = ()) -> None:
        super().__init__(self._checked(docs))

    @classmethod
    def trusted(cls, docs: Iterable[T_doc]) -> Self:
        """A DocList of `docs` that are known to be of `doc_type`: nothing is checked."""
        made = cls.__new__(cls)
        list.extend(made, docs)
        return made

    @classmethod
    def _checked(cls, docs: Iterable[Any]) -> Iterable[Any]:
        if isinstance(docs, DocList) and issubclass(docs.doc_type, cls.doc_type):
            return docs
        if isinstance(docs, (str, bytes, Mapping, BaseDoc)):
            raise ValueError(f"{cls.__name__} takes several documents, not one {type(docs).__name__}")
        if not isinstance(docs, list):
            docs = cls._listed(docs)
        for number, doc in enumerate(docs):
            cls._check(doc, number)
        return docs

    @staticmethod
    def _listed(docs: Iterable[Any]) -> list[Any]:
        from thalweg.docs.doc_vec import DocVec

        return docs.to_doc_list() if isinstance(docs, DocVec) else list(docs)

    @classmethod
    def _check(cls, doc: Any, number: int | None = None) -> None:
        doc_type = cls.doc_type
        if type(doc) is doc_type or isinstance(doc, BaseDoc if doc_type is AnyDoc else doc_type):
            return
        expected = "documents" if doc_type is AnyDoc else f"documents of type {doc_type.__name__}"
        where = "" if number is None else f" (item {number})"
        raise ValueError(f"{cls.__name__} holds {expected}, not {type(doc).__name__}{where}")

    # --- the list

    def append(self, doc: T_doc) -> None:
        self._check(doc)
        super().append(doc)

    def extend(self, docs: Iterable[T_doc]) -> None:
        super().extend(self._checked(docs))

    def insert(self, index: SupportsIndex, doc: T_doc) -> None:
        self._check(doc)
        super().insert(index, doc)

    def copy(self) -> Self:
        """A new list of the same documents."""
        return self.trusted(self)

    def __add__(self, other: Iterable[T_doc]) -> Self:  # type: ignore[override]
        both = self.copy()
        both.extend(other)
        return both

    def __iadd__(self, other: Iterable[T_doc]) -> Self:  # type: ignore[override]
        self.extend(other)
        return self

    def __mul__(self, times: SupportsIndex) -> Self:
        return self.trusted(super().__mul__(times))

    __rmul__ = __mul__

    def __imul__(self, times: SupportsIndex) -> Self:
        self[:] = self * times
        return self

    @overload
    def __getitem__(self, index: SupportsIndex) -> T_doc: ...
    @overload
    def __getitem__(self, index: Any) -> Self: ...
    def __getitem__(self, index: Any) -> T_doc | Self:
        if type(index) is int:
            return super().__getitem__(index)
        if isinstance(index, slice):
            return self.trusted(super().__getitem__(index))
        rows = positions(index, len(self))
        if rows is None:
            doc: T_doc = super().__getitem__(index)
            return doc
        return self.trusted([super(DocList, self).__getitem__(row) for row in rows])

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            super().__setitem__(index, self._checked(value))
            return
        rows = positions(index, len(self))
        if rows is None:
            self._check(value)
            super().__setitem__(index, value)
            return
        docs = list(self._checked(value))
        if len(docs) != len(rows):
            raise ValueError(f"{len(rows)} documents are selected, but {len(docs)} are given")
        for row, doc in zip(rows, docs, strict=True):
            super().__setitem__(row, doc)

    def __delitem__(self, index: Any) -> None:
        rows = None if isinstance(index, slice) else positions(index, len(self))
        if rows is None:
            super().__delitem__(index)
            return
        for row in sorted(set(rows), reverse=True):
            super().__delitem__(row)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (length={len(self)})>"

    # --- a field of all documents

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            fields = self.doc_type.model_fields
            if self.doc_type is AnyDoc or name not in fields:
                raise AttributeError(self._unknown(name))
            values = list(map(attrgetter(name), self))
            nested = fields[name].annotation
            if isinstance(nested, type) and issubclass(nested, BaseDoc):
                return DocList[nested].trusted(values)
            return values

    else:

        def __getattr__(self, name: str) -> Any: ...

    def __setattr__(self, name: str, values: Iterable[Any]) -> None:
        if self.doc_type is AnyDoc or name not in self.doc_type.model_fields:
            raise AttributeError(self._unknown(name))
        values = list(values)
        if len(values) != len(self):
            raise ValueError(f"{name}: {len(values)} values for {len(self)} documents")
        for doc, value in zip(self, values, strict=True):
            setattr(doc, name, value)

    def _unknown(self, name: str) -> str:
        kind = type(self).__name__
        if self.doc_type is AnyDoc:
            return f"{kind} has no {name!r}: fields of all documents need a typed list, such as DocList[MyDoc]"
        return f"{kind} has no {name!r}: it is no field of {self.doc_type.__name__}"

    # --- other forms

    def to_doc_vec(self) -> DocVec[T_doc]:
        """The same documents as columns, tensors stacked. Copies tensors; this list stays as it is.

        Raises:
            ValueError: tensors of one field differ in shape or dtype, or only some documents have one.
            TypeError: the list is untyped.
        """
        from thalweg.docs.doc_vec import DocVec

        if self.doc_type is AnyDoc:
            raise TypeError("columns need a typed list, such as DocList[MyDoc]")
        vec: DocVec[T_doc] = DocVec[self.doc_type](self)  # type: ignore[name-defined]
        return vec

    def to_json(self) -> str:
        """A JSON array of the documents."""
        from thalweg.docs.codecs.json import encode_array

        return encode_array(self).decode()

    @classmethod
    def from_json(cls, data: str | bytes | bytearray) -> Self:
        """The list that `to_json` wrote.

        Raises:
            pydantic.ValidationError: a ValueError that names each item and field that does not fit.
        """
        from thalweg.docs.codecs.json import decode_array

        return cls.trusted(decode_array(data, cls.doc_type))

    # --- as the type of a field

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        array = resolve(source, cls.array_type if "array_type" in vars(cls) else cls)
        items = core_schema.list_schema(_item_schema(array.doc_type, handler))
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(array.trusted, items),
            python_schema=core_schema.no_info_wrap_validator_function(array._validate, items),
        )

    @classmethod
    def _validate(cls, value: Any, validate_items: Any) -> Self:
        from thalweg.docs.doc_vec import DocVec

        if type(value) is cls:
            return value
        if isinstance(value, DocVec):
            value = value.to_doc_list()
        return cls.trusted(validate_items(value))


def _item_schema(doc_type: type[BaseDoc], handler: GetCoreSchemaHandler) -> CoreSchema:
    schema = handler.generate_schema(doc_type)
    if doc_type is not AnyDoc:
        return schema
    return core_schema.json_or_python_schema(
        json_schema=schema,
        python_schema=core_schema.no_info_wrap_validator_function(_any_document, schema),
        serialization=core_schema.simple_ser_schema("any"),
    )


def _any_document(value: Any, validate: Any) -> Any:
    return value if isinstance(value, BaseDoc) else validate(value)
