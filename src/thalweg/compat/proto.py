"""DocArray's messages, made at run time."""

from __future__ import annotations

from typing import Any

from thalweg.docs.codecs.protobuf import message_class


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return message_class(name)
