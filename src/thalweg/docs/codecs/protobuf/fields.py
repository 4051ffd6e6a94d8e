"""What DocArray's messages must know of the fields of a class of document, worked out once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar, get_args

from thalweg.docs.codecs.columns.schema import FieldPlan, ReadPlan, Target, plan_of
from thalweg.docs.codecs.protobuf.rows import Frame, entry
from thalweg.docs.derived import derive
from thalweg.docs.document import AnyDoc, BaseDocWithoutId
from thalweg.docs.fields import FieldKind, Holds, field_kinds
from thalweg.docs.typed import ArrayClass
from thalweg.docs.typing.identity import ID

T = TypeVar("T")

KEPT = 1024
"""Beginnings of entries, one for each length of text or form of tensor, that a field keeps at most."""

_IDENTITY = get_args(ID)[1]
"""What tells an id from other text in an annotation."""


class Choice(NamedTuple):
    """Which classes the documents in a field may be of.

    `fallback` is what becomes of a document that is of none of them: an `AnyDoc` where the field takes anything, else a
    dict, of which pydantic makes what the field takes.
    """

    classes: tuple[type[BaseDocWithoutId], ...] = ()
    fallback: Target = dict

    @property
    def open(self) -> bool:
        """Whether values are kept as they were sent, with their types."""
        return self.fallback is AnyDoc

    @property
    def several(self) -> bool:
        """Whether only its sender knows the class of a document."""
        return len(self.classes) + self.open > 1

    def target(self, name: str, keys: Collection[str]) -> Target:
        """What a document of these fields becomes; `name` is that of its class, where its sender has told it."""
        named = [kind for kind in self.classes if kind.__name__ == name] if name else []
        if len(named) == 1:
            return named[0]
        if len(self.classes) == 1 and not self.open:
            return self.classes[0]
        fitting = [kind for kind in self.classes if _fits(kind, keys)]
        exact = [kind for kind in fitting if len(kind.model_fields) == len(keys)]
        found = exact or fitting
        return found[0] if len(found) == 1 else self.fallback


ANYTHING = Choice((), AnyDoc)
UNDECIDED = Choice()
"""Of fields of documents that pydantic finds a class for."""


def _fits(kind: type[BaseDocWithoutId], keys: Collection[str]) -> bool:
    """Whether a document of these fields, each of which is written even where it is None, can be of the class."""
    fields = kind.model_fields
    return fields.keys() >= set(keys) and all(name in keys or not field.is_required() for name, field in fields.items())


class ReadField(NamedTuple):
    """A field to be read: how its values are checked, and what documents in it become."""

    plan: FieldPlan
    choice: Choice


class ReadSchema:
    """A class of document to be read."""

    def __init__(self, doc_type: type[BaseDocWithoutId]) -> None:
        self.plan: ReadPlan = plan_of(doc_type)
        self.doc_type = doc_type
        self.fields = {field.name: ReadField(field, choice_of(field.kind)) for field in self.plan.fields}


class WriteField:
    """A field to be written: the frames around its values, the type key of text, and what tensors in it stand for.

    `named` says that the classes of documents are told.
    """

    __slots__ = ("_heads", "family", "frames", "name", "named", "text_key")

    def __init__(self, name: str, text_key: str = "", family: str = "tensor", named: bool = False) -> None:
        self.name = name
        self.frames: tuple[Frame, ...] = entry(name)
        self.text_key = text_key
        self.family = family
        self.named = named
        self._heads: dict[Hashable, Any] = {}

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made for this key, such as what comes before contents of so many bytes."""
        found: T | None = self._heads.get(key)
        if found is None:
            if len(self._heads) >= KEPT:
                self._heads.clear()
            found = self._heads[key] = make()
        return found


class WriteSchema:
    """A class of document to be written. `closed` says that all of its documents have the same fields."""

    def __init__(self, doc_type: type[BaseDocWithoutId]) -> None:
        hidden = {name for name, field in doc_type.model_fields.items() if field.exclude}
        self.closed = doc_type.model_config.get("extra") != "allow"
        self.hidden = frozenset(hidden)
        self.fields = {
            name: _write_field(doc_type, name, kind)
            for name, kind in field_kinds(doc_type).items()
            if name not in hidden
        }


def read_schema(doc_type: type[BaseDocWithoutId]) -> ReadSchema:
    return derive(doc_type, "protobuf read", ReadSchema)


def write_schema(doc_type: type[BaseDocWithoutId]) -> WriteSchema:
    return derive(doc_type, "protobuf written", WriteSchema)


def _write_field(doc_type: type[BaseDocWithoutId], name: str, kind: FieldKind) -> WriteField:
    info = doc_type.model_fields[name]
    identity = _IDENTITY in info.metadata or ID in get_args(info.annotation)
    family = getattr(kind.type, "family", "tensor") if kind.holds is Holds.TENSOR else "tensor"
    return WriteField(name, "id" if identity else "", family, choice_of(kind).several)


def choice_of(kind: FieldKind) -> Choice:
    """The classes of document that an annotation names, however deep."""
    if kind.holds is Holds.DOCUMENT:
        return _choice([kind.type])
    if kind.holds is Holds.DOCUMENTS:
        return _choice([kind.type.doc_type])
    return _choice(_named(kind.type)) if kind.holds is Holds.OTHER else Choice()


def _choice(found: Iterable[Any]) -> Choice:
    classes = dict.fromkeys(found)
    open_ended = classes.pop(AnyDoc, classes) is None
    return Choice(tuple(classes), AnyDoc if open_ended else dict)


def _named(annotation: Any) -> Iterator[Any]:
    stack = [annotation]
    while stack:
        item = stack.pop()
        stack.extend(get_args(item))
        if item is Any or item in (list, dict, tuple, set, frozenset, object):
            yield AnyDoc
        elif isinstance(item, ArrayClass):
            yield item.doc_type
        elif isinstance(item, type) and issubclass(item, BaseDocWithoutId):
            yield item
