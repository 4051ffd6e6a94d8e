"""Holding the garbage collector off while many objects are made at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 1_000
"""Documents from which on it is worth it."""


@contextmanager
def uncollected(count: int) -> Iterator[None]:
    """No collection inside, where `count` documents are many.

    Nothing that is made can be garbage yet, and looking for it again and again would take as long as making it. The
    collector is left as it was; one that is switched off stays off.
    """
    if count < MANY or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
