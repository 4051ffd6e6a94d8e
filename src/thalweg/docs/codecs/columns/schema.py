"""What reading columns must know of a class of document, worked out once."""

from __future__ import annotations

import sys
from base64 import b64decode
from typing import Annotated, Any, TypeAlias, get_args

from pydantic import AliasChoices, TypeAdapter
from pydantic_core import PydanticCustomError, SchemaValidator

from thalweg.docs.codecs.columns.layout import DTYPES, HALVES, Library
from thalweg.docs.derived import derive
from thalweg.docs.doc_list import DocList
from thalweg.docs.document import AnyDoc, BaseDocWithoutId
from thalweg.docs.fields import FieldKind, Holds, field_kinds, is_plain
from thalweg.docs.typed import ArrayClass
from thalweg.docs.typing.coercion import BFLOAT16
from thalweg.docs.typing.conversion import from_bfloat16, to_library
from thalweg.docs.typing.identity import fresh_id, fresh_ids
from thalweg.docs.typing.shape import Shape

Target: TypeAlias = type[BaseDocWithoutId] | type[dict[str, Any]]
"""What documents become: a class of document, or plain dicts for pydantic to make something of."""

_NONE = type(None)


class FieldPlan:
    """One field.

    `accepted` are the exact Python types that need no further look, `choose` finds the class for a nested document by
    the name that its sender gave it, `key` is what pydantic looks for in its input.
    """

    def __init__(self, doc_type: type[BaseDocWithoutId], name: str, kind: FieldKind) -> None:
        self.doc_type = doc_type
        self.name = name
        self.kind = kind
        self.info = doc_type.model_fields[name]
        self.key = _key(doc_type, name)
        self.accepted = frozenset({kind.type, _NONE} if kind.optional else {kind.type})
        self._only = _only(kind)
        self._shape: Shape | None = kind.type.shape if kind.holds is Holds.TENSOR else None
        self._library: str = kind.type.library if kind.holds is Holds.TENSOR else ""
        self._family: str = kind.type.family if kind.holds is Holds.TENSOR else ""
        self._as_it_is = kind.holds is Holds.TENSOR and self._library == "numpy" and kind.type.plain
        self._classes, self._fallback = _classes(kind)
        self._validator: SchemaValidator | None = None

    def choose(self, name: str) -> Target:
        return self._classes.get(name, self._fallback) if self._only is None else self._only

    def defaults(self, count: int) -> list[Any] | None:
        """`count` values for documents that lack the field; None where only pydantic can tell."""
        info = self.info
        if info.default_factory is fresh_id:
            return fresh_ids(count)
        if info.is_required() or info.validate_default or info.default_factory_takes_validated_data:
            return None
        return [info.get_default(call_default_factory=True) for _ in range(count)]

    def received(self, cells: list[Any]) -> list[Any]:
        """`cells`, in which text for a field of bytes is base64: it came as JSON, to a party that did not know the class."""
        kind = self.kind.type
        if not isinstance(kind, type) or not issubclass(kind, bytes) or str not in set(map(type, cells)):
            return cells
        return [_from_base64(cell) if type(cell) is str else cell for cell in cells]

    def natives(self, values: list[Any]) -> list[Any] | None:
        """`values`, where the types of msgpack are enough to see that they fit."""
        values = self.received(values)
        kinds = set(map(type, values))
        if self.kind.holds is not Holds.SCALAR:
            return values if self.kind.holds is not Holds.OTHER and self.kind.optional and kinds <= {_NONE} else None
        if not self.kind.plain:
            return None
        if kinds <= self.accepted:
            return values
        if self.kind.type is float and kinds <= self.accepted | {int}:
            return [float(value) if type(value) is int else value for value in values]
        return None

    def fits(self, shape: list[int], dtype: str = "") -> bool:
        """Whether a tensor of these sizes and, where it is given, this dtype fits as it is."""
        if self._shape is not None and self._shape.exact == tuple(shape) and (not dtype or dtype in DTYPES):
            return self._family != "video"
        return self.kind.type.fits(tuple(shape)) and (not dtype or self._takes(dtype))

    def _takes(self, dtype: str) -> bool:
        return dtype in DTYPES or dtype == BFLOAT16 or (self._family == "tensor" and self._library in ("numpy", "any"))

    def tensor(self, array: Any, sent: Library) -> Any:
        """What came in, in the library of the field; `sent` tells whose it was where it was sent.

        Raises:
            ValueError: the library has no tensors of this dtype.
        """
        if self._as_it_is and array.dtype != HALVES:
            return array
        if self._library == "any":
            return self.kind.type.library_tensor(as_sent(array, sent))
        return self.kind.type.library_tensor(_known(array, sent, self._library))

    def arrays(self, lists: list[Any]) -> list[Any] | None:
        """Lists of documents as the array of the field; None where that array needs to look at them."""
        array = self.kind.type
        if not issubclass(array, DocList) or (not self.kind.optional and None in lists):
            return None
        return [None if docs is None else array.trusted(docs) for docs in lists]

    def missing(self, cells: list[Any]) -> tuple[Any] | None:
        """The column of a DocVec where no document has a value; None where one has."""
        return (None,) if self.kind.optional and set(map(type, cells)) <= {_NONE} else None

    def validated(self, cells: list[Any]) -> list[Any]:
        """The whole column, validated by pydantic at once.

        Raises:
            pydantic.ValidationError: a value does not fit.
        """
        if self._validator is None:
            item = (
                Annotated[(self.info.annotation, *self.info.metadata)] if self.info.metadata else self.info.annotation
            )
            adapter = TypeAdapter(list[item], config=self.doc_type.model_config)  # type: ignore[valid-type]
            self._validator = adapter.validator  # type: ignore[assignment]
        checked: list[Any] = self._validator.validate_python(cells)  # type: ignore[union-attr]
        return checked


