"""The names under which DocArray's messages carry types: which library a tensor is of, and what it stands for."""

from __future__ import annotations

LIBRARIES = ("numpy", "torch", "tensorflow", "jax")
"""What tensors may be of. "any" stands for whichever of them a value is of."""

FAMILIES = ("tensor", "embedding", "image", "audio", "video")
"""What tensors may stand for; "tensor" says nothing."""

_NAMES = {
    "numpy": ("ndarray", "ndarray_embedding", "{}_ndarray"),
    "torch": ("torch_tensor", "torch_embedding", "{}_torch_tensor"),
    "tensorflow": ("tensorflow_tensor", "tensorflow_embedding", "{}_tensorflow_tensor"),
    "jax": ("jaxarray", "jaxarray_embedding", "{}_jaxarray"),
}

TENSOR_KEYS: dict[tuple[str, str], str] = {
    (library, family): _NAMES[library][min(number, 2)].format(family)
    for library in LIBRARIES
    for number, family in enumerate(FAMILIES)
}
"""Library and family -> DocArray's key, such as ("numpy", "image") -> "image_ndarray"."""

TENSORS_BY_KEY: dict[str, tuple[str, str]] = {key: kind for kind, key in TENSOR_KEYS.items()}
"""DocArray's key -> library and family."""
