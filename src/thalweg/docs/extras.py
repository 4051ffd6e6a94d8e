"""Libraries that not everyone needs: loaded when they are first used, with a hint where they are missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from thalweg.errors import MissingDependency


def load_extra(module: str, extra: str, purpose: str) -> Any:
    """The module, such as `load_extra("pyarrow", "arrow", "Arrow tables")`.

    Raises:
        MissingDependency: it is not installed; the message says how to install it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # it is there, but something that it needs is not: its own message says what
        raise MissingDependency(f"{purpose} need {error.name}: pip install 'thalweg[{extra}]'") from error
