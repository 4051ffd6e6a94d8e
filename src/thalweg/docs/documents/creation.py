"""Classes of document made at run time: of fields, of a `TypedDict`, or of an example."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import ConfigDict, create_model
from pydantic.fields import FieldInfo, ModelPrivateAttr

from thalweg.docs.document import BaseDoc, BaseDocWithoutId
from thalweg.docs.typing.array import library_of
from thalweg.docs.typing.tensor import TensorType, tensor_type

T_doc = TypeVar("T_doc", bound=BaseDocWithoutId)

_QUALIFIERS = frozenset({"NotRequired", "ReadOnly", "Required"})


def create_doc(
    model_name: str,
    /,
    *,
    __config__: ConfigDict | None = None,
    __base__: type[T_doc] = BaseDoc,  # type: ignore[assignment]  # the type of a variable's default
    __module__: str | None = None,
    __validators__: dict[str, Callable[..., Any]] | None = None,
    __cls_kwargs__: dict[str, Any] | None = None,
    **fields: Any,
) -> type[T_doc]:
    """A class of document of `fields`, each `(type, default)`, `(type, ...)`, a type, or a default alone.

    Args:
        __config__: options of the model, beside those of the base.
        __base__: the class it is a subclass of.
        __module__: where the class says it is from; the caller's module where None.
        __validators__: name -> what pydantic's decorators make.
        __cls_kwargs__: arguments of the class statement.

    Raises:
        ValueError: the base is no class of document.
    """
    if not isinstance(__base__, type) or not issubclass(__base__, BaseDocWithoutId):
        raise ValueError(f"a document is made of a subclass of BaseDoc, not of {__base__!r}")
    module = __module__ or str(sys._getframe(1).f_globals.get("__name__", __name__))
    base = __base__
    if __config__ is not None:  # pydantic takes options or a base, not both
        base = _configured(base, __config__, module)
    return create_model(
        model_name,
        __base__=base,
        __module__=module,
        __validators__=__validators__,
        __cls_kwargs__=__cls_kwargs__,
        **{name: _definition(value) for name, value in fields.items()},
    )


def create_doc_from_typeddict(typeddict_cls: type, **options: Any) -> type[BaseDocWithoutId]:
    """A class of document with the keys of a `TypedDict`; those that are not required are None where not given.

    Args:
        options: those of `create_doc`, such as `__base__`.

    Raises:
        ValueError: it is no `TypedDict`, or the base is no class of document.
    """
    required = getattr(typeddict_cls, "__required_keys__", None)
    if required is None:
        raise ValueError(f"{typeddict_cls!r} is no TypedDict")
    fields: dict[str, Any] = {}
    for name, hint in get_type_hints(typeddict_cls, include_extras=True).items():
        kind, needed = _unqualified(hint, name in required)
        fields[name] = (kind, ...) if needed else (Union[kind, None], None)  # noqa: UP007  # some kinds know no `|`
    options.setdefault("__module__", typeddict_cls.__module__)
    return create_doc(typeddict_cls.__name__, **fields, **options)


def create_doc_from_dict(model_name: str, data_dict: Mapping[str, Any]) -> type[BaseDoc]:
    """A class of document with the keys of an example, all required, each of the type of its value.

    An array or tensor makes a tensor field of its library and of any shape. What is empty, zero or None tells no type:
    such a field takes anything.

    Raises:
        ValueError: the example is empty.
    """
    if not data_dict:
        raise ValueError("an example of a document has at least one field")
    fields: dict[str, Any] = {name: (_type_of(value), ...) for name, value in data_dict.items()}
    return create_doc(model_name, __module__=str(sys._getframe(1).f_globals.get("__name__", __name__)), **fields)


def _configured(base: Any, options: ConfigDict, module: str) -> Any:
    return type(base)(base.__name__, (base,), {"model_config": options, "__module__": module})


def _definition(value: Any) -> Any:
    """What pydantic takes for a field."""
    if isinstance(value, tuple):
        return value
    if isinstance(value, (FieldInfo, ModelPrivateAttr)):
        return Any, value
    is_type = isinstance(value, (type, TensorType)) or get_origin(value) is not None or value is Any
    return (value, ...) if is_type else (type(value), value)


def _type_of(value: Any) -> Any:
    library = library_of(value)
    if library is not None:
        return tensor_type(library)
    if isinstance(value, np.generic):
        value = value.item()
    return type(value) if value else Any


def _unqualified(hint: Any, required: bool) -> tuple[Any, bool]:
    """The type in `Required[...]` and its like, and whether the key is required."""
    while (name := getattr(get_origin(hint), "_name", None)) in _QUALIFIERS:
        required = {"Required": True, "NotRequired": False}.get(str(name), required)
        hint = get_args(hint)[0]
    return hint, required
