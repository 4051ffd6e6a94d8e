"""One value as a line of text that is short and harmless, whatever the value."""

from __future__ import annotations

from collections.abc import Sized
from reprlib import Repr
from typing import Any

from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import BaseDocWithoutId, contents
from thalweg.docs.row import class_of
from thalweg.docs.typing.array import is_tensor

LONGEST = 50
"""Characters of a value that are shown."""

_LARGE_BITS = 512


class _Short(Repr):
    """`repr` that looks at no more than the first items of anything."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = 10
        self.maxstring = self.maxother = self.maxlong = 2 * LONGEST

    def repr1(self, x: Any, level: int) -> str:
        if is_tensor(x):
            return described_tensor(x)
        if isinstance(x, BaseDocWithoutId):
            return heading(x)
        if isinstance(x, (DocList, DocVec)):
            return repr(x)
        if isinstance(x, (bytes, bytearray)):
            return repr(bytes(x[: self.maxother]))
        if isinstance(x, dict):
            return self.repr_dict(x, level)
        return super().repr1(x, level)

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write out what has thousands of digits.
        return f"<integer of {x.bit_length()} bits>" if x.bit_length() > _LARGE_BITS else repr(x)


_SHORT = _Short()


def line(value: Any, longest: int = LONGEST) -> str:
    """`value` cut at `longest` characters, with its whole length where something is left out."""
    text = printable(value[: longest + 1]) if isinstance(value, str) else printable(_SHORT.repr(value))
    left_out = len(text) > longest or (isinstance(value, str) and len(value) > longest)
    if not left_out:
        return text
    return f"{text[:longest]} ... (length: {len(value)})" if isinstance(value, Sized) else f"{text[:longest]} ..."


def printable(text: str) -> str:
    """`text` with everything that a terminal would obey, or that cannot be seen, as an escape sequence."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode("ascii")
        for letter in text
    )


def described_tensor(tensor: Any) -> str:
    """Class, shape and dtype."""
    return f"{type(tensor).__name__} of shape {tuple(tensor.shape)}, dtype: {tensor.dtype}"


def heading(doc: BaseDocWithoutId) -> str:
    """The class of a document and the beginning of its `id`, if it has one."""
    name = printable(class_of(type(doc)).__name__)
    identity = contents(doc).get("id")
    return name if identity is None else f"{name} : {short_id(identity)}"


def short_id(identity: Any) -> str:
    """The beginning of an `id`."""
    text = str(identity)
    return f"{printable(text[:7])} ..." if len(text) > 7 else printable(text)


def is_documents(value: Any) -> bool:
    """Whether `value` holds several documents, each of which can be shown by itself."""
    return isinstance(value, (DocList, DocVec)) or (
        isinstance(value, (list, tuple)) and bool(value) and isinstance(value[0], BaseDocWithoutId)
    )
