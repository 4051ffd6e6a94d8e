"""The documents of the tests, as DocArray has them. No list of documents: Jina 3.34 cannot describe one to others."""

from docarray import BaseDoc
from docarray.typing import NdArray
from pydantic import Field


class Part(BaseDoc):
    name: str = ""


class Text(BaseDoc):
    text: str = ""
    score: float = 0.0
    part: Part = Part(name="whole")
    vector: NdArray | None = None
    tags: list[str] = Field(default_factory=list)
