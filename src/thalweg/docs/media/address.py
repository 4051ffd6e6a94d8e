"""Where bytes are: what an address begins with, how messages show it, and how much it may hold."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):")  # two letters at least: one letter is a drive of Windows


def scheme_of(address: str) -> str:
    """What an address begins with, in lower case, such as "https"; empty for a path."""
    match = _SCHEME.match(address)
    return match[1].lower() if match else ""


def check_size(size: int, address: str, max_bytes: int) -> None:
    """Raise ValueError where `size` is beyond `max_bytes`."""
    if size > max_bytes:
        raise ValueError(f"{shown(address)} holds more than {max_bytes:,} bytes; raise max_bytes to read it")


def shown(address: str) -> str:
    """An address as messages show it: without a password, and not longer than a line."""
    text = re.sub(r"//[^/@\s]*@", "//", address)
    return text if len(text) <= 200 else f"{text[:200]}..."
