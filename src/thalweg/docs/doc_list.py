"""A list of documents of one class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from os import PathLike
from typing import IO, TYPE_CHECKING, Any, ClassVar, Self, SupportsIndex, TypeVar, overload

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from thalweg.docs.document import AnyDoc, BaseDocWithoutId
from thalweg.docs.selection import positions
from thalweg.docs.typed import ArrayClass, resolve, typed

if TYPE_CHECKING:
    from thalweg.docs.doc_vec import DocVec

T_doc = TypeVar("T_doc", bound=BaseDocWithoutId)


class DocList(list[T_doc], metaclass=ArrayClass):
    """A list whose items are documents of one class: `DocList[Text]`. `DocList` alone holds documents of any class.

    Whatever comes in is checked: each item is an instance of `doc_type` or of a subclass of it.

    `docs.text` reads a field of all documents as a list (as a `DocList` where the field is a document that is always
    there), `docs.text = [...]` validates and sets it. Where a field has the name of a method of lists, the method wins;
    over a method that only documents have, such as `summary`, the field does.

    Besides an integer or a slice the index may be a list, a tuple or an array, of integers or of one boolean for each
    document; all but the integer give a `DocList` of the same type. None selects the list itself.

    Raises:
        ValueError: an item is not a document of `doc_type`.
    """

    __slots__ = ()

    doc_type: ClassVar[type[BaseDocWithoutId]] = AnyDoc

    if not TYPE_CHECKING:

        def __class_getitem__(cls, item: Any) -> Any:
            return typed(cls, item)

    def __init__(self, docs: Iterable[T_doc] | None = None, validate_input_docs: bool = True) -> None:
        """A list of `docs`; with `validate_input_docs=False` they are known to be of `doc_type`, as for `trusted`."""
        super().__init__(() if docs is None else self._checked(docs) if validate_input_docs else docs)

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
        if isinstance(docs, (str, bytes, Mapping, BaseDocWithoutId)):
            raise ValueError(f"{cls.__name__} takes several documents, not one {type(docs).__name__}")
        if not isinstance(docs, list):
            docs = cls._listed(docs)
        if set(map(type, docs)) == {cls.doc_type}:
            return docs
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
        if type(doc) is doc_type or isinstance(doc, BaseDocWithoutId if doc_type is AnyDoc else doc_type):
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
        if index is None:
            return self
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
        if index is None:
            return
        rows = None if isinstance(index, slice) else positions(index, len(self))
        if rows is None:
            super().__delitem__(index)
            return
        for row in sorted(set(rows), reverse=True):
            super().__delitem__(row)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (length={len(self)})>"

    @classmethod
    def construct(cls, docs: Iterable[T_doc]) -> Self:
        """The same as `trusted`, under DocArray's name."""
        return cls.trusted(docs)

    def shuffle(self, seed: int | None = None) -> Self:
        """A new list of the same documents in random order, the same for the same `seed`."""
        from thalweg.docs.batching import shuffled

        return self[shuffled(len(self), seed)]

    def batch(self, size: int, *, shuffle: bool = False) -> Iterator[Self]:
        """Lists of `size` documents each; the last may be shorter.

        Raises:
            ValueError: `size` is less than one.
        """
        from thalweg.docs.batching import batched

        return batched(self, size, shuffle)

    def traverse_flat(self, path: str) -> Any:
        """The values at a path of fields joined by `__`, such as `chapters__title`, of all documents in one list.

        What is None on the way is left out.

        Raises:
            AttributeError: the path names a field that is not there.
        """
        from thalweg.docs.traversal import traverse_flat

        return traverse_flat(self, path)

    # --- a field of all documents

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            fields = self.doc_type.model_fields
            if self.doc_type is AnyDoc or name not in fields:
                raise AttributeError(self._unknown(name))
            values = list(map(attrgetter(name), self))
            nested = fields[name].annotation
            if isinstance(nested, type) and issubclass(nested, BaseDocWithoutId):
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

    def to_doc_vec(self, tensor_type: Any = None) -> DocVec[T_doc]:
        """The same documents as columns, tensors stacked. Copies tensors; this list stays as it is.

        `tensor_type`, such as `TorchTensor`, says of which library those of `AnyTensor` fields are to be.

        Raises:
            ValueError: tensors of one field differ in shape or dtype, or only some documents have one.
            TypeError: the list is untyped.
        """
        from thalweg.docs.doc_vec import DocVec

        if self.doc_type is AnyDoc:
            raise TypeError("columns need a typed list, such as DocList[MyDoc]")
        vec: DocVec[T_doc] = DocVec[self.doc_type](self, tensor_type)  # type: ignore[name-defined]
        return vec

    def summary(self) -> None:
        """Print the class, the length and the fields."""
        from thalweg.docs.display import print_array

        print_array(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """What a notebook shows: a table of the first documents."""
        from thalweg.docs.display import array_bundle

        return array_bundle(self)

    # --- written and read

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

    def to_protobuf(self) -> Any:
        """The documents as DocArray's message `DocListProto`."""
        from thalweg.docs.codecs import protobuf

        return protobuf.list_message(self)

    @classmethod
    def from_protobuf(cls, message: Any) -> Self:
        """The documents of a `DocListProto`, whichever library made it; raises what `BaseDoc.from_protobuf` raises."""
        from thalweg.docs.codecs import protobuf

        read: Self = protobuf.list_from(message, cls)
        return read

    def to_bytes(self, protocol: str = "protobuf-array", compress: str | None = None) -> bytes:
        """The documents as bytes.

        Args:
            protocol: all in one, "protobuf-array", "json-array", "columns" or "pickle-array"; one after the other, so
                that they can be streamed, "protobuf", "json" or "pickle".
            compress: None, "lz4", "bz2", "lzma", "zlib" or "gzip".

        Raises:
            ValueError: an unknown protocol or compression, or a field that the protocol cannot hold.
        """
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
    ) -> Self:
        """The list that `to_bytes` wrote.

        Args:
            data: the bytes; an array made of them does not share their memory.
            protocol: the one they were written with.
            compress: the one they were written with.
            allow_pickle: that unpickling may run whatever code `data` holds.
            max_bytes: what compressed data may become, of streamed documents each; None for a hundred times its size,
                and 64 MiB at least.

        Raises:
            ValueError: a protocol of pickle and `allow_pickle` is not set: unpickling runs whatever code `data` holds.
            InvalidDocument: documents do not fit the class.
            MalformedRequest: `data` is not what the protocol or the compression says.
        """
        from thalweg.docs.codecs import binary

        read: Self = binary.array_from_bytes(cls, data, protocol, compress, allow_pickle, max_bytes)
        return read

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
        """The list that `to_base64` wrote; raises what `from_bytes` raises."""
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
        """Write what `to_bytes` gives. Suffixes of the path, as in `x.protobuf.gzip`, win over the arguments.

        A path has the old file until the new one is complete. A file that is given open is written to where it stands and
        stays open. The progress is shown of protocols that can be streamed.
        """
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
        streaming: bool = False,
        max_bytes: int | None = None,
    ) -> Any:
        """The list that `save_binary` wrote; with `streaming` an iterator of its documents, in constant memory.

        Suffixes of the path, as in `x.protobuf.gzip`, win over the arguments. A file that is given open is read from where
        it stands and stays open.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: `streaming` and a protocol that is all in one; otherwise what `from_bytes` raises.
        """
        from thalweg.docs.codecs import binary

        load = binary.stream_binary if streaming else binary.load_binary
        return load(cls, file, protocol, compress, show_progress, allow_pickle, max_bytes)

    # --- stored

    def push(self, url: str, show_progress: bool = False, **options: Any) -> None:
        """Store the list under `url`, such as `file://`, `s3://` or `memory://`; `options` are those of fsspec."""
        from thalweg.docs import store

        store.push(self, url, show_progress=show_progress, **options)

    @classmethod
    def pull(cls, url: str, show_progress: bool = False, local_cache: bool = False, **options: Any) -> Self:
        """The list that was stored under `url`.

        Raises:
            FileNotFoundError: nothing is stored there.
            InvalidDocument: documents do not fit the class.
        """
        from thalweg.docs import store

        return cls.trusted(
            store.pull_stream(cls.doc_type, url, show_progress=show_progress, local_cache=local_cache, **options)
        )

    @classmethod
    def push_stream(cls, docs: Iterable[T_doc], url: str, show_progress: bool = False, **options: Any) -> None:
        """Store the documents of an iterator, however many, in constant memory. Nothing is visible until all are stored."""
        from thalweg.docs import store

        store.push_stream(docs, url, show_progress=show_progress, **options)

    @classmethod
    def pull_stream(
        cls, url: str, show_progress: bool = False, local_cache: bool = False, **options: Any
    ) -> Iterator[T_doc]:
        """The stored documents one after the other, in constant memory."""
        from thalweg.docs import store

        return store.pull_stream(cls.doc_type, url, show_progress=show_progress, local_cache=local_cache, **options)

    # --- tables

    def to_arrow(self) -> Any:
        """The documents as a `pyarrow.Table`: tensors of one shape as fixed-shape tensors, nested documents as structs."""
        from thalweg.docs.codecs import arrow

        return arrow.encode(self)

    @classmethod
    def from_arrow(cls, table: Any) -> Self:
        """The list of a `pyarrow.Table` (or of anything with Arrow's C stream, such as a Polars data frame)."""
        from thalweg.docs.codecs import arrow

        return cls.trusted(arrow.decode(table, cls.doc_type))

    def to_parquet(self, file: Any, **options: Any) -> None:
        """Write a Parquet file; `options` are those of `pyarrow.parquet.write_table`."""
        from thalweg.docs.codecs import arrow

        arrow.write_parquet(self, file, **options)

    @classmethod
    def from_parquet(cls, file: Any, **options: Any) -> Self:
        """The list of a Parquet file; see `thalweg.docs.codecs.arrow.read_parquet` for the options."""
        from thalweg.docs.codecs import arrow

        return cls.trusted(arrow.read_parquet(file, cls.doc_type, **options))

    @classmethod
    def iter_parquet(cls, file: Any, *, batch_size: int = 1024, **options: Any) -> Iterator[T_doc]:
        """The documents of a Parquet file one after the other; only `batch_size` of them are in memory at a time."""
        from thalweg.docs.codecs import arrow

        return arrow.iter_parquet(file, cls.doc_type, batch_size=batch_size, **options)

    def to_dataframe(self) -> Any:
        """The documents as a pandas data frame; the fields of a nested document are columns such as `author__name`."""
        from thalweg.docs.codecs import frame

        return frame.to_pandas(self)

    @classmethod
    def from_dataframe(cls, data: Any) -> Self:
        """The list of a pandas or Polars data frame whose columns are fields of the class.

        Raises:
            ValueError: a column is no field; the message names all of them.
        """
        from thalweg.docs.codecs import frame

        return cls.trusted(frame.from_frame(data, cls.doc_type))

    def to_polars(self) -> Any:
        """The documents as a Polars data frame."""
        from thalweg.docs.codecs import frame

        return frame.to_polars(self)

    def to_csv(self, file_path: str | PathLike[str], dialect: Any = "excel") -> None:
        """Write a CSV file; tensors are JSON, the fields of a nested document are columns such as `author__name`."""
        from thalweg.docs.codecs import csv

        csv.write_csv(self, file_path, dialect)

    @classmethod
    def from_csv(cls, file_path: str | PathLike[str], encoding: str = "utf-8", dialect: Any = "excel") -> Self:
        """The list of a CSV file, which may be an http(s) address. Empty cells and `None` are None.

        Raises:
            ValueError: a column is no field; the message names all of them.
        """
        from thalweg.docs.codecs import csv

        return cls.trusted(csv.read_csv(cls.doc_type, file_path, encoding, dialect))

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


def _item_schema(doc_type: type[BaseDocWithoutId], handler: GetCoreSchemaHandler) -> CoreSchema:
    schema = handler.generate_schema(doc_type)
    if doc_type is not AnyDoc:
        return schema
    return core_schema.json_or_python_schema(
        json_schema=schema,
        python_schema=core_schema.no_info_wrap_validator_function(_any_document, schema),
        serialization=core_schema.simple_ser_schema("any"),
    )


def _any_document(value: Any, validate: Any) -> Any:
    return value if isinstance(value, BaseDocWithoutId) else validate(value)
