"""What a process runs, in the form in which its spec carries it: pickled, or kept here for a role in this very process."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from itertools import count
from typing import Any

from thalweg.executor.source import ExecutorSource, executor_class

KEPT = b"kept:"
"""How the name begins of what is kept; no pickle does."""

_kept: dict[bytes, object] = {}
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


def keep_here(owner: str, content: object) -> bytes:
    """The name under which `content_of` finds `content` in this process, until `let_go(owner)`."""
    name = KEPT + f"{owner}:{next(_numbers)}".encode()
    _kept[name] = content
    return name


def let_go(owner: str) -> None:
    """Forget all that was kept for those whose names begin with `owner`."""
    prefix = KEPT + owner.encode()
    for name in [name for name in _kept if name.startswith(prefix)]:
        del _kept[name]


def content_of(content: bytes) -> Any:
    """What `content` carries: a pickle that was written by our own parent, and received through a pipe that only it holds;
    or the name of what is kept."""
    return _kept[content] if content.startswith(KEPT) else pickle.loads(content)  # noqa: S301
