"""How the values of an annotation are written: worked out once for each class of document."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Protocol, get_args, get_origin
from uuid import UUID

import numpy as np
from pydantic_core import to_jsonable_python

from thalweg.docs.codecs.arrow import packed
from thalweg.docs.codecs.arrow.annotation import bare_annotation, document_of, entries_of, item_of, positions_of
from thalweg.docs.codecs.arrow.library import pa
from thalweg.docs.codecs.arrow.tensors import Written, from_stack, from_tensors
from thalweg.docs.column_store import Columns
from thalweg.docs.derived import derive
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.fields import field_kinds
from thalweg.docs.row import detach
from thalweg.docs.typing.array import is_tensor
from thalweg.docs.typing.tensor import TensorType

FORM, JSON = b"thalweg.form", b"json"
_INT32 = range(1 << 31)
_INT64 = range(-(1 << 63), 1 << 63)


class Form(Protocol):
    """One way to write values, None among them."""

    def write(self, values: list[Any]) -> Written:
        """The column of `values`.

        Raises:
            ValueError: a value cannot travel.
        """
        ...


class PackedValues:
    """Whatever has no type of its own in Arrow; see `packed`.

    JSON is for what is no text itself, so that it can be told apart even where a library forgets what a field says.
    """

    def __init__(self, *, as_json: bool = True) -> None:
        self._as_json = as_json

    def write(self, values: list[Any]) -> Written:
        if self._as_json and any(value is not None for value in values):
            texts = packed.texts(values)
            if texts is not None:
                return Written(_array(texts, pa.string()), {FORM: JSON})
        return Written(
            _array([None if value is None else packed.packed_value(value) for value in values], pa.binary()), {}
        )


class Scalars:
    """Values that Arrow has a type for. `kinds` names the types to try, in order; what fits none of them becomes text.

    From text the class of document makes the value again; where there is none, `self_contained` says what it was.
    """

    def __init__(self, kinds: Callable[[list[Any]], Iterable[Any]]) -> None:
        self._kinds = kinds

    def write(self, values: list[Any], *, self_contained: bool = False) -> Written:
        for kind in self._kinds(values):
            try:
                return Written(_array(values, kind), {})
            except (pa.ArrowInvalid, OverflowError):  # the values are too large for it
                continue
        if self_contained:
            return PackedValues().write(values)
        return Written(_array([None if value is None else _text(value) for value in values], pa.string()), {})


class SelfContained:
    """Scalars that no class of document describes."""

    def __init__(self, scalars: Scalars) -> None:
        self._scalars = scalars

    def write(self, values: list[Any]) -> Written:
        return self._scalars.write(values, self_contained=True)


class Identifiers:
    """UUIDs, by their 16 bytes."""

    def write(self, values: list[Any]) -> Written:
        storage = pa.array([None if value is None else value.bytes for value in values], pa.binary(16))
        if not hasattr(pa, "uuid"):
            return Written(storage, {})
        return Written(pa.ExtensionArray.from_storage(pa.uuid(), storage), {})


class Choices:
    """The members of an enumeration, or literals, by their value: text of which each is kept once, or integers."""

    def __init__(self, choices: Sequence[Any]) -> None:
        self._text = all(isinstance(choice, str) for choice in choices)

    def write(self, values: list[Any]) -> Written:
        plain = [value.value if isinstance(value, Enum) else value for value in values]
        if not self._text:
            return Written(pa.array(plain, pa.int64()), {})
        return Written(pa.array(plain, pa.string()).dictionary_encode(), {})

    @staticmethod
    def fit(choices: Sequence[Any]) -> bool:
        kinds = {str if isinstance(choice, str) else type(choice) for choice in choices}
        return kinds == {str} or (kinds == {int} and all(choice in _INT64 for choice in choices))


class Tensors:
    """Tensors of one library or of any."""

    def write(self, values: list[Any]) -> Written:
        return from_tensors(values)


class Lists:
    """Lists, sets and tuples of any length; also of documents."""

    def __init__(self, item: Form) -> None:
        self._item = item

    def write(self, values: list[Any]) -> Written:
        lists = [value.to_doc_list() if isinstance(value, DocVec) else value for value in values]
        inner = self._item.write([item for value in lists if value is not None for item in value])
        kind = pa.list_(pa.field("item", inner.array.type, metadata=inner.metadata or None))
        offsets, mask = _offsets(lists)
        if len(inner.array) not in _INT32:
            kind = pa.large_list(kind.value_field)
            return Written(pa.LargeListArray.from_arrays(pa.array(offsets), inner.array, type=kind, mask=mask), {})
        offsets = pa.array(offsets, pa.int32())
        return Written(pa.ListArray.from_arrays(offsets, inner.array, type=kind, mask=mask), {})


class Dicts:
    """Dicts, as maps."""

    def __init__(self, key: Form, value: Form) -> None:
        self._key = key
        self._value = value

    def write(self, values: list[Any]) -> Written:
        there = [value for value in values if value is not None]
        keys = self._key.write([key for value in there for key in value])
        items = self._value.write([item for value in there for item in value.values()])
        kind = pa.map_(
            pa.field("key", keys.array.type, nullable=False, metadata=keys.metadata or None),
            pa.field("value", items.array.type, metadata=items.metadata or None),
        )
        offsets, mask = _offsets(values)
        offsets = pa.array(offsets, pa.int32())
        return Written(pa.MapArray.from_arrays(offsets, keys.array, items.array, type=kind, mask=mask), {})


class Tuples:
    """Tuples of fixed length, as structs whose fields are numbered."""

    def __init__(self, items: Sequence[Form]) -> None:
        self._items = items

    def write(self, values: list[Any]) -> Written:
        written = [
            form.write([None if value is None else value[number] for value in values])
            for number, form in enumerate(self._items)
        ]
        return Written(_struct(list(map(str, range(len(written)))), written, _mask(values)), {})


class Structs:
    """Documents of one class: its fields, and nothing that a subclass adds."""

    def __init__(self, doc_type: type[BaseDocWithoutId], within: tuple[type, ...] = ()) -> None:
        hidden = {name for name, field in doc_type.model_fields.items() if field.exclude}
        annotations = {name: _annotation(doc_type, name) for name in field_kinds(doc_type) if name not in hidden}
        self._doc_type = doc_type
        self.forms = {name: form_of(found, (*within, doc_type)) for name, found in annotations.items()}

    def write(self, values: list[Any]) -> Written:
        spaces = [None if doc is None else detach(doc).__dict__ for doc in values]
        written = self.fields(spaces)
        return Written(_struct(list(written), list(written.values()), _mask(values)), {})

    def fields(self, spaces: Sequence[dict[str, Any] | None]) -> dict[str, Written]:
        """The columns of documents given by their namespaces."""
        return {name: self._field(name, form, spaces) for name, form in self.forms.items()}

    def _field(self, name: str, form: Form, spaces: Sequence[dict[str, Any] | None]) -> Written:
        try:
            return column_of(name, form, [None if space is None else space[name] for space in spaces])
        except KeyError:
            raise ValueError(
                f"a document of {self._doc_type.__name__} has no {name}: it was made without validation"
            ) from None

    def columns(self, store: Columns) -> dict[str, Written]:
        """The columns of a DocVec."""
        return {name: self._stored(name, form, store.data[name], store.length) for name, form in self.forms.items()}

    def _stored(self, name: str, form: Form, held: Any, length: int) -> Written:
        if isinstance(held, Columns) and isinstance(form, Structs):
            nested = form.columns(held)
            return Written(_struct(list(nested), list(nested.values()), None), {})
        if is_tensor(held):
            return from_stack(held)
        cells = [None] * length if held is None else held.documents() if isinstance(held, Columns) else held
        return column_of(name, form, cells)


def column_of(name: str, form: Form, values: list[Any]) -> Written:
    """`values` in this form; where that fails, the error names the field."""
    try:
        return form.write(values)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{name} holds a value that cannot travel: {error}") from error


def structs_of(doc_type: type[BaseDocWithoutId]) -> Structs:
    """How documents of a class are written."""
    return derive(doc_type, "arrow", Structs)


def form_of(annotation: Any, within: tuple[type, ...] = ()) -> Form:
    """How values of an annotation are written; `within` are the classes of document around it, which end a recursion."""
    annotation = bare_annotation(annotation)
    if isinstance(annotation, TensorType):
        return Tensors()
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        members = [member.value for member in annotation]
        return Choices(members) if Choices.fit(members) else PackedValues()
    if get_origin(annotation) is Literal:
        return Choices(get_args(annotation)) if Choices.fit(get_args(annotation)) else PackedValues()
    nested = document_of(annotation)
    if nested is not None:
        return PackedValues() if nested in within or _open_or_empty(nested) else Structs(nested, within)
    return _scalars_of(annotation) or _container_of(annotation, within) or PackedValues(as_json=annotation is not Any)


def _scalars_of(annotation: Any) -> Form | None:
    if not isinstance(annotation, type):
        return None
    return next((form for kind, form in _SCALARS if issubclass(annotation, kind)), None)


def _container_of(annotation: Any, within: tuple[type, ...]) -> Form | None:
    item = item_of(annotation)
    if item is not None:
        form = form_of(item, within)
        return None if isinstance(form, PackedValues) else Lists(form)
    if entries := entries_of(annotation):
        key, value = (form_of(entry, within) for entry in entries)
        return None if isinstance(key, PackedValues) or isinstance(value, PackedValues) else Dicts(key, value)
    if positions := positions_of(annotation):
        return Tuples([form_of(position, within) for position in positions])
    return None


def inferred(values: list[Any]) -> Form:
    """How values without an annotation are written, by what they are."""
    kinds = {type(value) for value in values if value is not None}
    if kinds and all(map(is_tensor, (value for value in values if value is not None))):
        return Tensors()
    if len(kinds) != 1:
        return PackedValues()
    kind = kinds.pop()
    form = next((form for known, form in _SCALARS if kind is known), None)
    return SelfContained(form) if isinstance(form, Scalars) else form or PackedValues()


def _annotation(doc_type: type[BaseDocWithoutId], name: str) -> Any:
    """The annotation of a field, with what pydantic has taken out of `Annotated`."""
    info = doc_type.model_fields[name]
    tensors = [item for item in info.metadata if isinstance(item, TensorType)]
    return tensors[0] if tensors else info.annotation


def _open_or_empty(doc_type: type[BaseDocWithoutId]) -> bool:
    """Whether the declared fields do not tell what a document holds."""
    return doc_type.model_config.get("extra") == "allow" or not doc_type.model_fields


def _array(values: list[Any], kind: Any) -> Any:
    made = pa.array(values, kind)
    if isinstance(made, pa.ChunkedArray):  # more text than 32-bit offsets can tell apart
        return pa.array(values, pa.large_string() if pa.types.is_string(kind) else pa.large_binary())
    return made


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, (int, Decimal)) else to_jsonable_python(value)


def _mask(values: list[Any]) -> Any:
    missing = [value is None for value in values]
    return pa.array(missing) if any(missing) else None


def _struct(names: list[str], parts: list[Written], mask: Any) -> Any:
    fields = [
        pa.field(name, part.array.type, metadata=part.metadata or None) for name, part in zip(names, parts, strict=True)
    ]
    return pa.StructArray.from_arrays([part.array for part in parts], fields=fields, mask=mask)


def _offsets(values: list[Any]) -> tuple[np.ndarray[Any, Any], Any]:
    lengths = np.fromiter((0 if value is None else len(value) for value in values), np.int64, len(values))
    return np.concatenate([[0], np.cumsum(lengths)]), _mask(values)


# --- which types of Arrow a scalar may have


def _times(values: list[Any]) -> Iterable[Any]:
    return [pa.time64("us")] if all(value is None or value.tzinfo is None for value in values) else []


def _datetimes(values: list[Any]) -> Iterable[Any]:
    """One type for one time zone; several become UTC. Local times among them are kept apart from those, as text."""
    zones = {value.tzinfo for value in values if value is not None}
    if not zones:
        return [pa.null()]
    if None in zones:
        return [pa.timestamp("us")] if len(zones) == 1 else []
    name = getattr(next(iter(zones)), "key", None) if len(zones) == 1 else None
    return [pa.timestamp("us", tz=name or "UTC")]


def _decimals(values: list[Any]) -> Iterable[Any]:
    there = [value for value in values if value is not None]
    if not there:
        return [pa.null()]
    if not all(value.is_finite() for value in there):
        return []
    parts = [value.as_tuple() for value in there]
    scale = max(0, *(-int(part.exponent) for part in parts))
    digits = max(len(part.digits) + int(part.exponent) for part in parts) + scale
    return [pa.decimal128(max(digits, scale, 1), scale)] if max(digits, scale) <= 38 else []


_SCALARS: tuple[tuple[type, Form], ...] = (
    (str, Scalars(lambda values: [pa.string()])),
    (bool, Scalars(lambda values: [pa.bool_()])),
    (int, Scalars(lambda values: [pa.int64(), pa.uint64()])),
    (float, Scalars(lambda values: [pa.float64()])),
    (bytes, Scalars(lambda values: [pa.binary()])),
    (datetime.datetime, Scalars(_datetimes)),
    (datetime.date, Scalars(lambda values: [pa.date32()])),
    (datetime.time, Scalars(_times)),
    (datetime.timedelta, Scalars(lambda values: [pa.duration("us")])),
    (Decimal, Scalars(_decimals)),
    (UUID, Identifiers()),
)
"""The types of Python that Arrow has too, and how each is written; the first that fits counts."""
