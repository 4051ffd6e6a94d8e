"""A picture."""

from __future__ import annotations

from thalweg.docs.document import BaseDoc
from thalweg.docs.documents.bare import accepts
from thalweg.docs.typing import AnyEmbedding, ImageBytes, ImageTensor, ImageUrl


class ImageDoc(BaseDoc):
    """A picture: where it is, its pixels, or its encoded bytes.

    Where an `ImageDoc` is expected, a string stands for `url`, a tensor for `tensor`, and bytes for `bytes_`.
    """

    url: ImageUrl | None = None
    tensor: ImageTensor | None = None
    embedding: AnyEmbedding | None = None
    bytes_: ImageBytes | None = None

    _bare = accepts(text="url", data="bytes_", tensor="tensor")
