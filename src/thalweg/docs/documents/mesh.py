"""A mesh: corners in space, and the triangles between them."""

from __future__ import annotations

from thalweg.docs.document import BaseDoc
from thalweg.docs.documents.bare import accepts
from thalweg.docs.typing import AnyEmbedding, AnyTensor, Mesh3DUrl


class VerticesAndFaces(BaseDoc):
    """Vertices (n, 3), and triangles (m, 3) as numbers of three vertices each."""

    vertices: AnyTensor
    faces: AnyTensor

    def display(self) -> None:
        """Show the mesh in a notebook, to be turned; elsewhere a warning is all."""
        from thalweg.docs.media.notebook import show_mesh
        from thalweg.docs.typing.array import to_numpy

        show_mesh(to_numpy(self.vertices), to_numpy(self.faces))


class Mesh3D(BaseDoc):
    """A mesh: where it is, its vertices and faces, or its encoded bytes.

    Where a `Mesh3D` is expected, a string stands for `url`, and bytes for `bytes_`.
    """

    url: Mesh3DUrl | None = None
    tensors: VerticesAndFaces | None = None
    embedding: AnyEmbedding | None = None
    bytes_: bytes | None = None

    _bare = accepts(text="url", data="bytes_")
