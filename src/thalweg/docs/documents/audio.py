"""Sound."""

from __future__ import annotations

from thalweg.docs.document import BaseDoc
from thalweg.docs.documents.bare import accepts
from thalweg.docs.typing import AnyEmbedding, AudioBytes, AudioTensor, AudioUrl


class AudioDoc(BaseDoc):
    """Sound: where it is, its samples and how many come per second, or its encoded bytes.

    Where an `AudioDoc` is expected, a string stands for `url`, a tensor for `tensor`, and bytes for `bytes_`.
    """

    url: AudioUrl | None = None
    tensor: AudioTensor | None = None
    embedding: AnyEmbedding | None = None
    bytes_: AudioBytes | None = None
    frame_rate: int | None = None

    _bare = accepts(text="url", data="bytes_", tensor="tensor")
