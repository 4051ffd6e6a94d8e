"""What a process runs, in the form in which its spec carries it: pickled, or as it is for a role in this very process."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from itertools import count
from typing import Any

from thalweg.executor.source import ExecutorSource, executor_class

_numbers = count(1)


@dataclass(frozen=True)
class Present:
    """An Executor that is here already, in the place of a `Reference` to one. What is made of it is the user's own class,
    not a copy: documents of its classes are instances of theirs."""

    uses: Any
    text: str

    def resolve(self) -> ExecutorSource:
        """Raises `ConfigurationError` where it is no Executor."""
        return ExecutorSource(executor_class(self.uses, self.text))


class ContentHere(bytes):
    """What a role of this very process runs, where a spec has its bytes. It lives as long as the spec does."""

    content: object

    @classmethod
    def of(cls, content: object) -> ContentHere:
        made = cls(b"here:%d" % next(_numbers))  # no two are equal
        made.content = content
        return made


def content_of(content: bytes) -> Any:
    """What `content` carries: a pickle that was written by our own parent, and received through a pipe that only it holds;
    or what is here already."""
    return content.content if isinstance(content, ContentHere) else pickle.loads(content)  # noqa: S301
