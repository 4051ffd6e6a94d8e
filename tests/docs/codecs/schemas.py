"""Hypothesis strategies for classes of document and for documents of them."""

from __future__ import annotations

import enum
import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import Field, create_model

from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.docs.typing import AnyTensor, ImageUrl, NdArray

_numbers = itertools.count()


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


class Kind(NamedTuple):
    """A type of field, and values for it."""

    annotation: Any
    values: st.SearchStrategy[Any]


class Schema(NamedTuple):
    doc_type: type[BaseDoc]
    documents: st.SearchStrategy[Any]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
integers = st.integers() | st.integers(2**62, 2**66) | st.integers(-(2**66), -(2**62))
floats = st.floats()
aware = st.datetimes(timezones=st.just(UTC))


def tensors(dtypes: str, shape: Any) -> st.SearchStrategy[Any]:
    return arrays.arrays(st.sampled_from(dtypes.split()).map(np.dtype), shape)


WIDE = "?  i1 u1 >i2 u4 i8 u8 f2 f4 >f8"
JSONABLE = "? i8 f8"


def scalars() -> list[Kind]:
    return [
        Kind(str, texts),
        Kind(int, integers),
        Kind(float, floats),
        Kind(bool, st.booleans()),
        Kind(bytes, st.binary(max_size=8)),
        Kind(Annotated[str, Field(max_length=8)], texts),
        Kind(Annotated[int, Field(ge=0)], st.integers(0, 2**65)),
        Kind(Colour, st.sampled_from(Colour)),
        Kind(ImageUrl, st.sampled_from(["a.png", "https://example.org/b"])),
        Kind(datetime, st.datetimes() | aware),
        Kind(timedelta, st.timedeltas()),
        Kind(Decimal, st.decimals(allow_nan=False, allow_infinity=False, places=3)),
        Kind(UUID, st.uuids()),
        Kind(set[int], st.sets(st.integers(-(2**60), 2**60), max_size=3)),
        Kind(tuple[int, str], st.tuples(integers, texts)),
        Kind(dict[str, Any], st.dictionaries(texts, st.none() | texts | st.integers(-(2**60), 2**60), max_size=3)),
        Kind(int | str, integers | texts),
    ]


def tensor_kinds(dtypes: str) -> list[Kind]:
    sides = st.integers(0, 3)
    return [
        Kind(NdArray[2, 3], tensors(dtypes, (2, 3))),
        Kind(NdArray["n", 2], tensors(dtypes, st.tuples(sides, st.just(2)))),
        Kind(NdArray, tensors(dtypes, st.tuples(st.integers(1, 3)))),
        Kind(AnyTensor, tensors(dtypes, (3,)).map(lambda array: array[::-1])),
    ]


def containers(kind: Kind) -> st.SearchStrategy[Kind]:
    few = st.lists(kind.values, max_size=3)
    options = [
        kind,
        Kind(kind.annotation | None, st.none() | kind.values),
        Kind(list[kind.annotation], few),
        Kind(dict[str, kind.annotation], st.dictionaries(texts, kind.values, max_size=3)),
    ]
    return st.sampled_from(options)


def documents_of(schema: Schema, other: Schema) -> list[Kind]:
    nested, docs = schema.doc_type, st.lists(schema.documents, max_size=3)
    array: Any = DocList[nested]  # type: ignore[valid-type]
    vector: Any = DocVec[nested]  # type: ignore[valid-type]
    return [
        Kind(nested, schema.documents),
        Kind(array, docs.map(array)),
        Kind(array | None, st.none() | docs.map(array)),
        Kind(vector, schema.documents.map(lambda doc: vector([doc]))),
        Kind(nested | other.doc_type, schema.documents | other.documents),
    ]


def _made(kinds: dict[str, Kind]) -> Schema:
    name = f"Generated{next(_numbers)}"
    fields: dict[str, Any] = {field: (kind.annotation, ...) for field, kind in kinds.items()}
    # JSON alone does not tell which class of a union a document is of.
    fields["tag"] = (Literal[name], name)  # type: ignore[valid-type]
    doc_type = create_model(name, __base__=BaseDoc, **fields)
    values = {field: kind.values for field, kind in kinds.items()}
    return Schema(doc_type, st.builds(doc_type, id=st.none() | texts, **values))


def flat_schemas(dtypes: str) -> st.SearchStrategy[Schema]:
    kinds = st.sampled_from(scalars() + tensor_kinds(dtypes)).flatmap(containers)
    return st.dictionaries(st.sampled_from("abcd"), kinds, min_size=1, max_size=4).map(_made)


def schemas(dtypes: str) -> st.SearchStrategy[Schema]:
    """Classes of document with scalars, tensors, containers and documents in documents."""

    def around(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
        nested = st.tuples(inner, inner).flatmap(lambda pair: st.sampled_from(documents_of(*pair)).flatmap(containers))
        kinds = nested | st.sampled_from(scalars() + tensor_kinds(dtypes)).flatmap(containers)
        return st.dictionaries(st.sampled_from("abcd"), kinds, min_size=1, max_size=4).map(_made)

    return st.recursive(flat_schemas(dtypes), around, max_leaves=3)


def lists_of(schema: Schema) -> st.SearchStrategy[Any]:
    array: Any = DocList[schema.doc_type]  # type: ignore[name-defined]
    return st.lists(schema.documents, max_size=4).map(array)


def any_documents() -> st.SearchStrategy[Any]:
    """Documents without a schema."""
    plain = st.none() | texts | integers | st.booleans() | floats | tensors(WIDE, st.tuples(st.integers(0, 3)))
    values = st.recursive(plain, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2))
    fields = st.dictionaries(st.sampled_from(["text", "tensor", "x", "y"]), values, max_size=3)
    return st.builds(lambda fields: AnyDoc(**fields), fields)
