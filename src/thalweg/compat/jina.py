"""What Jina hands to pydantic, in terms that pydantic knows. Loaded with what only Jina imports of DocArray.

Jina 3.34 makes the models of its HTTP server with a class of settings, which pydantic took until 2.13.
"""

from __future__ import annotations

from functools import wraps
from inspect import isclass
from typing import Any

import pydantic

_RENAMED = {"allow_population_by_field_name": "populate_by_name", "schema_extra": "json_schema_extra"}
_create_model = pydantic.create_model


@wraps(_create_model)
def create_model(*names: Any, __config__: Any = None, **fields: Any) -> Any:
    """`pydantic.create_model`, which takes a class as `__config__` too."""
    if isclass(__config__):
        settings = {name: getattr(__config__, name) for name in dir(__config__) if not name.startswith("_")}
        known = {_RENAMED.get(name, name): value for name, value in settings.items()}
        __config__ = {name: value for name, value in known.items() if name in pydantic.ConfigDict.__annotations__}
    return _create_model(*names, __config__=__config__, **fields)


pydantic.create_model = create_model
