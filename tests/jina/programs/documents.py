"""The documents of the tests, as DocArray has them."""

from docarray import BaseDoc
from docarray.typing import NdArray
from pydantic import Field


class Part(BaseDoc):
    name: str = ""


class Flat(BaseDoc):
    """What Jina 3.34 with pydantic 2 can describe of itself: no documents in it, and no numbers but those in arrays."""

    text: str = ""
    vector: NdArray | None = None
    tags: list[str] = Field(default_factory=list)


class Text(BaseDoc):
    text: str = ""
    score: float = 0.0
    part: Part = Part(name="whole")
    vector: NdArray | None = None
    tags: list[str] = Field(default_factory=list)