class ReadPlan:
    """A class of document. `fast` says that checked columns are documents already; `open` that it keeps other fields."""

    def __init__(self, doc_type: type[BaseDocWithoutId]) -> None:
        kinds = field_kinds(doc_type)
        self.doc_type = doc_type
        self.fields = [FieldPlan(doc_type, name, kind) for name, kind in kinds.items()]
        self.fast = is_plain(doc_type) and not any(_tagged(doc_type, name) for name in kinds)
        self.open = doc_type.model_config.get("extra", "ignore") != "ignore"
        self.names = tuple(kinds)
        # Dates and the like travel as text, which a strict model would not take from Python.
        self.strict = False if doc_type.model_config.get("strict") else None


def plan_of(doc_type: type[BaseDocWithoutId]) -> ReadPlan:
    return derive(doc_type, "columns read", ReadPlan)


def _from_base64(text: str) -> Any:
    """The bytes, or what pydantic refuses as bytes."""
    try:
        return b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        return [text]


def as_sent(array: Any, sent: Library) -> Any:
    """A tensor of the library that it was of where that is loaded already and has such tensors, else NumPy's."""
    library = "torch" if sent is True else sent
    if library in ("torch", "tensorflow", "jax") and library in sys.modules:
        try:
            return to_library(_known(array, sent, library), library)
        except PydanticCustomError:  # a stranger may claim anything
            pass
    return _known(array, sent, "numpy")


def _known(array: Any, sent: Library, library: str) -> Any:
    """`array`, or what takes its place where NumPy has no type for what it holds."""
    if array.dtype != HALVES:
        return array
    return from_bfloat16(array, library, keep=sent is not True)


def _tagged(doc_type: type[BaseDocWithoutId], name: str) -> bool:
    return doc_type.model_fields[name].discriminator is not None


def _key(doc_type: type[BaseDocWithoutId], name: str) -> str:
    info, config = doc_type.model_fields[name], doc_type.model_config
    alias = info.validation_alias
    if alias is None or config.get("populate_by_name") or config.get("validate_by_name"):
        return name
    if isinstance(alias, AliasChoices):
        alias = next((choice for choice in alias.choices if isinstance(choice, str)), name)
    return alias if isinstance(alias, str) else name


def _only(kind: FieldKind) -> type[BaseDocWithoutId] | None:
    """The one class of document in a field that holds documents and nothing else."""
    if kind.holds not in (Holds.DOCUMENT, Holds.DOCUMENTS):
        return None
    found: type[BaseDocWithoutId] = kind.type if kind.holds is Holds.DOCUMENT else kind.type.doc_type
    return found


def _classes(kind: FieldKind) -> tuple[dict[str, type[BaseDocWithoutId]], Target]:
    """The classes of document in an annotation by name, and what a document of any other name becomes."""
    found: dict[str, type[BaseDocWithoutId]] = {}
    fallback: Target = dict
    stack = [kind.type] if kind.holds is Holds.OTHER else []
    while stack:
        item = stack.pop()
        stack.extend(get_args(item))
        if item is Any or item is AnyDoc or (isinstance(item, ArrayClass) and item.doc_type is AnyDoc):
            fallback = AnyDoc
        elif isinstance(item, ArrayClass):
            found[item.doc_type.__name__] = item.doc_type
        elif isinstance(item, type) and issubclass(item, BaseDocWithoutId):
            found[item.__name__] = item
    return found, fallback
