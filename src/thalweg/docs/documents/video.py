"""A film."""

from __future__ import annotations

from thalweg.docs.document import BaseDoc
from thalweg.docs.documents.audio import AudioDoc
from thalweg.docs.documents.bare import accepts
from thalweg.docs.typing import AnyEmbedding, AnyTensor, VideoBytes, VideoTensor, VideoUrl


class VideoDoc(BaseDoc):
    """A film: where it is, its frames and its sound, or its encoded bytes.

    Where a `VideoDoc` is expected, a string stands for `url`, a tensor for `tensor`, and bytes for `bytes_`.
    """

    url: VideoUrl | None = None
    audio: AudioDoc | None = None
    tensor: VideoTensor | None = None
    key_frame_indices: AnyTensor | None = None
    embedding: AnyEmbedding | None = None
    bytes_: VideoBytes | None = None

    _bare = accepts(text="url", data="bytes_", tensor="tensor")
