"""What a field of a document holds, read from its annotation."""

from __future__ import annotations

import types
from enum import Enum
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

from thalweg.docs.derived import derive
from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.typed import ArrayClass, resolve
from thalweg.docs.typing.identity import ID
from thalweg.docs.typing.tensor import TensorType, tensor_type

F = TypeVar("F")

_SCALARS = (str, int, float, bool, bytes)

_HARMLESS = frozenset(
    [
        "alias_generator",
        "arbitrary_types_allowed",
        "frozen",
        "from_attributes",
        "json_schema_extra",
        "model_title_generator",
        "populate_by_name",
        "protected_namespaces",
        "ser_json_bytes",
        "ser_json_inf_nan",
        "ser_json_timedelta",
        "serialize_by_alias",
        "title",
        "use_attribute_docstrings",
        "validate_assignment",
        "validate_by_alias",
        "validate_by_name",
        "val_json_bytes",
        "extra",
    ]
)
"""Options of a model that do not change what its fields accept from Python."""


class Holds(Enum):
    TENSOR = "tensor"
    DOCUMENT = "document"
    DOCUMENTS = "documents"
    SCALAR = "scalar"
    OTHER = "other"


class FieldKind(NamedTuple):
    """`type` is the TensorType, the class of document, of array or of scalar; for OTHER the whole annotation.

    `plain` says that the type tells all there is to check: the field has no constraint and no validator of its own.
    """

    holds: Holds
    type: Any
    optional: bool
    plain: bool


def field_kinds(doc_type: type[BaseDocWithoutId]) -> dict[str, FieldKind]:
    """Field name -> what it holds."""
    return derive(doc_type, "field kinds", _read)


def is_plain(doc_type: type[BaseDocWithoutId]) -> bool:
    """Whether a document may be made of checked fields without running pydantic: its class adds nothing to its fields."""
    return derive(doc_type, "plain", _adds_nothing)


def ready(doc_type: type[BaseDocWithoutId]) -> None:
    """Resolve the forward references that could not be resolved when the class was made.

    Raises:
        pydantic.errors.PydanticUndefinedAnnotation: a name is still not defined.
    """
    if not doc_type.__pydantic_complete__:
        doc_type.model_rebuild()


def _read(doc_type: type[BaseDocWithoutId]) -> dict[str, FieldKind]:
    ready(doc_type)
    return {name: _kind(field.annotation, field.metadata) for name, field in doc_type.model_fields.items()}


def _kind(annotation: Any, metadata: list[Any]) -> FieldKind:
    if len(metadata) == 1 and isinstance(metadata[0], TensorType):  # Annotated[np.ndarray, NdArray[3]]
        return FieldKind(Holds.TENSOR, metadata[0], False, True)
    plain = not metadata
    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    optional = type(None) in members
    members = tuple(_tensor_of(member) for member in members if member is not type(None))
    if members and all(isinstance(member, TensorType) for member in members):
        if len(members) == 1:
            return FieldKind(Holds.TENSOR, members[0], optional, plain)
        return FieldKind(Holds.TENSOR, tensor_type("any"), optional, False)  # which one it is, only the value tells
    if len(members) != 1:
        return FieldKind(Holds.OTHER, annotation, optional, False)
    kind, held = _single(members[0])
    return FieldKind(kind, held, optional, plain and kind is not Holds.OTHER)


def _tensor_of(member: Any) -> Any:
    """The TensorType that annotates `member`, if there is one."""
    metadata = get_args(member)[1:] if get_origin(member) is Annotated else ()
    return metadata[0] if len(metadata) == 1 and isinstance(metadata[0], TensorType) else member


def _single(member: Any) -> tuple[Holds, Any]:
    if member == ID:
        return Holds.SCALAR, str
    if member in _SCALARS:
        return Holds.SCALAR, member
    if isinstance(member, ArrayClass) or isinstance(get_origin(member), ArrayClass):
        array = member if isinstance(member, ArrayClass) else resolve(member, get_origin(member))
        return Holds.DOCUMENTS, array
    if isinstance(member, type) and issubclass(member, BaseDocWithoutId):
        return Holds.DOCUMENT, member
    return Holds.OTHER, member


def _adds_nothing(doc_type: type[BaseDocWithoutId]) -> bool:
    ready(doc_type)
    decorators = doc_type.__pydantic_decorators__
    config = doc_type.model_config
    return not (
        decorators.validators
        or decorators.field_validators
        or decorators.root_validators
        or any(not _only_bare(found.func) for found in decorators.model_validators.values())
        or doc_type.__pydantic_custom_init__
        or doc_type.__pydantic_post_init__
        or doc_type.__private_attributes__
        or doc_type.__new__ is not object.__new__
        or _overrides_schema(doc_type)
        or config.keys() - _HARMLESS
        or config.get("extra", "ignore") != "ignore"
    )


def for_bare_values(validator: F) -> F:
    """Mark a model validator that leaves dicts and documents as they are: fields need not be validated because of it."""
    setattr(validator, _BARE, True)
    return validator


_BARE = "__for_bare_values__"


def _only_bare(validator: Any) -> bool:
    return getattr(validator, _BARE, False) is True


def _overrides_schema(doc_type: type[BaseDocWithoutId]) -> bool:
    own = doc_type.__get_pydantic_core_schema__
    return getattr(own, "__func__", None) is not BaseModel.__get_pydantic_core_schema__.__func__  # type: ignore[attr-defined]
