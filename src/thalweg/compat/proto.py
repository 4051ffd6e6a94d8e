"""DocArray's messages, made at run time. Loading this puts them where its own generated modules do: what is generated of
other files, as Jina's is, builds on them there.
"""

from __future__ import annotations

from typing import Any

from thalweg.docs.codecs.protobuf import message_type, share_messages

DESCRIPTOR = share_messages()


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return message_type(name)
