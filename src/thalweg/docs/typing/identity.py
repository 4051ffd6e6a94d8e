"""The `id` of a document."""

from __future__ import annotations

from numbers import Integral
from os import register_at_fork, urandom
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias
from uuid import UUID

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_ahead: list[str] = []
"""Ids made ahead, because asking the system once for many costs a tenth. A forked child makes its own."""
_AHEAD = 256
register_at_fork(after_in_child=_ahead.clear)


def fresh_id() -> str:
    """32 random lower-case hexadecimal digits. Random numbers are the system's; forked processes never share an id."""
    try:
        return _ahead.pop()
    except IndexError:
        made = fresh_ids(_AHEAD)
        one = made.pop()
        _ahead.extend(made)
        return one


def fresh_ids(count: int) -> list[str]:
    """`count` fresh ids, made in one go."""
    return urandom(16 * count).hex(" ", 16).split()  # in C, twice as fast as slices


def _as_text(value: Any) -> str:
    if isinstance(value, (Integral, UUID)) and not isinstance(value, bool):
        return str(value)
    raise ValueError


def _first_of(*choices: CoreSchema) -> CoreSchema:
    return core_schema.union_schema(
        list(choices),
        mode="left_to_right",
        custom_error_type="id_type",
        custom_error_message="An id is a string, an integer or a UUID",
    )


class _Identity:
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(strict=True)
        number = core_schema.no_info_after_validator_function(str, core_schema.int_schema(strict=True))
        return core_schema.json_or_python_schema(
            json_schema=_first_of(text, number),
            python_schema=_first_of(text, core_schema.no_info_plain_validator_function(_as_text)),
            serialization=core_schema.to_string_ser_schema(when_used="unless-none"),
        )

    def __hash__(self) -> int:
        return hash(_Identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity)


if TYPE_CHECKING:
    ID: TypeAlias = str
else:
    ID = Annotated[str, _Identity()]
    """A string; integers and UUIDs are turned into one."""
