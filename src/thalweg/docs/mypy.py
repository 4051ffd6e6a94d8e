"""A plugin for mypy, so that shapes may stand in annotations: `plugins = ["pydantic.mypy", "thalweg.docs.mypy"]`.

mypy takes what stands in brackets for types and refuses `NdArray[384]`. With this plugin it sees a `numpy.ndarray`.
"""

from __future__ import annotations

from collections.abc import Callable

from mypy.plugin import AnalyzeTypeContext, Plugin
from mypy.types import AnyType, Type, TypeOfAny

_ARRAY = "thalweg.docs.typing.tensor.NdArray"
_UNKNOWN = frozenset({"thalweg.docs.typing.tensor.AnyTensor", "thalweg.docs.typing.tensor.TorchTensor"})


def _array(context: AnalyzeTypeContext) -> Type:
    anything = AnyType(TypeOfAny.explicit)
    dtype = context.api.named_type("numpy.dtype", [anything])
    return context.api.named_type("numpy.ndarray", [anything, dtype])


def _anything(context: AnalyzeTypeContext) -> Type:
    return AnyType(TypeOfAny.explicit)


class _Shapes(Plugin):
    def get_type_analyze_hook(self, fullname: str) -> Callable[[AnalyzeTypeContext], Type] | None:
        if fullname == _ARRAY:
            return _array
        return _anything if fullname in _UNKNOWN else None


def plugin(version: str) -> type[Plugin]:
    """Called by mypy."""
    return _Shapes
