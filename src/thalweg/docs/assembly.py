"""Documents put together without validation: what is given as it is, and the defaults of all other fields."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic.fields import FieldInfo

from thalweg.docs import slots
from thalweg.docs.document import Assemble, BaseDocWithoutId
from thalweg.docs.fields import ready

_SLOTS = slots.put_namespace, slots.put_given, slots.put_extra, slots.put_private
_IMMUTABLE = (str, int, float, bool, bytes, type(None))


def assembly(doc_type: type[BaseDocWithoutId]) -> Assemble:
    """How documents of this class are made of values that are neither checked nor converted.

    Unknown names are left out. A field that is not given gets its default, and is absent where it has none.
    """
    ready(doc_type)
    infos = doc_type.model_fields
    if _needs_pydantic(doc_type):
        return lambda values, given: doc_type.model_construct(given, **values)
    template = {name: info.default if type(info.default) in _IMMUTABLE else None for name, info in infos.items()}
    made = tuple((name, make) for name, info in infos.items() if (make := _maker(info)) is not None)
    required = frozenset(name for name, info in infos.items() if info.is_required())
    count, new = len(template), object.__new__
    put_namespace, put_given, put_extra, put_private = _SLOTS

    def assemble(values: dict[str, Any], given: set[str] | None) -> Any:
        namespace = {**template, **values}
        if len(namespace) != count:
            values = {name: value for name, value in values.items() if name in template}
            namespace = {**template, **values}
        if len(values) != count:
            for name, make in made:
                if name not in values:
                    namespace[name] = make()
            if not required <= values.keys():
                for name in required - values.keys():
                    del namespace[name]
        doc = new(doc_type)
        put_namespace(doc, namespace)
        put_given(doc, set(values) if given is None else given)
        put_extra(doc, None)
        put_private(doc, None)
        return doc

    return assemble


def _needs_pydantic(doc_type: type[BaseDocWithoutId]) -> bool:
    """Whether there are aliases, fields beyond the schema, hooks, or defaults that are made of other fields."""
    return bool(
        doc_type.model_config.get("extra") == "allow"
        or doc_type.__pydantic_post_init__
        or doc_type.__new__ is not object.__new__
        or any(
            info.alias or info.validation_alias or info.default_factory_takes_validated_data
            for info in doc_type.model_fields.values()
        )
    )


def _maker(info: FieldInfo) -> Callable[[], Any] | None:
    """What makes the default anew for each document, where it has to be."""
    if info.default_factory is not None:
        return info.default_factory  # type: ignore[return-value]  # it takes nothing, as was just asked
    default = info.default
    if info.is_required() or type(default) in _IMMUTABLE:
        return None
    if isinstance(default, (list, dict, set)) and not default:
        return default.copy  # a deep copy of what is empty takes ten times as long
    return partial(info.get_default, call_default_factory=False)
