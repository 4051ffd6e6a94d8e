"""A plugin for mypy, so that shapes may stand in annotations: `plugins = ["pydantic.mypy", "thalweg.docs.mypy"]`.

mypy takes what stands in brackets for types and refuses `NdArray[384]`. With this plugin it sees a `numpy.ndarray`, or what
a picture, sound or a film of NumPy is; a tensor of another library may be anything to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy.plugin import AnalyzeTypeContext, Plugin
    from mypy.types import Type

_MODULE = "thalweg.docs.typing.tensor."
_MEDIA = {"ImageNdArray": "ImageArray", "AudioNdArray": "AudioArray", "VideoNdArray": "VideoArray"}
_ARRAYS = frozenset(["NdArray", "NdArrayEmbedding"])
_UNKNOWN = re.compile(r"(Any|Image|Audio|Video)?((Torch|TensorFlow)?(Tensor|Embedding)|JaxArray(Embedding)?)")


def plugin(version: str) -> type[Plugin]:
    """Called by mypy."""
    from mypy.plugin import Plugin
    from mypy.types import AnyType, TypeOfAny

    def array(context: AnalyzeTypeContext) -> Type:
        anything = AnyType(TypeOfAny.explicit)
        return context.api.named_type("numpy.ndarray", [anything, context.api.named_type("numpy.dtype", [anything])])

    def media(name: str) -> Callable[[AnalyzeTypeContext], Type]:
        return lambda context: context.api.named_type(f"thalweg.docs.typing.media_array.{name}", [])

    def unknown(context: AnalyzeTypeContext) -> Type:
        return AnyType(TypeOfAny.explicit)

    class Shapes(Plugin):
        def get_type_analyze_hook(self, fullname: str) -> Callable[[AnalyzeTypeContext], Type] | None:
            if not fullname.startswith(_MODULE):
                return None
            name = fullname.removeprefix(_MODULE)
            if name in _ARRAYS:
                return array
            if name in _MEDIA:
                return media(_MEDIA[name])
            return unknown if _UNKNOWN.fullmatch(name) else None

    return Shapes
