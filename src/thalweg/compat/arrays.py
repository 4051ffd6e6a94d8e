"""What DocArray's modules of arrays and JSON hold besides classes that we have too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thalweg.docs.codecs.json import encode_array
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import BaseDocWithoutId

AnyDocArray = DocList[Any] | DocVec[Any] if TYPE_CHECKING else DocList | DocVec


def orjson_dumps(value: Any, *, default: Any = None) -> bytes:
    """JSON of documents, collections, tensors, and of what orjson knows."""
    import orjson

    from thalweg.docs.typing.tensor import to_plain

    def other(item: Any) -> Any:
        if isinstance(item, BaseDocWithoutId):
            return orjson.Fragment(item.to_json())
        if isinstance(item, (DocList, DocVec)):
            return orjson.Fragment(encode_array(item))
        plain = to_plain(item)
        if plain is not item:
            return plain
        if default is None:
            raise TypeError(f"{type(item).__name__} has no form in JSON")
        return default(item)

    return orjson.dumps(value, default=other, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
