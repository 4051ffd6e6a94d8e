"""A plugin for mypy, so that shapes may stand in annotations: `plugins = ["pydantic.mypy", "thalweg.docs.mypy"]`.

mypy takes what stands in brackets for types and refuses `NdArray[384]`. With this plugin it sees a `numpy.ndarray`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy.plugin import AnalyzeTypeContext, Plugin
    from mypy.types import Type

_ARRAY = "thalweg.docs.typing.tensor.NdArray"
_UNKNOWN = frozenset({"thalweg.docs.typing.tensor.AnyTensor", "thalweg.docs.typing.tensor.TorchTensor"})


def plugin(version: str) -> type[Plugin]:
    """Called by mypy."""
    from mypy.plugin import Plugin
    from mypy.types import AnyType, TypeOfAny

    def array(context: AnalyzeTypeContext) -> Type:
        anything = AnyType(TypeOfAny.explicit)
        return context.api.named_type("numpy.ndarray", [anything, context.api.named_type("numpy.dtype", [anything])])

    def unknown(context: AnalyzeTypeContext) -> Type:
        return AnyType(TypeOfAny.explicit)

    class Shapes(Plugin):
        def get_type_analyze_hook(self, fullname: str) -> Callable[[AnalyzeTypeContext], Type] | None:
            if fullname == _ARRAY:
                return array
            return unknown if fullname in _UNKNOWN else None

    return Shapes
