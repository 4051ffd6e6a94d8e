"""A text."""

from __future__ import annotations

from typing import Any, ClassVar

from thalweg.docs.document import BaseDoc
from thalweg.docs.documents.bare import accepts
from thalweg.docs.typing import AnyEmbedding, TextUrl


class TextDoc(BaseDoc):
    """A text, or where it is: `TextDoc("the river")`.

    It equals a string that is its text, and `"river" in doc` looks into its text. Where a `TextDoc` is expected, a string
    stands for its text, and bytes for `bytes_`.
    """

    text: str | None = None
    url: TextUrl | None = None
    embedding: AnyEmbedding | None = None
    bytes_: bytes | None = None

    _bare = accepts(text="text", data="bytes_")

    def __init__(self, text: str | None = None, /, **fields: Any) -> None:
        if text is not None:
            fields.setdefault("text", text)
        super().__init__(**fields)

    # Validators need not call it: what they are given has names.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self.text == other if isinstance(other, str) else super().__eq__(other)

    def __contains__(self, part: str) -> bool:
        return self.text is not None and part in self.text
