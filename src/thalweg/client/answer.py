"""`Answer`: what came of one request, for callbacks and for those who want more than documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar, cast

from thalweg.docs import BaseDocWithoutId, DocList, DocVec
from thalweg.docs.codecs.content import decode_content
from thalweg.errors import ThalwegError
from thalweg.message import Response, Visit

D = TypeVar("D", bound=BaseDocWithoutId)


@dataclass(frozen=True, slots=True)
class AnswerStatus:
    """How a request ended. `code` is `SUCCESS` or `ERROR`, `description` says what was wrong."""

    code: str = "SUCCESS"
    description: str = ""
    exception: ThalwegError | None = None


@dataclass(frozen=True, slots=True)
class AnswerHeader:
    """What went along with the documents."""

    request_id: str
    exec_endpoint: str
    target_executor: str
    status: AnswerStatus


@dataclass(frozen=True, slots=True)
class Route:
    """Who worked on the request, and when."""

    executor: str
    start_time: datetime
    end_time: datetime
    status: AnswerStatus


class Sent(NamedTuple):
    """One request of a call, as the client knows it."""

    request_id: str
    endpoint: str
    target: str
    doc_type: type[BaseDocWithoutId]
    visits: Sequence[Visit] = ()


class Answer(Generic[D]):
    """One answer, or one item of a streaming endpoint's. It has failed where `error` is there.

    The documents are read when they are first asked for: an answer that is only counted costs nothing more.
    """

    __slots__ = ("_documents", "_inputs", "_parameters", "_response", "_sent", "error")

    def __init__(
        self,
        sent: Sent,
        response: Response | None,
        error: ThalwegError | None = None,
        inputs: DocList[Any] | DocVec[Any] | None = None,
    ) -> None:
        self._sent = sent
        self._inputs = inputs
        self._response = response
        self._documents: DocList[D] | None = None
        self._parameters: dict[str, Any] = {}
        self.error = error

    @property
    def docs(self) -> DocList[D]:
        """The documents of the answer; none where it failed: those that were sent are in `inputs`.

        Raises:
            InvalidDocument: they do not fit `return_type`.
        """
        if self._documents is None:
            self._read()
        return cast("DocList[D]", self._documents)

    @property
    def data(self) -> Answer[D]:
        """The answer itself, so that `answer.data.docs` are its documents, as in Jina."""
        return self

    @property
    def parameters(self) -> dict[str, Any]:
        """What the Executors gave beside the documents."""
        if self._documents is None and self._response is not None and not self._response.parameters:
            self._read()  # JSON has its parameters beside its documents
        return self._parameters or (self._response.parameters if self._response is not None else {})

    @property
    def headers(self) -> dict[str, str]:
        """The headers that the Executor gave its answer."""
        return self._response.headers if self._response is not None else {}

    @property
    def inputs(self) -> DocList[Any] | DocVec[Any]:
        """The documents that were sent, of a request that failed; else none."""
        return DocList([]) if self._inputs is None else self._inputs

    @property
    def ok(self) -> bool:
        """Whether it has not failed."""
        return self.error is None

    @property
    def request_id(self) -> str:
        return self._sent.request_id

    @property
    def attempts(self) -> int:
        """How often the request was sent, where it failed."""
        return 1 if self.error is None else self.error.attempts

    @property
    def status(self) -> AnswerStatus:
        return AnswerStatus() if self.error is None else AnswerStatus("ERROR", str(self.error), self.error)

    @property
    def header(self) -> AnswerHeader:
        return AnswerHeader(self.request_id, self._sent.endpoint, self._sent.target, self.status)

    @property
    def routes(self) -> list[Route]:
        """The Executors that worked on it, where the service tells; empty where it does not."""
        status = self.status
        return [Route(v.name, _moment(v.start), _moment(v.end), status) for v in self._sent.visits]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "header": {
                "request_id": self.request_id,
                "exec_endpoint": self._sent.endpoint,
                "target_executor": self._sent.target,
                "status": {"code": self.status.code, "description": self.status.description},
            },
            "parameters": self.parameters,
            "routes": [
                {"executor": r.executor, "start_time": r.start_time.isoformat(), "end_time": r.end_time.isoformat()}
                for r in self.routes
            ],
            "data": [document.model_dump(mode="json") for document in self.docs],
        }

    def _read(self) -> None:
        if self._response is None:
            self._documents = DocList[self._sent.doc_type]()  # type: ignore[name-defined]
            return
        response = self._response
        self._documents, parameters = decode_content(response.content_type, response.body, self._sent.doc_type)
        self._parameters = {**response.parameters, **parameters}
        # The bytes are not needed any more; documents may hold on to those of their tensors.
        self._response = Response((), response.content_type, self._parameters, response.headers)

    def __repr__(self) -> str:
        what = "ok" if self.error is None else f"{type(self.error).__name__}: {self.error}"
        return f"<Answer {self.request_id} of {self._sent.endpoint}: {what}>"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
