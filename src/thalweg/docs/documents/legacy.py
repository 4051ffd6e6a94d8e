"""The document of DocArray up to 0.21, for programs that still have its shape."""

from __future__ import annotations

from typing import Any

from thalweg.docs.doc_list import DocList
from thalweg.docs.document import BaseDoc
from thalweg.docs.typing import AnyEmbedding, AnyTensor


class LegacyDocument(BaseDoc):
    """One class for everything: a tensor, text or bytes, its parts (`chunks`) and what was found for it (`matches`).

    It has the fields of the `Document` of DocArray up to 0.21, and none of its methods.
    """

    tensor: AnyTensor | None = None
    chunks: DocList[LegacyDocument] | None = None
    matches: DocList[LegacyDocument] | None = None
    blob: bytes | None = None
    text: str | None = None
    url: str | None = None
    embedding: AnyEmbedding | None = None
    tags: dict[str, Any] = {}  # noqa: RUF012  # pydantic copies it
    scores: dict[str, Any] | None = None
