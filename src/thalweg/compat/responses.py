"""What callbacks of programs written for Jina are told of a request, and what `return_responses` gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from thalweg.client.answer import Answer
from thalweg.errors import ThalwegError


class JinaStatusCode(IntEnum):
    """The numbers of Jina's `StatusProto.StatusCode`."""

    SUCCESS = 0
    ERROR = 1


@dataclass(frozen=True, slots=True)
class JinaException:
    """What an Executor raised, by name. `stacks` is empty unless the Executor runs in development mode."""

    name: str = ""
    args: Sequence[str] = ()
    stacks: Sequence[str] = ()
    executor: str = ""

    @classmethod
    def of(cls, error: ThalwegError) -> JinaException:
        if not error.cause:
            return cls(type(error).__name__, [error.message], [], error.executor)
        said = error.message.partition(f"{error.cause}: ")[2]
        return cls(error.cause, [said] if said else [], error.traceback.splitlines(keepends=True), error.executor)


@dataclass(frozen=True, slots=True)
class JinaStatus:
    """How a request ended."""

    code: JinaStatusCode = JinaStatusCode.SUCCESS
    description: str = ""
    exception: JinaException = field(default_factory=JinaException)


class JinaResponse:
    """An `Answer` with the status that Jina's `Response` has."""

    __slots__ = ("_answer",)

    def __init__(self, answer: Answer[Any]) -> None:
        self._answer = answer

    @property
    def status(self) -> JinaStatus:
        error = self._answer.error
        return JinaStatus() if error is None else JinaStatus(JinaStatusCode.ERROR, str(error), JinaException.of(error))

    @property
    def header(self) -> JinaHeader:
        told = self._answer.header
        return JinaHeader(told.request_id, told.exec_endpoint, told.target_executor, self.status)

    @property
    def data(self) -> JinaResponse:
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._answer, name)


@dataclass(frozen=True, slots=True)
class JinaHeader:
    """What went along with the documents."""

    request_id: str
    exec_endpoint: str
    target_executor: str
    status: JinaStatus


def told_as_jina_tells(callback: Callable[[Any], Any]) -> Callable[[Answer[Any]], Any]:
    """`callback`, which is given a `JinaResponse` for each answer."""

    def told(answer: Answer[Any]) -> Any:
        return callback(JinaResponse(answer))

    return told


def as_jina_gives(found: Any) -> Any:
    """`found` of a `post`, each answer as a `JinaResponse`; documents as they are."""
    if isinstance(found, Answer):
        return JinaResponse(found)
    if isinstance(found, list) and found and isinstance(found[0], Answer):
        return [JinaResponse(answer) for answer in found]
    return found
