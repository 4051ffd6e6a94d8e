"""Documents: typed records that are validated, compared, copied and turned into JSON."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeAlias, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic_core import PydanticUndefined

from thalweg.docs import slots
from thalweg.docs.equality import same
from thalweg.docs.garbage import uncollected
from thalweg.docs.namespaces import namespaces
from thalweg.docs.typing.array import is_tensor
from thalweg.docs.typing.identity import ID, fresh_id
from thalweg.docs.typing.tensor import to_plain

__all__ = ["AnyDoc", "BaseDoc", "BaseDocWithoutId"]

_put = object.__setattr__
FEW = 6
"""Documents up to which one after the other is made faster than all at once."""

Fill: TypeAlias = Callable[[Any, dict[str, Any]], bool]
"""Fills a new document with keyword arguments; False, and nothing done, where pydantic has to look at them."""

Assemble: TypeAlias = Callable[[dict[str, Any], "set[str] | None"], Any]
"""Makes a document of values by name, and of the names that count as set (None for those of the values)."""

Fields: TypeAlias = dict[str, Any]
"""Names of fields and their values. (In the class below, `dict` is a method.)"""

D = TypeVar("D", bound="BaseDocWithoutId")

_exhaust = partial(deque[Any], maxlen=0)
_namespace: Callable[[Any], dict[str, Any]] = attrgetter("__dict__")
_given: Callable[[Any], set[str]] = attrgetter("__pydantic_fields_set__")


class BaseDocWithoutId(BaseModel):
    """The root of all documents: a pydantic model whose fields may be tensors, addresses of media and other documents.

    Fields are declared as in any pydantic model. An assignment is validated like the constructor's arguments. Documents
    are mutable and therefore not hashable.

    In JSON, `bytes` are base64 (URL-safe alphabet; both alphabets are read), NaN and infinite numbers are the strings
    "NaN", "Infinity" and "-Infinity", and tensors are nested arrays. A class that says
    `model_config = ConfigDict(ser_json_bytes="utf8", val_json_bytes="utf8")` has its bytes as text instead.

    Raises:
        pydantic.ValidationError: a ValueError that names each field that does not fit.
    """

    model_config = ConfigDict(
        validate_assignment=True, ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="strings"
    )

    __hash__: ClassVar[None]  # type: ignore[assignment]
    __fill__: ClassVar[Any] = None  # a Fill, made when the first document is
    __assemble__: ClassVar[Any] = None  # an Assemble, made when it is first asked for

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        cls.__fill__ = cls.__assemble__ = None  # those of the parent class do not fit

    def __init__(self, /, **data: Any) -> None:
        fill = self.__fill__ or _filler(type(self))
        if not fill(self, data):
            self.__pydantic_validator__.validate_python(data, self_instance=self)

    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]  # nothing that a validator would have to call

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same fields with the same data. The class and the `id` do not count."""
        if self is other:
            return True
        if not isinstance(other, BaseDocWithoutId):
            return NotImplemented
        mine, theirs = contents(self), contents(other)
        mine.pop("id", None)
        theirs.pop("id", None)
        return same(mine, theirs)

    def copy(self, *, deep: bool = False, update: Mapping[str, Any] | None = None) -> Self:  # type: ignore[override]
        """A document of the same class, `id` and data.

        Args:
            deep: copy tensors, lists and nested documents too; otherwise both documents share them.
            update: fields to replace in the copy, not validated.
        """
        return self.model_copy(deep=deep, update=update) if deep or update else self.__copy__()

    def __copy__(self) -> Self:
        """As pydantic's own, in a tenth of the time."""
        made = type(self).__new__(type(self))
        slots.put_namespace(made, self.__dict__.copy())
        slots.put_given(made, self.__pydantic_fields_set__.copy())
        slots.put_extra(made, self.__pydantic_extra__ and self.__pydantic_extra__.copy())
        private = self.__pydantic_private__
        slots.put_private(
            made, private and {name: value for name, value in private.items() if value is not PydanticUndefined}
        )
        return made

    @classmethod
    def construct(cls, _fields_set: set[str] | None = None, **values: Any) -> Self:
        """A document of `values` that are known to fit: nothing is checked or converted.

        A field that is not given gets its default, and is absent where it has none.
        """
        made: Self = (cls.__assemble__ or _assembly(cls))(values, _fields_set)
        return made

    def is_view(self) -> bool:
        """Whether this is a row of a `DocVec`, which reads and writes its columns."""
        return False

    def update(self, other: BaseDocWithoutId) -> None:
        """Take over what `other` holds; its own `id` stays.

        What is not None wins, lists are extended, sets united, dicts updated, nested documents updated and nested lists
        of documents merged by `id`. Tuples and tensors are replaced.

        Raises:
            TypeError: `other` is of a class with other fields. Nothing is changed then.
            pydantic.ValidationError: a merged value does not fit its field. Nothing is changed then.
        """
        from thalweg.docs.merging import update

        update(self, other)

    # --- shown

    if TYPE_CHECKING:

        def summary(self) -> None:
            """Print the document as a tree: a table of its fields, and nested documents below it."""

    else:

        def __getattr__(self, name: str) -> Any:
            # Not a method of the class: `summary` is what many a field is called, and pydantic warns of fields that
            # are named like a method.
            try:
                return super().__getattr__(name)
            except AttributeError:
                if name != "summary":
                    raise
            from thalweg.docs.display import print_document

            return partial(print_document, self)

    @classmethod
    def schema_summary(cls) -> None:
        """Print the fields and their types as a tree."""
        from thalweg.docs.display import print_schema

        print_schema(cls)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Fields:
        """What a notebook shows: the tree of `summary`, with pictures and sound where there are any."""
        from thalweg.docs.display import document_bundle

        return document_bundle(self)

    # --- written and read

    def dict(self, **options: Any) -> Fields:
        """The fields by name: nested documents are dicts too, lists of documents lists of dicts, tensors what they are.

        Args:
            options: those of pydantic's `model_dump`. `include` and `exclude` reach into lists of documents, as in
                `exclude={"chapters": {"__all__": {"text"}}}`.
        """
        return self.model_dump(**options)

    def json(self, **options: Any) -> str:
        """The fields as JSON; `options` are those of pydantic's `model_dump_json`."""
        return self.model_dump_json(**{"fallback": plain_number, **options})

    @classmethod
    def schema(cls, by_alias: bool = True, ref_template: str = "#/$defs/{model}") -> Fields:
        """The JSON schema of the class; see pydantic's `model_json_schema`."""
        return cls.model_json_schema(by_alias, ref_template)

    @classmethod
    def parse_obj(cls, obj: Any) -> Self:
        """The document of a mapping of its fields.

        Raises:
            pydantic.ValidationError: it does not fit.
        """
        return cls.model_validate(obj)

    @classmethod
    def parse_raw(
        cls,
        b: str | bytes,
        *,
        content_type: str | None = None,
        encoding: str = "utf8",
        proto: str | None = None,
        allow_pickle: bool = False,
    ) -> Self:
        """The document of JSON, or of pickled fields where `proto` is "pickle" or `content_type` ends in it.

        Raises:
            ValueError: a form that is neither, a pickle without `allow_pickle`, or fields that do not fit.
        """
        from thalweg.docs.codecs.foreign import parse_raw

        return parse_raw(cls, b, content_type, encoding, proto, allow_pickle)

    def to_json(self) -> str:
        """The document as a JSON object."""
        return self.__pydantic_serializer__.to_json(self, by_alias=True, fallback=plain_number).decode()

    @classmethod
    def from_json(cls, data: str | bytes | bytearray) -> Self:
        """The document that `to_json` wrote. A fresh `id` is made where there is none.

        Text for a field of bytes that is not base64 is taken for UTF-8, as DocArray writes it.

        Raises:
            pydantic.ValidationError: a ValueError that names each field that does not fit.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            from thalweg.docs.codecs.foreign import read_text_bytes

            return read_text_bytes(cls.model_validate_json, data, error)

    def to_protobuf(self) -> Any:
        """The document as DocArray's message `DocProto`.

        Raises:
            ValueError: a field holds something that has no form there; the message names it.
        """
        from thalweg.docs.codecs import protobuf

        return protobuf.document_message(self)

    @classmethod
    def from_protobuf(cls, message: Any) -> Self:
        """The document of a `DocProto`, whichever library made the message.

        Raises:
            InvalidDocument: the fields do not fit the class.
            MalformedRequest: the message is not one that a document can be read from.
        """
        from thalweg.docs.codecs import protobuf

        read: Self = protobuf.document_from(message, cls)
        return read

    def to_bytes(self, protocol: str = "protobuf", compress: str | None = None) -> bytes:
        """The document as bytes.

        Args:
            protocol: "protobuf", "json", "columns" or "pickle".
            compress: None, "lz4", "bz2", "lzma", "zlib" or "gzip".

        Raises:
            ValueError: an unknown protocol or compression, or a field that the protocol cannot hold.
        """
        from thalweg.docs.codecs import binary

        return binary.document_to_bytes(self, protocol, compress)

    @classmethod
    def from_bytes(
        cls,
        data: bytes,
        protocol: str = "protobuf",
        compress: str | None = None,
        *,
        allow_pickle: bool = False,
        max_bytes: int | None = None,
    ) -> Self:
        """The document that `to_bytes` wrote.

        Args:
            data: the bytes; an array made of them does not share their memory.
            protocol: the one it was written with.
            compress: the one it was written with.
            allow_pickle: that unpickling may run whatever code `data` holds.
            max_bytes: what compressed data may become; None for a hundred times its size, and 64 MiB at least.

        Raises:
            ValueError: the protocol is "pickle" and `allow_pickle` is not set: unpickling runs whatever code `data` holds.
            InvalidDocument: the fields do not fit the class.
            MalformedRequest: `data` is not what the protocol or the compression says.
        """
        from thalweg.docs.codecs import binary

        read: Self = binary.document_from_bytes(cls, data, protocol, compress, allow_pickle, max_bytes)
        return read

    def to_base64(self, protocol: str = "protobuf", compress: str | None = None) -> str:
        """What `to_bytes` gives, as base64 with the standard alphabet."""
        from thalweg.docs.codecs import binary

        return binary.to_base64(self.to_bytes(protocol, compress))

    @classmethod
    def from_base64(
        cls,
        data: str,
        protocol: str = "protobuf",
        compress: str | None = None,
        *,
        allow_pickle: bool = False,
        max_bytes: int | None = None,
    ) -> Self:
        """The document that `to_base64` wrote; raises what `from_bytes` raises."""
        from thalweg.docs.codecs import binary

        plain = binary.from_base64(data)
        return cls.from_bytes(plain, protocol, compress, allow_pickle=allow_pickle, max_bytes=max_bytes)

    def __bytes__(self) -> bytes:
        return self.to_bytes()


class BaseDoc(BaseDocWithoutId):
    """A document with an `id`: 32 random hexadecimal digits unless one is given."""

    id: ID | None = Field(default_factory=fresh_id)


def plain_number(value: Any) -> Any:
    """For pydantic: NumPy's numbers and tensors, where a schema says nothing of them, as JSON has them.

    Raises:
        TypeError: `value` is neither.
    """
    if isinstance(value, np.generic):
        return value.item()
    if is_tensor(value):
        return to_plain(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _plain_extra(value: Any) -> Any:
    return to_plain(value)


class AnyDoc(BaseDoc):
    """A document without a schema: keeps every field it is given, unvalidated, and writes all of them back.

    Values in JSON are what JSON says they are: an array stays a list, and base64 stays text.
    """

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, Annotated[Any, PlainSerializer(_plain_extra, when_used="json")]]


def _filler(doc_type: Any) -> Fill:
    from thalweg.docs.construction import filler

    if not doc_type.__pydantic_complete__:  # pydantic resolves forward references, or says which it cannot
        return lambda doc, data: False
    made = filler(doc_type)
    doc_type.__fill__ = staticmethod(made)
    return made


def _assembly(doc_type: Any) -> Assemble:
    from thalweg.docs.assembly import assembly

    made = assembly(doc_type)
    doc_type.__assemble__ = staticmethod(made)
    return made


def contents(doc: BaseDocWithoutId) -> dict[str, Any]:
    """Field name -> value, the extra fields of an open schema included; a new dict."""
    extra = doc.__pydantic_extra__
    return {**doc.__dict__, **extra} if extra else dict(doc.__dict__)


def assemble(doc_type: type[BaseDocWithoutId], values: dict[str, Any], extra: dict[str, Any] | None = None) -> Any:
    """A document of values that are known to fit; `values` becomes its namespace. Nothing is validated or filled in."""
    doc = doc_type.__new__(doc_type)
    _put(doc, "__dict__", values)
    _put(doc, "__pydantic_fields_set__", {*values, *extra} if extra else set(values))
    _put(doc, "__pydantic_extra__", extra)
    if doc_type.__pydantic_post_init__:
        doc.model_post_init(None)
    else:
        _put(doc, "__pydantic_private__", None)
    return doc


def _assembled(doc_type: type[BaseDocWithoutId], values: dict[str, Any], given: set[str]) -> Any:
    doc = object.__new__(doc_type)
    slots.put_namespace(doc, values)
    slots.put_given(doc, given.copy())
    slots.put_extra(doc, None)
    slots.put_private(doc, None)
    return doc


def assemble_all(
    doc_type: type[BaseDocWithoutId], names: tuple[str, ...], columns: Sequence[list[Any]], given: set[str]
) -> list[Any]:
    """Documents of columns that are known to fit, of a class without hooks or private attributes.

    `given` are the fields that count as set; the others hold their defaults.
    """
    count = len(columns[0])
    if count < FEW:
        return [_assembled(doc_type, values, given) for values in namespaces(names)(columns)]
    with uncollected(count):
        return _assembled_together(doc_type, names, columns, given)


def _assembled_together(
    doc_type: type[BaseDocWithoutId], names: tuple[str, ...], columns: Sequence[list[Any]], given: set[str]
) -> list[Any]:
    docs = list(map(object.__new__, repeat(doc_type, len(columns[0]))))
    # Where all fields are set nothing can be added to it any more, so one set serves all documents.
    sets = repeat(given) if len(given) == len(names) else (given.copy() for _ in docs)
    # One pass over all documents for each slot, without any Python in between.
    _exhaust(map(slots.put_namespace, docs, namespaces(names)(columns)))
    _exhaust(map(slots.put_given, docs, sets))
    _exhaust(map(slots.put_extra, docs, repeat(None)))
    _exhaust(map(slots.put_private, docs, repeat(None)))
    return docs


def copy_all(docs: Sequence[D]) -> list[D]:
    """`copy.copy` of each: of classes without private attributes or open schema that leave it as it is."""
    if len(docs) < FEW:
        return [doc.__copy__() for doc in docs]
    made: list[D] = list(map(object.__new__, map(type, docs)))
    _exhaust(map(slots.put_namespace, made, map(dict.copy, map(_namespace, docs))))
    _exhaust(map(slots.put_given, made, map(set.copy, map(_given, docs))))
    _exhaust(map(slots.put_extra, made, repeat(None)))
    _exhaust(map(slots.put_private, made, repeat(None)))
    return made
