"""Which requests may share a batch: those of which a method sees the same, but for their documents."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

NOTHING: Hashable = ()


def frozen(value: Any) -> Hashable:
    """Equal for two values only where user code could not tell them apart: 1, 1.0 and True differ. What is neither made of
    mappings and lists nor hashable equals nothing but itself."""
    if isinstance(value, Mapping):
        return (dict, frozenset((type(name), name, frozen(held)) for name, held in value.items()))
    if isinstance(value, (list, tuple)):
        return (type(value), *map(frozen, value))
    if isinstance(value, float):
        return (float, value.hex())  # 0.0 and -0.0 differ
    try:
        hash(value)
    except TypeError:
        return _Unlike(value)
    return (type(value), value)


class _Unlike:
    """Equal to nothing else. Keeps the value, so that its identity is not given to another one."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value
