"""Documents put together without validation: what is given as it is, and the defaults of all other fields."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic.fields import FieldInfo

from thalweg.docs import slots
from thalweg.docs.document import Assemble, BaseDocWithoutId
from thalweg.docs.fields import ready

_IMMUTABLE = (str, int, float, bool, bytes, type(None))


def assembly(doc_type: type[BaseDocWithoutId]) -> Assemble:
    """How documents of this class are made of values that are neither checked nor converted.

    Unknown names are left out. A field that is not given gets its default, and is absent where it has none.
    """
    ready(doc_type)
    if _needs_pydantic(doc_type):
        return lambda values, given: doc_type.model_construct(given, **values)
    return _generated(doc_type)


def _generated(doc_type: type[BaseDocWithoutId]) -> Assemble:
    """A function that looks at one field after the other: a loop over them takes twice as long."""
    infos = doc_type.model_fields
    scope: dict[str, Any] = {
        "TEMPLATE": {name: info.default if type(info.default) in _IMMUTABLE else None for name, info in infos.items()},
        "doc_type": doc_type,
        "new": object.__new__,
        **vars(slots),
    }
    missing = []
    for number, (name, info) in enumerate(infos.items()):
        make = _maker(info)
        if make is not None:
            scope[f"make{number}"] = make
            missing += [f"        if {name!r} not in values:", f"            namespace[{name!r}] = make{number}()"]
        elif info.is_required():
            missing += [f"        if {name!r} not in values:", f"            del namespace[{name!r}]"]
    lines = [
        "def assemble(values, given):",
        "    namespace = {**TEMPLATE, **values}",
        f"    if len(namespace) != {len(infos)}:",
        "        values = {name: value for name, value in values.items() if name in TEMPLATE}",
        "        namespace = {**TEMPLATE, **values}",
        f"    if len(values) != {len(infos)}:",
        *(missing or ["        pass"]),
        "    doc = new(doc_type)",
        "    put_namespace(doc, namespace)",
        "    put_given(doc, set(values) if given is None else given)",
        "    put_extra(doc, None)",
        "    put_private(doc, None)",
        "    return doc",
    ]
    exec("\n".join(lines), scope)
    made: Assemble = scope["assemble"]
    return made


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
