"""Fields of classes that are made of a schema: their names, defaults and descriptions."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard, Union, get_args, get_origin

from pydantic import Field

from thalweg.docs.document import BaseDoc, BaseDocWithoutId
from thalweg.docs.schema.definitions import Part
from thalweg.docs.typed import ArrayClass
from thalweg.docs.typing.tensor import JSON_SHAPE, JSON_TYPE


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VOCABULARY = {JSON_SHAPE, JSON_TYPE} | _words(
    "$ref $defs definitions $schema $id $comment additionalProperties allOf anyOf const contentEncoding contentMediaType"
    " default deprecated description discriminator enum example examples exclusiveMaximum exclusiveMinimum format items"
    " maxItems maxLength maximum maxProperties minItems minLength minimum minProperties multipleOf not oneOf pattern"
    " patternProperties prefixItems properties propertyNames readOnly required title type uniqueItems writeOnly"
)
"""Keys that say something about the data, or about the schema itself."""


def is_document(made: Any) -> TypeGuard[type[BaseDocWithoutId]]:
    """Whether a type is a class of document."""
    return isinstance(made, type) and get_origin(made) is None and issubclass(made, BaseDocWithoutId)


def is_id(part: Any) -> bool:
    """Whether a schema is that of an `id`: text, and perhaps integers and null."""
    kinds = set(_kinds(part, 2))
    return "string" in kinds and kinds <= {"string", "integer", "null"}


def _kinds(part: Any, depth: int) -> Iterator[str]:
    if not isinstance(part, Mapping) or part.keys() & {"format", "enum", "const"}:
        yield "other"
    elif depth and isinstance(part.get("anyOf"), (list, tuple)):
        for member in part["anyOf"]:
            yield from _kinds(member, depth - 1)
    else:
        yield str(part.get("type"))


def attribute_of(key: str, taken: Part) -> str:
    """The name of the attribute for a property: another one where pydantic would not have it."""
    if key and not key.startswith("_") and not (key.startswith("model_") and hasattr(BaseDoc, key)):
        return key
    name = f"{key.strip('_') or 'field'}_"
    while name in taken or hasattr(BaseDoc, name):
        name += "_"
    return name


def described_field(kind: Any, part: Any, required: bool, alias: dict[str, Any]) -> tuple[Any, Any]:
    """Annotation and `Field` of a property.

    Keys of the schema that are not JSON schema's, such as an index's, are kept in `json_schema_extra`.
    """
    if not isinstance(part, Mapping):
        part = {}
    extra = {key: value for key, value in part.items() if key not in _VOCABULARY}
    told: dict[str, Any] = {key: part[key] for key in ("title", "description") if isinstance(part.get(key), str)}
    told |= alias | ({"json_schema_extra": extra} if extra else {})
    if required:
        return kind, Field(**told)
    default = part.get("default")
    container = _container(kind)
    if container is not None and not default and (default is not None or "default" not in part):
        # Not told, as a factory makes it. None is let in, because pydantic 1 does not tell what is optional.
        return (kind if "default" in part else _or_none(kind)), Field(default_factory=container, **told)
    if default is None:
        return _or_none(kind), Field(default=None, **told)
    if kind is bytes and isinstance(default, str):
        default = _bytes(default, part.get("format"))
    return kind, Field(default=default, validate_default=type(default) is not kind, **told)


def _or_none(kind: Any) -> Any:
    return kind if kind is Any else Union[kind, None]  # noqa: UP007  # some kinds know no `|`


def _container(kind: Any) -> Any:
    """What makes an empty one, where `kind` is a container."""
    if isinstance(kind, ArrayClass):
        return kind
    origin = get_origin(kind)
    return origin if origin in (list, dict, set) or (isinstance(origin, ArrayClass) and get_args(kind)) else None


def _bytes(text: str, form: Any) -> bytes:
    """Bytes that a schema tells as a default: DocArray writes them as text, we as base64."""
    if form != "binary":
        try:
            return urlsafe_b64decode(text)
        except ValueError:
            pass  # text after all
    return text.encode()
