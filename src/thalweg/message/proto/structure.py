"""`google.protobuf.Struct`, in which parameters travel, to and from plain dicts.

All its numbers are floats. Whole ones come back as integers; one that a float cannot hold is refused and not rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thalweg.errors import UnsupportedContent

LARGEST_INTEGER = 1 << 53
"""Up to here every integer is a float as well."""


def plain(value: Any) -> Any:
    """A `Struct`, `ListValue` or `Value` as JSON knows it."""
    kind = value.DESCRIPTOR.name
    if kind == "Struct":
        return {key: plain(one) for key, one in value.fields.items()}
    if kind == "ListValue":
        return [plain(one) for one in value.values]
    held = value.WhichOneof("kind")
    if held in ("struct_value", "list_value"):
        return plain(getattr(value, held))
    if held == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) <= LARGEST_INTEGER else number
    return None if held in (None, "null_value") else getattr(value, held)


def fill(struct: Any, values: Mapping[str, Any]) -> None:
    """Put `values` into a `Struct`.

    Raises:
        UnsupportedContent: one of them is nothing that JSON knows, or an integer that a float cannot hold.
    """
    if values:
        struct.update({_name(key, ""): _portable(one, str(key)) for key, one in values.items()})


def _portable(value: Any, where: str) -> Any:
    if value is None or isinstance(value, (bool, str, float)):
        return value
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise UnsupportedContent(
                f"{where} is {value}: this protocol carries numbers as floats, which cannot hold it. Send it as text."
            )
        return value
    if isinstance(value, Mapping):
        return {_name(key, where): _portable(one, f"{where}.{key}") for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_portable(one, f"{where}[{index}]") for index, one in enumerate(value)]
    raise UnsupportedContent(f"{where} is of type {type(value).__name__}, which this protocol does not carry.")


def _name(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise UnsupportedContent(f"{where or 'The parameters'} have the key {key!r}; keys are text.")
    return key
