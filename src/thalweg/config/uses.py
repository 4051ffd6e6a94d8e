"""What may stand in `uses`, as far as its type says."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

ACCEPTED = (
    "a subclass of thalweg.Executor, a function with @requests, 'package.module:Class', 'file.py:Class', YAML or its "
    "path, a Flow, or 'docker://image'"
)
DATA = (bool, int, float, complex, bytes, bytearray, list, tuple, set, frozenset)
"""Types whose values are no code, and name none. What another object is can only be said by whoever knows Executors."""


def _no_data(value: Any) -> Any:
    if isinstance(value, DATA) or (isinstance(value, str) and not value.strip()):
        kind = "an empty text" if isinstance(value, str) else f"of type {type(value).__name__}"
        raise ValueError(f"{value!r:.80} is {kind}, and names no Executor; give {ACCEPTED}")
    return value


Uses = Annotated[Any, AfterValidator(_no_data)]
"""The code of an Executor."""
