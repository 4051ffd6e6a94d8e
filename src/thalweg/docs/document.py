"""Documents: typed records that are validated, compared, copied and turned into JSON."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from thalweg.docs.equality import same
from thalweg.docs.typing.identity import ID, fresh_id
from thalweg.docs.typing.tensor import to_plain

__all__ = ["AnyDoc", "BaseDoc"]

_put = object.__setattr__
# The slots of every pydantic model, written directly: a third of the time that `object.__setattr__` takes.
_put_namespace = vars(BaseModel)["__dict__"].__set__
_put_given = vars(BaseModel)["__pydantic_fields_set__"].__set__
_put_extra = vars(BaseModel)["__pydantic_extra__"].__set__
_put_private = vars(BaseModel)["__pydantic_private__"].__set__
FEW = 6
"""Documents up to which one after the other is made faster than all at once."""

_exhaust = partial(deque[Any], maxlen=0)


class BaseDoc(BaseModel):
    """The root of all documents: a pydantic model with an `id`.

    Fields are declared as in any pydantic model. An assignment is validated like the constructor's arguments. Documents
    are mutable and therefore not hashable.

    In JSON, `bytes` are base64 (URL-safe alphabet; both alphabets are read), NaN and infinite numbers are the strings
    "NaN", "Infinity" and "-Infinity", and tensors are nested arrays.

    Raises:
        pydantic.ValidationError: a ValueError that names each field that does not fit.
    """

    model_config = ConfigDict(
        validate_assignment=True, ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="strings"
    )

    id: ID | None = Field(default_factory=fresh_id)

    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same fields with the same data. The class and the `id` do not count."""
        if self is other:
            return True
        if not isinstance(other, BaseDoc):
            return NotImplemented
        mine, theirs = contents(self), contents(other)
        mine.pop("id", None)
        theirs.pop("id", None)
        return same(mine, theirs)

    def to_json(self) -> str:
        """The document as a JSON object."""
        return self.__pydantic_serializer__.to_json(self, by_alias=True).decode()

    @classmethod
    def from_json(cls, data: str | bytes | bytearray) -> Self:
        """The document that `to_json` wrote. A fresh `id` is made where there is none."""
        return cls.model_validate_json(data)

    def copy(self, *, deep: bool = False, update: Mapping[str, Any] | None = None) -> Self:  # type: ignore[override]
        """A document of the same class, `id` and data.

        Args:
            deep: copy tensors, lists and nested documents too; otherwise both documents share them.
            update: fields to replace in the copy, not validated.
        """
        return self.model_copy(deep=deep, update=update)


def _plain_extra(value: Any) -> Any:
    return to_plain(value)


class AnyDoc(BaseDoc):
    """A document without a schema: keeps every field it is given, unvalidated, and writes all of them back.

    Values in JSON are what JSON says they are: an array stays a list, and base64 stays text.
    """

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, Annotated[Any, PlainSerializer(_plain_extra, when_used="json")]]


def contents(doc: BaseDoc) -> dict[str, Any]:
    """Field name -> value, the extra fields of an open schema included; a new dict."""
    extra = doc.__pydantic_extra__
    return {**doc.__dict__, **extra} if extra else dict(doc.__dict__)


def assemble(doc_type: type[BaseDoc], values: dict[str, Any], extra: dict[str, Any] | None = None) -> Any:
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


def _assembled(doc_type: type[BaseDoc], values: dict[str, Any], given: set[str]) -> Any:
    doc = object.__new__(doc_type)
    _put_namespace(doc, values)
    _put_given(doc, given.copy())
    _put_extra(doc, None)
    _put_private(doc, None)
    return doc


def assemble_all(
    doc_type: type[BaseDoc], names: Sequence[str], columns: Sequence[list[Any]], given: set[str]
) -> list[Any]:
    """Documents of columns that are known to fit, of a class without hooks or private attributes.

    `given` are the fields that count as set; the others hold their defaults.
    """
    count = len(columns[0])
    if count < FEW:
        return [_assembled(doc_type, dict(zip(names, row, strict=True)), given) for row in zip(*columns, strict=True)]
    docs = list(map(object.__new__, repeat(doc_type, count)))
    # Where all fields are set nothing can be added to it any more, so one set serves all documents.
    sets = repeat(given) if len(given) == len(names) else (given.copy() for _ in docs)
    # One pass over all documents for each slot, without any Python in between.
    _exhaust(map(_put_namespace, docs, map(dict, map(zip, repeat(names), zip(*columns, strict=True)))))
    _exhaust(map(_put_given, docs, sets))
    _exhaust(map(_put_extra, docs, repeat(None)))
    _exhaust(map(_put_private, docs, repeat(None)))
    return docs
