"""What an index makes of a class of document: columns, and an index of their own for documents in lists."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, Union, get_args, get_origin

import numpy as np
from pydantic.fields import FieldInfo

from thalweg.docs.document import AnyDoc, BaseDocWithoutId
from thalweg.docs.fields import FieldKind, Holds, field_kinds
from thalweg.docs.index.collection import Collection, Layout, Unsupported, ValueColumn, VectorColumn
from thalweg.docs.query.metric import Metric
from thalweg.docs.typing.identity import ID

PARENT = "parent_id"
"""The value by which documents in a list know the document that holds them."""

DOCUMENT = "_document_id"
"""The value that holds the id of a document in a list: the same one may be in several lists, so records have other ids."""

_OURS = frozenset({"dim", "index", "is_embedding", "words", "col_type", "space", "metric", "distance", "similarity"})
_METRIC_OPTIONS = ("space", "metric", "distance", "similarity", "metric_type")
_MEDIA = ("Image", "Audio", "Video")
_SIMPLE = (str, int, float, bool)
_LISTS = (list, tuple, set, frozenset)

Defaults: TypeAlias = Mapping[Any, Mapping[str, Any]]


@dataclass(frozen=True)
class Place:
    """Where the value of a column is found: names of fields, one inside of the other."""

    name: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Outline:
    """One level of an index.

    `lists` are the fields that hold lists of documents, each with the outline of these. Names join the fields on the way
    by `__`.
    """

    doc_type: type[BaseDocWithoutId]
    layout: Layout
    places: tuple[Place, ...]
    lists: tuple[tuple[Place, Outline], ...]

    def below(self, path: str) -> Outline:
        """The outline of the documents in the lists at `path`, such as `chapters__paragraphs`.

        Raises:
            ValueError: there is none; the message names those that there are.
        """
        for place, outline in self.lists:
            if path == place.name:
                return outline
            if path.startswith(f"{place.name}__"):
                return outline.below(path[len(place.name) + 2 :])
        known = ", ".join(repr(place.name) for place, _ in self.lists) or "none"
        raise ValueError(f"{self.doc_type.__name__} has no list of documents {path!r}; there are: {known}")

    def levels(self) -> Iterator[Outline]:
        """This one and all below it."""
        yield self
        for _, outline in self.lists:
            yield from outline.levels()


class Ability(NamedTuple):
    """What an index of some kind can do, as far as it decides about columns. `defaults` are options by type of column."""

    collection: type[Collection]
    metric: Metric
    defaults: Defaults


def outline_of(doc_type: type[BaseDocWithoutId], name: str, ability: Ability) -> Outline:
    """The outline of an index called `name` for documents of this class.

    Raises:
        ValueError: a field that cannot be indexed; the message names it and says what to write instead.
        Unsupported: several vectors, where the database takes one.
    """
    return _Reading(ability).outline(doc_type, name, (), nested=False)


@dataclass
class _Columns:
    vectors: list[VectorColumn] = field(default_factory=list)
    values: list[ValueColumn] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    lists: list[tuple[Place, Any]] = field(default_factory=list)


class _Reading:
    def __init__(self, ability: Ability) -> None:
        self._ability = ability

    def outline(
        self, doc_type: type[BaseDocWithoutId], name: str, around: tuple[type, ...], *, nested: bool
    ) -> Outline:
        found = _Columns()
        self._read(doc_type, (), (*around, doc_type), found)
        values = found.values
        if nested:
            taken = {column.name for column in values}
            values = [ValueColumn(own, str) for own in (DOCUMENT, PARENT) if own not in taken] + values
        layout = Layout(name, tuple(self._chosen(doc_type, found.vectors)), tuple(values))
        lists = [
            (place, self.outline(inner, f"{name}__{place.name}", (*around, doc_type), nested=True))
            for place, inner in found.lists
        ]
        kept = {column.name for column in layout.vectors} | {column.name for column in layout.values}
        return Outline(doc_type, layout, tuple(p for p in found.places if p.name in kept), tuple(lists))

    def _chosen(self, doc_type: type[BaseDocWithoutId], vectors: list[VectorColumn]) -> list[VectorColumn]:
        if len(vectors) < 2 or self._ability.collection.many_vectors:
            return vectors
        marked = [column for column in vectors if column.options.get("is_embedding")]
        if len(marked) != 1:
            names = ", ".join(repr(column.name) for column in vectors)
            database = self._ability.collection.__name__
            raise Unsupported(
                f"{database} searches one vector, but {doc_type.__name__} has {names}: mark the one "
                "to search with Field(json_schema_extra={'is_embedding': True}), the others are kept all the same"
            )
        return marked

    def _read(
        self, doc_type: type[BaseDocWithoutId], above: tuple[str, ...], around: tuple[type, ...], into: _Columns
    ) -> None:
        for name, held in field_kinds(doc_type).items():
            info = doc_type.model_fields[name]
            extra = field_options(info)
            place = Place("__".join((*above, name)), (*above, name))
            if extra.get("index") is False or info.exclude or (name == "id" and not above):
                continue
            if held.holds is Holds.TENSOR:
                self._vector(doc_type, place, held, extra, into)
            elif held.holds is Holds.DOCUMENT:
                if held.type not in around and held.type is not AnyDoc:
                    self._read(held.type, place.parts, (*around, held.type), into)
            elif held.holds is Holds.DOCUMENTS:
                if held.type.doc_type not in around and held.type.doc_type is not AnyDoc:
                    into.lists.append((place, held.type.doc_type))
            else:
                self._value(doc_type, place, held, extra, into)

    def _vector(
        self, doc_type: type[BaseDocWithoutId], place: Place, held: FieldKind, extra: Mapping[str, Any], into: _Columns
    ) -> None:
        options = self._options(place, np.ndarray, extra)
        size = self._size(doc_type, place, held, options)
        if size is not None:
            metric = next(
                (Metric.named(str(options[key])) for key in _METRIC_OPTIONS if key in options), self._ability.metric
            )
            own = {key: value for key, value in options.items() if key not in _OURS or key == "is_embedding"}
            into.vectors.append(VectorColumn(place.name, size, metric, own))
            into.places.append(place)

    def _size(
        self, doc_type: type[BaseDocWithoutId], place: Place, held: FieldKind, options: Mapping[str, Any]
    ) -> int | None:
        """Numbers in the vector; None where the tensor is kept but not searched."""
        shape = held.type.shape
        exact = None if shape is None else shape.exact
        given = options.get("dim")
        if given in (None, -1):
            if repr(held.type).startswith(_MEDIA) or (shape is not None and not _one_dimension(shape.dimensions)):
                return None
            if exact is not None:
                return exact[0] or None
            if self._ability.collection.learns_sizes:
                return 0
            raise ValueError(_unsized(doc_type, place))
        if not isinstance(given, int) or given < 1:
            raise ValueError(f"{doc_type.__name__}.{place.name}: `dim` is a number of at least 1, not {given!r}")
        if exact is not None and int(np.prod(exact)) != given:
            raise ValueError(f"{doc_type.__name__}.{place.name}: `dim` is {given}, but its shape is {exact}")
        return given

    def _value(
        self, doc_type: type[BaseDocWithoutId], place: Place, held: FieldKind, extra: Mapping[str, Any], into: _Columns
    ) -> None:
        found = value_type(held.type)
        if _is_id(doc_type.model_fields[place.parts[-1]]):
            found = (str, False, False)
        if found is None:
            if _is_union(held.type):
                raise ValueError(
                    f"{doc_type.__name__}.{place.name}: an index needs one type, not {held.type}; annotate it with one, or "
                    "with Field(json_schema_extra={'index': False}) to keep it without searching it"
                )
            return
        kind, many, prose = found
        options = self._options(place, kind, extra)
        words = kind is str and not many and self._ability.collection.searches_words and options.get("words", prose)
        own = {key: value for key, value in options.items() if key not in _OURS}
        into.values.append(ValueColumn(place.name, kind, many, bool(words), own))
        into.places.append(place)

    def _options(self, place: Place, kind: type, extra: Mapping[str, Any]) -> dict[str, Any]:
        """The options of a field over those of its type in the database. Nothing is taken out of either."""
        defaults, chosen = self._ability.defaults, extra.get("col_type")
        if chosen is not None:
            if chosen not in defaults:
                known = ", ".join(sorted(map(_named, defaults))) or "none"
                raise ValueError(f"{place.name}: the database has no type {_named(chosen)}; there are: {known}")
            return {**defaults[chosen], **extra, "col_type": chosen}
        return {**defaults.get(kind, {}), **extra}


def field_options(info: FieldInfo) -> dict[str, Any]:
    """What `Field(dim=3)` or `Field(json_schema_extra={"dim": 3})` says beyond pydantic."""
    extra = info.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


def _is_id(info: FieldInfo) -> bool:
    return info.annotation == ID | None or any(mark in info.metadata for mark in get_args(ID)[1:])


def value_type(annotation: Any) -> tuple[type, bool, bool] | None:
    """The type of value that conditions may ask about, whether there are many in a list, and whether it is free text.

    None where no condition can.
    """
    annotation = _without_none(annotation)
    if annotation in (str, int, float, bool):
        return annotation, False, annotation is str
    origin = get_origin(annotation)
    if origin is Literal:
        kinds = {type(value) for value in get_args(annotation)} - {type(None)}
        return (kinds.pop(), False, False) if len(kinds) == 1 and kinds <= set(_SIMPLE) else None
    if annotation is dict or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return dict, False, False
    if origin in _LISTS:
        inner = value_type(next((each for each in get_args(annotation) if each is not Ellipsis), Any))
        return (inner[0], True, False) if inner and not inner[1] and inner[0] is not dict else None
    if isinstance(annotation, type) and issubclass(annotation, str):
        return str, False, False
    return None


def _without_none(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        if len(members) == 1:
            return _without_none(members[0])
    return annotation


def _is_union(annotation: Any) -> bool:
    return get_origin(_without_none(annotation)) in (Union, types.UnionType)


def _one_dimension(dimensions: tuple[Any, ...]) -> bool:
    return len(dimensions) == 1 and dimensions[0] is not ...


def _unsized(doc_type: type[BaseDocWithoutId], place: Place) -> str:
    return (
        f"{doc_type.__name__}.{place.name}: an index must know how many numbers the vectors have; write it into the "
        f"annotation, as in `{place.parts[-1]}: NdArray[128]`, or as Field(json_schema_extra={{'dim': 128}}), or keep the "
        "tensor without searching it by Field(json_schema_extra={'index': False})"
    )


def _named(kind: Any) -> str:
    return getattr(kind, "__name__", None) or repr(kind)
