"""Subscription of `DocList` and `DocVec`: one class for each document class."""

from __future__ import annotations

import copyreg
import types
from typing import Any, ForwardRef, TypeVar

from thalweg.docs.derived import derived, keep
from thalweg.docs.document import BaseDocWithoutId


class ArrayClass(type):
    """The class of `DocList`, `DocVec` and of what subscribing them makes.

    `array_type` is the class that was subscribed, `doc_type` the class of document it was subscribed with.
    """

    array_type: type
    doc_type: type[BaseDocWithoutId]

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "doc_type":
            # cloudpickle carries the class by value and sets it up like this: later subscriptions must find it.
            keep(value, cls.array_type, cls)


def typed(array: Any, item: Any) -> Any:
    """What `array[item]` is: a class where `item` is a class of document, else an annotation to be resolved later.

    Raises:
        TypeError: `array` is typed already, or `item` is no class of document.
    """
    if isinstance(item, type) and (found := derived(item, array)) is not None:
        return found
    if isinstance(item, tuple) and len(item) == 1:
        item = item[0]
    if "array_type" in vars(array):
        raise TypeError(f"{array.__name__} is typed already")
    if item is Any:
        return array
    if isinstance(item, (str, ForwardRef, TypeVar)):
        return types.GenericAlias(array, (item,))
    if not isinstance(item, type) or not issubclass(item, BaseDocWithoutId):
        raise TypeError(f"{array.__name__}[...] takes a class of document, a subclass of BaseDoc, not {item!r}")
    return _make(array, item)


def _make(array: Any, item: type[BaseDocWithoutId]) -> Any:
    name = f"{array.__name__}[{item.__name__}]"
    namespace = {
        "__slots__": (),
        "__module__": item.__module__,
        "__qualname__": name,
        "array_type": array,
        "doc_type": item,
        "__args__": (item,),  # what `typing` looks for when it resolves an annotation once more
    }
    for field in _CONVENIENCES & item.model_fields.keys():
        namespace[field] = _column(field)
    # Two threads may come here together; both leave with the class that was kept.
    return keep(item, array, ArrayClass(name, (array,), namespace))


_CONVENIENCES = frozenset({"batch", "push", "shuffle", "summary"})
"""Methods that give way to a field of their name. A method of Python's lists does not."""


def _column(field: str) -> property:
    def column(docs: Any) -> Any:
        return docs.__getattr__(field)

    return property(column, doc=f"The {field} of all documents.")


def resolve(source: Any, array: Any) -> Any:
    """The array class that the annotation `source` means, once its forward references are resolved.

    A type variable stands for its bound, or for any document.
    """
    if isinstance(source, ArrayClass):
        return source
    item = getattr(source, "__args__", (Any,))[0]
    if isinstance(item, TypeVar):
        item = item.__bound__ if isinstance(item.__bound__, type) else Any
    return typed(array, item)


def _subscript(array: Any, item: type[BaseDocWithoutId]) -> Any:
    return array[item]


def _reduce(cls: ArrayClass) -> str | tuple[Any, ...]:
    own = vars(cls)
    return (_subscript, (own["array_type"], own["doc_type"])) if "array_type" in own else cls.__qualname__


copyreg.pickle(ArrayClass, _reduce)
