"""The slots of every pydantic model, written directly: a third of the time that `object.__setattr__` takes.

For objects that were just made of values that are known to fit. Each function takes the object and the value.
"""

from __future__ import annotations

from pydantic import BaseModel

put_namespace = vars(BaseModel)["__dict__"].__set__
put_given = vars(BaseModel)["__pydantic_fields_set__"].__set__
put_extra = vars(BaseModel)["__pydantic_extra__"].__set__
put_private = vars(BaseModel)["__pydantic_private__"].__set__
