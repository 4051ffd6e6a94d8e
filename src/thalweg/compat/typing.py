"""DocArray's types of tensors: those of NumPy and torch have `unwrap()` and `get_comp_backend()` as its programs expect."""

from __future__ import annotations

from thalweg.docs.typing.tensor import TensorType, tensor_type

_KINDS: dict[str, tuple[str, str]] = {
    f"{prefix}{suffix}": (library, family)
    for library, names in {
        "numpy": ("NdArray", "NdArrayEmbedding", "NdArray"),
        "torch": ("TorchTensor", "TorchEmbedding", "TorchTensor"),
        "tensorflow": ("TensorFlowTensor", "TensorFlowEmbedding", "TensorFlowTensor"),
        "jax": ("JaxArray", "JaxArrayEmbedding", "JaxArray"),
        "any": ("AnyTensor", "AnyEmbedding", "Tensor"),
    }.items()
    for prefix, suffix, family in (
        ("", names[0], "tensor"),
        ("", names[1], "embedding"),
        ("Image", names[2], "image"),
        ("Audio", names[2], "audio"),
        ("Video", names[2], "video"),
    )
}

NAMES = tuple(_KINDS)


def __getattr__(name: str) -> TensorType:
    if name not in _KINDS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    library, family = _KINDS[name]
    return tensor_type(library, family=family, wrapped=True)
