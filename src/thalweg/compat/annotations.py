"""What DocArray asks about annotations, and Jina asks of DocArray."""

from __future__ import annotations

from typing import Any, get_origin


def safe_issubclass(annotation: Any, parent: Any) -> bool:
    """Whether `annotation` is a class, and one of `parent`'s. That it is no class at all is no error."""
    if get_origin(annotation) is not None or not isinstance(annotation, type):
        return False
    return issubclass(annotation, parent)
