"""Documents of one class as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike
from typing import IO, TYPE_CHECKING, Any, ClassVar, Generic, Self, SupportsIndex, TypeVar, overload

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, SchemaSerializer, core_schema

from thalweg.docs.column_store import Columns
from thalweg.docs.doc_list import DocList
from thalweg.docs.document import AnyDoc, BaseDocWithoutId
from thalweg.docs.equality import same
from thalweg.docs.row import detach, row
from thalweg.docs.selection import positions
from thalweg.docs.typed import ArrayClass, resolve, typed

T_doc = TypeVar("T_doc", bound=BaseDocWithoutId)


class DocVec(Generic[T_doc], metaclass=ArrayClass):
    """Documents of one class whose tensors are stacked: `DocVec[Embedded](docs)`.

    `vec.embedding` is one tensor with the documents as its first dimension; a field that is a document is a `DocVec`
    again; either is None where no document has a value. Any other field is a list. `vec.embedding = tensor` validates
    and sets a column.

    `vec[3]` is a view: an instance of the document's class that reads and writes the columns. A slice shares the memory
    of the tensors; a list, a tuple or an array, of integers or of booleans, copies. The number of documents is fixed.

    `tensor_type`, here and wherever a DocVec is read, says of which library the tensors of `AnyTensor` fields are to be,
    as in `DocVec[Embedded](docs, TorchTensor)`; they stay what they are where it is missing.

    Raises:
        TypeError: `DocVec` without a class of document.
        ValueError: tensors of one field differ in shape or dtype, only some documents have a tensor or a nested
            document, or an item is not exactly of `doc_type`.
    """

    __slots__ = ("_columns",)

    doc_type: ClassVar[type[BaseDocWithoutId]]
    __pydantic_serializer__: ClassVar[SchemaSerializer]
    _columns: Columns

    if not TYPE_CHECKING:

        def __class_getitem__(cls, item: Any) -> Any:
            if item is AnyDoc:
                raise TypeError("columns need a schema, which AnyDoc does not have")
            return typed(cls, item)

    def __init__(self, docs: Iterable[T_doc], tensor_type: Any = None) -> None:
        if "array_type" not in vars(type(self)):
            raise TypeError("DocVec needs the class of its documents: DocVec[MyDoc](docs)")
        object.__setattr__(self, "_columns", Columns.of(self.doc_type, docs))
        self._converted(tensor_type)

    def _converted(self, tensor_type: Any) -> Self:
        if tensor_type is not None:
            from thalweg.docs.batching import convert

            convert(self._columns, tensor_type)
        return self

    @classmethod
    def over(cls, columns: Columns) -> Self:
        """A DocVec over columns that are known to be right."""
        made = cls.__new__(cls)
        object.__setattr__(made, "_columns", columns)
        return made

    def __len__(self) -> int:
        return self._columns.length

    @overload
    def __getitem__(self, index: SupportsIndex) -> T_doc: ...
    @overload
    def __getitem__(self, index: Any) -> Self: ...
    def __getitem__(self, index: Any) -> T_doc | Self:
        if index is None:
            return self
        rows = index if isinstance(index, slice) else positions(index, len(self))
        if rows is None:
            view: T_doc = row(self._columns, self._position(index))
            return view
        return self.over(self._columns.select(rows))

    def __setitem__(self, index: Any, value: Any) -> None:
        rows = list(range(len(self))[index]) if isinstance(index, slice) else positions(index, len(self))
        if rows is None:
            rows, value = [self._position(index)], [value]
        docs = [detach(doc) for doc in value]
        if len(docs) != len(rows):
            raise ValueError(f"{len(rows)} documents are selected, but {len(docs)} are given")
        for number, doc in zip(rows, docs, strict=True):
            if type(doc) is not self.doc_type:
                raise ValueError(f"{type(self).__name__} holds {self.doc_type.__name__}, not {type(doc).__name__}")
            self._columns.write(number, doc.__dict__)

    def _position(self, index: SupportsIndex) -> int:
        if not hasattr(index, "__index__"):
            raise TypeError(
                f"documents are selected by integers, slices, lists or masks, not by {type(index).__name__}"
            )
        try:
            return range(len(self))[index]
        except IndexError:
            raise IndexError(f"document {int(index)} of {len(self)}") from None

    def __iter__(self) -> Iterator[T_doc]:
        return (row(self._columns, number) for number in range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same documents, or a DocList the same ones."""
        if not isinstance(other, (DocVec, DocList)):
            return NotImplemented
        return len(self) == len(other) and all(map(same, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (length={len(self)})>"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            data = {} if name.startswith("__") or name == "_columns" else self._columns.data
            if name not in data:
                raise AttributeError(f"{type(self).__name__} has no {name!r}: it is no field of its documents")
            held = data[name]
            return DocVec[held.doc_type].over(held) if isinstance(held, Columns) else held

    else:

        def __getattr__(self, name: str) -> Any: ...

    def __setattr__(self, name: str, values: Any) -> None:
        if name not in self._columns.data:
            raise AttributeError(f"{type(self).__name__} has no {name!r}: it is no field of its documents")
        self._columns.replace(name, values)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.doc_type, len(self), self._columns.data)

    # --- other forms

    def to_doc_list(self) -> DocList[T_doc]:
        """The same documents as a list. Nothing is copied: their tensors are views of this DocVec's."""
        docs: DocList[T_doc] = DocList[self.doc_type].trusted(self._columns.documents())  # type: ignore[name-defined]
        return docs

    def to_json(self) -> str:
        """A JSON array of the documents."""
        return self.to_doc_list().to_json()

    @classmethod
    def from_json(cls, data: str | bytes | bytearray, tensor_type: Any = None) -> Self:
        """The DocVec of which `to_json` wrote the documents.

        Raises:
            ValueError: an item or a field does not fit, or the tensors cannot be stacked.
        """
        return cls(DocList[cls.doc_type].from_json(data), tensor_type)  # type: ignore[name-defined]

    def to(self, device: Any) -> Self:
        """Move the tensors to a device of their library, in place and those of nested documents too; returns itself.

        Raises:
            ValueError: there are NumPy arrays, which are always in main memory, and `device` is not "cpu".
        """
        from thalweg.docs.batching import move

        move(self._columns, device)
        return self

    def shuffle(self, seed: int | None = None) -> Self:
        """A copy of the documents in random order, the same for the same `seed`."""
        from thalweg.docs.batching import shuffled

        return self[shuffled(len(self), seed)]

    def batch(self, size: int, *, shuffle: bool = False) -> Iterator[Self]:
        """DocVecs of `size` documents each; the last may be shorter. Without `shuffle` they share the tensors' memory.

        Raises:
            ValueError: `size` is less than one.
        """
        from thalweg.docs.batching import batched

        return batched(self, size, shuffle)

    def traverse_flat(self, path: str) -> Any:
        """The values at a path of fields joined by `__`; a path that ends in a tensor field gives the stacked tensor.

        What is None on the way is left out.

        Raises:
            AttributeError: the path names a field that is not there.
        """
        from thalweg.docs.traversal import traverse_flat

        return traverse_flat(self, path)

    def summary(self) -> None:
        """Print the class, the length, the fields, and shape and dtype of the stacked tensors."""
        from thalweg.docs.display import print_array

        print_array(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """What a notebook shows: a table of the first documents."""
        from thalweg.docs.display import array_bundle

        return array_bundle(self)

    # --- written and read

    def to_protobuf(self) -> Any:
        """The documents as DocArray's message `DocVecProto`."""
        from thalweg.docs.codecs import protobuf

        return protobuf.vec_message(self)

    @classmethod
    def from_protobuf(cls, message: Any, tensor_type: Any = None) -> Self:
        """The documents of a `DocVecProto`, whichever library made it; raises what `BaseDoc.from_protobuf` raises."""
        from thalweg.docs.codecs import protobuf

        read: Self = protobuf.vec_from(message, cls)
        return read._converted(tensor_type)

    def to_bytes(self, protocol: str = "protobuf-array", compress: str | None = None) -> bytes:
        """The documents as bytes; see `DocList.to_bytes`. With "protobuf-array" they are DocArray's `DocVecProto`."""
        from thalweg.docs.codecs import binary

        return binary.array_to_bytes(self, protocol, compress)

    @classmethod
    def from_bytes(
        cls,
        data: bytes,
        protocol: str = "protobuf-array",
        compress: str | None = None,
        *,
        allow_pickle: bool = False,
        max_bytes: int | None = None,
        tensor_type: Any = None,
    ) -> Self:
        """The DocVec that `to_bytes` wrote; raises what `DocList.from_bytes` raises."""
        from thalweg.docs.codecs import binary

        read: Self = binary.array_from_bytes(cls, data, protocol, compress, allow_pickle, max_bytes)
        return read._converted(tensor_type)

    def to_base64(self, protocol: str = "protobuf-array", compress: str | None = None) -> str:
        """What `to_bytes` gives, as base64 with the standard alphabet."""
        from thalweg.docs.codecs import binary

        return binary.to_base64(self.to_bytes(protocol, compress))

    @classmethod
    def from_base64(
        cls,
        data: str,
        protocol: str = "protobuf-array",
        compress: str | None = None,
        *,
        allow_pickle: bool = False,
        max_bytes: int | None = None,
    ) -> Self:
        """The DocVec that `to_base64` wrote."""
        from thalweg.docs.codecs import binary

        plain = binary.from_base64(data)
        return cls.from_bytes(plain, protocol, compress, allow_pickle=allow_pickle, max_bytes=max_bytes)

    def __bytes__(self) -> bytes:
        return self.to_bytes()

    def save_binary(
        self,
        file: str | PathLike[str] | IO[bytes],
        protocol: str = "protobuf-array",
        compress: str | None = None,
        *,
        show_progress: bool = False,
    ) -> None:
        """Write what `to_bytes` gives; see `DocList.save_binary`."""
        from thalweg.docs.codecs import binary

        binary.save_binary(self, file, protocol, compress, show_progress)

    @classmethod
    def load_binary(
        cls,
        file: str | PathLike[str] | bytes | IO[bytes],
        protocol: str = "protobuf-array",
        compress: str | None = None,
        *,
        show_progress: bool = False,
        allow_pickle: bool = False,
        max_bytes: int | None = None,
        tensor_type: Any = None,
    ) -> Self:
        """The DocVec that `save_binary` wrote; raises what `DocList.load_binary` raises."""
        from thalweg.docs.codecs import binary

        read: Self = binary.load_binary(cls, file, protocol, compress, show_progress, allow_pickle, max_bytes)
        return read._converted(tensor_type)

    # --- tables

    def to_arrow(self) -> Any:
        """The documents as a `pyarrow.Table`; tensors are not copied, but for booleans, which Arrow packs."""
        from thalweg.docs.codecs import arrow

        return arrow.encode(self)

    @classmethod
    def from_arrow(cls, table: Any) -> Self:
        """The documents of a `pyarrow.Table`; fixed-shape tensors are not copied."""
        from thalweg.docs.codecs import arrow

        return cls.over(arrow.decode_vec(table, cls.doc_type)._columns)

    def to_parquet(self, file: Any, **options: Any) -> None:
        """Write a Parquet file; `options` are those of `pyarrow.parquet.write_table`."""
        from thalweg.docs.codecs import arrow

        arrow.write_parquet(self, file, **options)

    @classmethod
    def from_parquet(cls, file: Any, **options: Any) -> Self:
        """The documents of a Parquet file; see `thalweg.docs.codecs.arrow.read_parquet` for the options."""
        from thalweg.docs.codecs import arrow

        return cls.over(arrow.read_parquet_vec(file, cls.doc_type, **options)._columns)

    def to_dataframe(self) -> Any:
        """The documents as a pandas data frame; see `DocList.to_dataframe`."""
        from thalweg.docs.codecs import frame

        return frame.to_pandas(self)

    @classmethod
    def from_dataframe(cls, data: Any, tensor_type: Any = None) -> Self:
        """The documents of a pandas or Polars data frame; see `DocList.from_dataframe`."""
        from thalweg.docs.codecs import frame

        return cls(frame.from_frame(data, cls.doc_type), tensor_type)

    # --- as the type of a field

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        array = resolve(source, getattr(cls, "array_type", cls))
        items = core_schema.list_schema(handler.generate_schema(array.doc_type))
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(array, items),
            python_schema=core_schema.no_info_wrap_validator_function(array._validate, items),
            serialization=core_schema.wrap_serializer_function_ser_schema(_serialized, schema=items),
        )

    @classmethod
    def _validate(cls, value: Any, validate_items: Any) -> Self:
        if type(value) is cls:
            return value
        return cls(validate_items(value.to_doc_list() if isinstance(value, DocVec) else value))


def _serialized(vec: DocVec[Any], serialize: Any) -> Any:
    # Not a function of the value alone: only through `serialize` do `include` and `exclude` reach the documents.
    return serialize(_documents(vec))


def _documents(vec: DocVec[Any]) -> list[Any]:
    return vec._columns.documents()


def _restore(
    cls: type[DocVec[Any]], doc_type: type[BaseDocWithoutId], length: int, data: dict[str, Any]
) -> DocVec[Any]:
    return cls.over(Columns(doc_type, length, data))


# What pydantic asks a value for whose type no schema tells, such as a field of an AnyDoc.
DocVec.__pydantic_serializer__ = SchemaSerializer(
    core_schema.any_schema(serialization=core_schema.plain_serializer_function_ser_schema(_documents))
)
