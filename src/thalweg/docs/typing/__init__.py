"""Types of fields: tensors, addresses of media, the id."""

from thalweg.docs.typing.identity import ID
from thalweg.docs.typing.tensor import AnyTensor, NdArray, TorchTensor
from thalweg.docs.typing.url import AnyUrl, AudioUrl, ImageUrl, Mesh3DUrl, PointCloud3DUrl, TextUrl, VideoUrl

__all__ = [
    "ID",
    "AnyTensor",
    "AnyUrl",
    "AudioUrl",
    "ImageUrl",
    "Mesh3DUrl",
    "NdArray",
    "PointCloud3DUrl",
    "TextUrl",
    "TorchTensor",
    "VideoUrl",
]
