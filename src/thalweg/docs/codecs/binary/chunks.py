"""Documents a few at a time: as many as go through the codecs at speed, and no more than fit in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from thalweg.docs.document import BaseDocWithoutId

BYTES = 1 << 20
"""Bytes, about, after which a chunk is full."""
MOST = 4096
"""Documents of a chunk, however small they are."""


def chunks_of(docs: Iterable[Any]) -> Iterator[list[Any]]:
    """`docs` in lists.

    Raises:
        TypeError: one is no document.
    """
    chunk: list[Any] = []
    weight = 0
    for doc in docs:
        if not isinstance(doc, BaseDocWithoutId):
            raise TypeError(f"Documents are written, not {type(doc).__name__}")
        chunk.append(doc)
        weight += _weight(doc)
        if weight >= BYTES or len(chunk) == MOST:
            yield chunk
            chunk, weight = [], 0
    if chunk:
        yield chunk


def _weight(doc: BaseDocWithoutId) -> int:
    """About how many bytes a document takes."""
    weight = 0
    for value in doc.__dict__.values():
        kind = type(value)
        if kind is str or kind is bytes:
            weight += len(value)
        elif kind is np.ndarray:
            weight += value.nbytes
        elif value is not None:
            weight += _weight_of(value)
    return weight + _weight_of(doc.__pydantic_extra__) if doc.__pydantic_extra__ else weight


def _weight_of(value: Any) -> int:
    if isinstance(value, BaseDocWithoutId):
        return _weight(value)
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_weight_of, value.values()))
    if isinstance(value, (list, tuple, set)):
        return sum(map(_weight_of, value))
    return int(getattr(value, "nbytes", 8))
