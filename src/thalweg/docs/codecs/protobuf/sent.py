"""Type keys of values: which one a value is written with, and values that keep the one that they were sent with."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from thalweg.docs import slots
from thalweg.docs.document import AnyDoc, BaseDocWithoutId, contents
from thalweg.docs.typing import url
from thalweg.docs.typing.array import library_of, load_library, tensor_class
from thalweg.docs.typing.bytes import AudioBytes, ImageBytes, VideoBytes
from thalweg.docs.typing.coercion import BFLOAT16
from thalweg.docs.typing.media_array import ARRAYS
from thalweg.docs.typing.tensor import tensor_type
from thalweg.docs.typing.type_key import TENSOR_KEYS, TENSORS_BY_KEY

_ADDRESSES = {
    kind.type_key: kind
    for kind in (
        url.AnyUrl,
        url.TextUrl,
        url.ImageUrl,
        url.AudioUrl,
        url.VideoUrl,
        url.Url3D,
        url.Mesh3DUrl,
        url.PointCloud3DUrl,
    )
}
_MEDIA = {kind.type_key: kind for kind in (ImageBytes, AudioBytes, VideoBytes)}
_FAMILIES = {kind: family for family, kind in ARRAYS.items()}
_CLASS_NAME, _MADE_ID = "_sent_class_name", "_made_id"


class SentText(str):
    """Text with a type key, such as `id`."""

    type_key = ""


class SentBytes(bytes):
    """Bytes with a type key."""

    type_key = ""


class SentArray(np.ndarray[Any, Any]):
    """A tensor with a type key other than `ndarray`: of a library that is not loaded, or of a picture, say."""

    type_key = ""

    def __array_finalize__(self, other: Any) -> None:
        self.type_key = getattr(other, "type_key", "")

    def __reduce__(self) -> tuple[Any, ...]:
        make, arguments, state = cast("tuple[Any, ...]", super().__reduce__())[:3]
        return make, arguments, (state, self.type_key)

    def __setstate__(self, state: Any) -> None:
        inner, self.type_key = state
        super().__setstate__(inner)


def sent_text(text: str, key: str) -> str:
    """`text` as what its key says that it is: an address, or else text that keeps the key."""
    kind = _ADDRESSES.get(key)
    if kind is not None:
        try:
            return kind(text)
        except ValueError:  # what is no address to us is kept as it is
            pass
    made = SentText(text)
    made.type_key = key
    return made


def sent_bytes(data: bytes, key: str) -> bytes:
    """`data` as what its key says that it is: encoded media, or else bytes that keep the key."""
    kind = _MEDIA.get(key)
    if kind is not None:
        return kind(data)
    made = SentBytes(data)
    made.type_key = key
    return made


def sent_tensor(array: np.ndarray[Any, Any], key: str, dtype: str = "") -> Any:
    """`array` as what its key says that it is, where the library is loaded already; else one that keeps the key.

    `dtype` is what it was where NumPy does not know that.
    """
    library, family = TENSORS_BY_KEY.get(key, ("numpy", ""))
    if library == "numpy" and family in ARRAYS:
        return array.view(ARRAYS[family])
    if family == "tensor" and (library == "numpy" or tensor_class(library) is not None):
        return restored(tensor_type(library).library_tensor(array), dtype)
    kept = array.view(SentArray)
    kept.type_key = key
    return kept


def restored(tensor: Any, dtype: str) -> Any:
    """`tensor` in the dtype that it was sent with, where its library knows what NumPy does not."""
    if dtype != BFLOAT16:
        return tensor
    library = library_of(tensor)
    if library == "torch":
        return tensor.bfloat16()
    if library == "tensorflow":
        return load_library("tensorflow").cast(tensor, dtype)
    try:
        return tensor.astype(dtype)
    except TypeError:  # NumPy, and no library is loaded that adds the type to it
        return tensor


def type_key(value: Any) -> str:
    """The type key of text or bytes; "" where there is none."""
    key: str = getattr(value, "type_key", "")
    return key


def tensor_key(value: Any, family: str) -> str:
    """The type key of a tensor in a field for tensors of this family."""
    if type(value) is np.ndarray:
        return TENSOR_KEYS["numpy", family]
    own: str = getattr(value, "type_key", "")
    if own and family == "tensor":
        return own
    return TENSOR_KEYS[
        library_of(value) or "numpy", _FAMILIES.get(type(value), family) if family == "tensor" else family
    ]


def unknown_dtype(dtype: Any) -> str:
    """The name of a tensor's dtype where NumPy does not know it, else ""."""
    return BFLOAT16 if str(dtype).endswith(BFLOAT16) else ""


def class_name(doc: Any, told: bool) -> str:
    """The name of its class that is written with a document; of one without a schema, the name that it was sent with."""
    if type(doc) is AnyDoc:
        return str(_remembered(doc).get(_CLASS_NAME, ""))
    return type(doc).__name__ if told else ""


def fields_of(doc: BaseDocWithoutId) -> dict[str, Any]:
    """The fields of a document that are written: not the id that was made for one that was sent without."""
    fields = contents(doc)
    if type(doc) is AnyDoc and _remembered(doc).get(_MADE_ID, doc) == doc.id:
        del fields["id"]
    return fields


def remember_class(doc: AnyDoc, name: str) -> None:
    """Keep the name that a document without a schema was sent with."""
    slots.put_private(doc, {**_remembered(doc), _CLASS_NAME: name})


def remember_made_id(doc: AnyDoc) -> None:
    """Keep that a document without a schema was sent without an id."""
    slots.put_private(doc, {**_remembered(doc), _MADE_ID: doc.id})


def _remembered(doc: AnyDoc) -> dict[str, Any]:
    return doc.__pydantic_private__ or {}
