"""Telling that something is written as it was written once."""

from __future__ import annotations

import sys
import warnings

OURS = "thalweg"


class OldSpelling(DeprecationWarning):
    """Something is written as Jina writes it, or as it was written once. The message says how it is written now."""


def told(message: str) -> None:
    """Warn of `message` at the line of the user's code that asked for it, so that it is shown there."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == OURS:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, OldSpelling, stacklevel=level)
