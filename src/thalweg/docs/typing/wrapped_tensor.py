"""Tensors of torch with the methods that DocArray's have. They are tensors in every respect."""

from __future__ import annotations

from functools import cache
from typing import Any

from thalweg.docs.typing.array import load_library
from thalweg.docs.typing.media_array import ARRAYS


def wrapped_tensor(tensor: Any, family: str) -> Any:
    """A torch tensor that can be unwrapped, and saved where it is a picture, sound or a film.

    A plain tensor becomes one itself: it stays the leaf that it is, and gradients arrive where they did. Any other, such as
    a parameter of a module, is shared.
    """
    made = _class(family)
    if isinstance(tensor, made):
        return tensor
    if type(tensor) is not load_library("torch").Tensor:
        return tensor.as_subclass(made)
    tensor.__class__ = made
    return tensor


@cache
def _class(family: str) -> Any:
    torch = load_library("torch")
    plain: Any = torch.Tensor

    class WrappedTensor(plain):  # type: ignore[misc]
        """A torch tensor with the methods that DocArray's tensors have."""

        def unwrap(self) -> Any:
            """The same memory as a plain tensor."""
            return self.as_subclass(plain)

        def get_comp_backend(self) -> Any:
            """The functions of `thalweg.docs.computation` for its library."""
            from thalweg.docs.computation import backend_of

            return backend_of(self.unwrap())

        def __deepcopy__(self, memo: dict[int, Any]) -> Any:
            copied = self.detach().clone().as_subclass(type(self)).requires_grad_(self.requires_grad)
            memo[id(self)] = copied
            return copied

        def __reduce_ex__(self, protocol: Any) -> Any:
            return wrapped_tensor, (self.detach().unwrap().requires_grad_(self.requires_grad), family)

    array = ARRAYS.get(family)
    if array is None:
        return WrappedTensor
    # What NumPy's know asks nothing of NumPy: it hands on to functions that take tensors of any library.
    methods = {name: vars(array)[name] for name in ("to_bytes", "save", "display")}
    return type("WrappedTensor", (WrappedTensor,), methods)
