"""A bare value where a document is expected: a text in place of a `TextDoc`, an array in place of an `ImageDoc`."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from thalweg.docs.fields import for_bare_values
from thalweg.docs.typing.array import is_tensor


def accepts(*, text: str = "", data: str = "", tensor: str = "") -> Any:
    """The validator of a class of document that takes text, bytes or a tensor as the field of this name.

    A dict or a document is left as it is.
    """

    @for_bare_values
    def _from_bare(cls: type, value: Any) -> Any:
        if isinstance(value, str):
            return {text: value} if text else value
        if isinstance(value, (bytes, bytearray, memoryview)):
            return {data: bytes(value)} if data else value
        return {tensor: value} if tensor and is_tensor(value) else value

    method: Any = classmethod(_from_bare)
    return model_validator(mode="before")(method)
