"""What travels between the Executors of the search."""

from __future__ import annotations

from pydantic import BaseModel, Field

from thalweg.docs import BaseDoc, DocList
from thalweg.docs.typing import NdArray


class Module(BaseDoc):
    """A module of the standard library, and how many documented objects it has, itself counted."""

    name: str
    objects: int = 0


class StdlibObject(BaseDoc):
    """A module, class, function, method or property. Its `id` is its name; `text` is what the encoder reads."""

    name: str
    kind: str
    module: str
    signature: str
    summary: str
    text: str


class EmbeddedObject(StdlibObject):
    embedding: NdArray[384]


class Question(BaseDoc):
    text: str = Field(min_length=1, max_length=2000, description="What you look for, in your own words.")


class EmbeddedQuestion(Question):
    embedding: NdArray[384]


class Match(BaseDoc):
    """An object that may answer the question. `score` is the cosine similarity: 1 is the same, 0 unrelated."""

    name: str
    kind: str
    module: str
    signature: str
    summary: str
    score: float


class Answer(Question):
    """The question, and what was found: the best first."""

    matches: DocList[Match]


class SearchParameters(BaseModel):
    limit: int = Field(10, ge=1, le=100, description="How many matches each question gets.")


class Status(BaseDoc):
    """Whether there is an index to search in, how many objects it holds, and what it was made of."""

    ready: bool
    objects: int
    fingerprint: str
