"""Making a document of values that fit as they are: what pydantic would make of them, in less than its time.

For each class a function is generated that looks at one field after the other, as `dataclasses` does it: a loop over the
fields would take longer than pydantic.
"""

from __future__ import annotations

from collections.abc import Callable
from keyword import iskeyword
from typing import Any

import numpy as np
from pydantic.fields import FieldInfo

from thalweg.docs import slots
from thalweg.docs.document import BaseDocWithoutId, Fill
from thalweg.docs.fields import FieldKind, Holds, field_kinds, is_plain
from thalweg.docs.typing.bytes import MediaBytes
from thalweg.docs.typing.coercion import NUMBERS
from thalweg.docs.typing.tensor import TensorType
from thalweg.docs.typing.url import AnyUrl

_IMMUTABLE = (str, int, float, bool, bytes, type(None))


def filler(doc_type: type[BaseDocWithoutId]) -> Fill:
    """How documents of this class are filled; see `Fill`."""
    kinds = field_kinds(doc_type)
    infos = doc_type.model_fields
    simple = all(_told_by_type(kind, infos[name]) for name, kind in kinds.items())
    if not simple or not is_plain(doc_type) or not all(_takes_its_name(name, info) for name, info in infos.items()):
        return _leave_it
    return _Generated(doc_type, kinds).function()


def _told_by_type(kind: FieldKind, info: FieldInfo) -> bool:
    """Whether the type of a value is enough to see that it fits."""
    if kind.holds is not Holds.OTHER:
        return kind.plain
    return isinstance(kind.type, type) and issubclass(kind.type, (AnyUrl, MediaBytes)) and not info.metadata


def _leave_it(doc: Any, data: dict[str, Any]) -> bool:
    return False


def _takes_its_name(name: str, info: FieldInfo) -> bool:
    return info.validation_alias is None and info.alias is None and name.isidentifier() and not iskeyword(name)


class _Generated:
    """The source of one such function. Nothing of it comes from values: names of fields are identifiers."""

    def __init__(self, doc_type: type[BaseDocWithoutId], kinds: dict[str, FieldKind]) -> None:
        self.kinds = kinds
        self.infos = doc_type.model_fields
        # The set that each model has of its own is half of what a small document takes. Where all fields are given,
        # nothing can be added to it any more, and one set serves all documents.
        # The module, not its functions: a class that is carried by value takes this along, and they cannot be pickled.
        self.scope: dict[str, Any] = {
            "EVERY": set(kinds),
            "OWNER": doc_type,
            "NUMBERS": NUMBERS,
            "USUAL": np.dtype(np.float32),
            "slots": slots,
        }

    def function(self) -> Fill:
        lines = [
            "def fill(doc, data):",
            "    if type(doc) is not OWNER:",  # a subclass that does not know better than to inherit this
            "        return False",
            "    given = 0",
        ]
        for number, (name, kind) in enumerate(self.kinds.items()):
            lines += self._field(number, name, kind)
        namespace = ", ".join(f"{name!r}: value{number}" for number, name in enumerate(self.kinds))
        lines += [
            "    if given != len(data):",  # more is given than there are fields
            "        return False",
            f"    slots.put_namespace(doc, {{{namespace}}})",
            # An id counts as given.
            f"    all_given = given == {len(self.kinds)} or (given == {self._but_id()} and 'id' not in data)",
            "    slots.put_given(doc, EVERY if all_given else set(data))",
            "    slots.put_extra(doc, None)",
            "    slots.put_private(doc, None)",
            "    return True",
        ]
        exec("\n".join(lines), self.scope)
        made: Fill = self.scope["fill"]
        return made

    def _but_id(self) -> int:
        return len(self.kinds) - ("id" in self.kinds)

    def _field(self, number: int, name: str, kind: FieldKind) -> list[str]:
        default = _default(self.infos[name])
        fits = self._fits(number, kind)
        if default is None:
            return [
                f"    if {name!r} not in data:",
                "        return False",
                f"    value{number} = data[{name!r}]",
                f"    if not ({fits}):",
                "        return False",
                "    given += 1",
            ]
        self.scope[f"default{number}"] = default
        return [
            f"    if {name!r} in data:",
            f"        value{number} = data[{name!r}]",
            f"        if not ({fits}):",
            "            return False",
            "        given += 1",
            "    else:",
            f"        value{number} = default{number}()",
        ]

    def _fits(self, number: int, kind: FieldKind) -> str:
        """An expression: whether a value may be kept as it is."""
        value = f"value{number}"
        self.scope[f"type{number}"] = np.ndarray if kind.holds is Holds.TENSOR else kind.type
        fits = f"type({value}) is type{number}"
        if kind.holds is Holds.TENSOR:
            fits += f" and {self._array_fits(number, kind.type)}"
        return f"{value} is None or ({fits})" if kind.optional else fits

    def _array_fits(self, number: int, kind: TensorType) -> str:
        """An expression: whether the field's type would give back a plain array as it is."""
        if not kind.plain or (kind.shape is not None and kind.shape.exact is None):
            return "False"
        # There is one object for each usual dtype, and that is seen in a fifth of the time.
        numbers = f"(value{number}.dtype is USUAL or value{number}.dtype.char in NUMBERS)"
        if kind.shape is None:
            return numbers
        self.scope[f"sizes{number}"] = kind.shape.exact
        return f"value{number}.shape == sizes{number} and {numbers}"


def _default(info: FieldInfo) -> Callable[[], Any] | None:
    if info.is_required() or info.validate_default or info.default_factory_takes_validated_data:
        return None
    if info.default_factory is not None:
        return info.default_factory  # type: ignore[return-value]  # it takes nothing, as was just asked
    value = info.default
    return (lambda: value) if type(value) in _IMMUTABLE else None
