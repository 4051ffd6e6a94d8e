"""A point cloud."""

from __future__ import annotations

from thalweg.docs.document import BaseDoc
from thalweg.docs.documents.bare import accepts
from thalweg.docs.typing import AnyEmbedding, AnyTensor, PointCloud3DUrl


class PointsAndColors(BaseDoc):
    """Points (n, 3), and their colours (n, 3) or (n, 4) where there are any.

    Where it is expected, a tensor stands for `points`.
    """

    points: AnyTensor
    colors: AnyTensor | None = None

    _bare = accepts(tensor="points")

    def display(self) -> None:
        """Show the points in a notebook, to be turned; elsewhere a warning is all."""
        from thalweg.docs.media.notebook import show_points
        from thalweg.docs.typing.array import to_numpy

        show_points(to_numpy(self.points), None if self.colors is None else to_numpy(self.colors))


class PointCloud3D(BaseDoc):
    """A point cloud: where it is, its points, or its encoded bytes.

    Where a `PointCloud3D` is expected, a string stands for `url`, a tensor for the points, and bytes for `bytes_`.
    """

    url: PointCloud3DUrl | None = None
    tensors: PointsAndColors | None = None
    embedding: AnyEmbedding | None = None
    bytes_: bytes | None = None

    _bare = accepts(text="url", data="bytes_", tensor="tensors")
