"""A request whose documents go in batches, from its arrival to its answer."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from thalweg.docs import DocList
from thalweg.errors import Cancelled, DeadlineExceeded, ThalwegError
from thalweg.executor.outcome import Documents
from thalweg.message import Context, Reply, Request, Response

if TYPE_CHECKING:
    from thalweg.executor.batching.run import BatchRun
    from thalweg.executor.invocation import Entrant
    from thalweg.executor.lane import Lane


class Home(Protocol):
    """Where calls come from and go back to."""

    called_off: int
    """Calls that were called off so far. Counted on the I/O loop."""

    def tell(self, letter: Callable[[], object]) -> None:
        """Have `letter` called on the batching thread."""

    def withdraw(self, call: BatchedCall) -> None:
        """Nobody waits for `call` any more. Called on the batching thread."""

    def send(self, call: BatchedCall) -> None:
        """Have `call` delivered on the I/O loop. Called on the batching thread."""

    def begin(self, call: BatchedCall) -> None:
        """`call` was let in. Called on the I/O loop."""

    def leave(self, call: BatchedCall) -> None:
        """`call` was delivered. Called on the I/O loop."""


class BatchedCall:
    """One request. `cancel` and `deliver` belong to the I/O loop, everything else to the batching thread."""

    __slots__ = (
        "_delivered",
        "_home",
        "_missing",
        "_outcome",
        "_pieces",
        "_reply",
        "arguments",
        "called_off",
        "context",
        "docs",
        "lane",
        "parameters",
        "request",
        "runs",
        "settled",
        "size",
    )

    def __init__(self, home: Home, request: Request, context: Context, reply: Reply) -> None:
        self._home = home
        self._reply = reply
        self._outcome: Response | ThalwegError | None = None
        self._pieces: list[tuple[int, Documents]] = []
        self._missing = 0
        self._delivered = False
        self.request = request
        self.context = context
        self.lane: Lane[Entrant] | None = None
        self.size = 0
        self.called_off = False
        self.settled = False
        self.docs: DocList[Any] = DocList()
        self.parameters: dict[str, Any] = {}
        """As the client sent them."""
        self.arguments: dict[str, Any] = {}
        """What the method is given beside the documents."""
        self.runs: set[BatchRun] = set()
        """The calls of user code that hold documents of it."""

    # --- on the I/O loop

    def start(self) -> None:
        """See `Entrant`."""
        self._home.begin(self)

    def refuse(self, error: ThalwegError) -> None:
        """See `Entrant`."""
        self._home.tell(lambda: self.settle(error))

    def cancel(self) -> None:
        """See `thalweg.message.Pending`."""
        if not self.called_off and not self._delivered:
            self.called_off = True
            self._home.called_off += 1
            self._home.tell(self._withdraw)

    def deliver(self) -> None:
        """Hand the outcome on."""
        self._delivered = True
        self._home.leave(self)
        if self.called_off:
            return
        if isinstance(self._outcome, Response):
            self._reply.answer(self._outcome)
        elif self._outcome is not None:
            self._reply.fail(self._outcome)

    # --- on the batching thread

    def _withdraw(self) -> None:
        if not self.settled:
            self._home.withdraw(self)

    def decoded(self, docs: DocList[Any], parameters: dict[str, Any], arguments: dict[str, Any]) -> None:
        """The request was read."""
        self.docs = docs
        self.parameters = parameters
        self.arguments = arguments
        self._missing = len(docs)

    def refusal(self) -> ThalwegError | None:
        """Why none of it need be done any more. May be asked on any thread."""
        if self.called_off or self.context.cancelled:
            return Cancelled("The request was called off before its turn came.")
        deadline = self.context.deadline
        if deadline is not None and monotonic() >= deadline:
            return DeadlineExceeded("The deadline of the request has passed.", request_id=self.context.request_id)
        return None

    def take(self, start: int, docs: Documents) -> Documents | None:
        """`docs` are the answers from the document `start` on. Gives the whole answer when nothing is missing any more."""
        if not self._pieces and len(docs) == self._missing:
            self._missing = 0
            return docs
        self._pieces.append((start, docs))
        self._missing -= len(docs)
        if self._missing:
            return None
        self._pieces.sort(key=_start)
        return together([piece for _, piece in self._pieces])

    def settle(self, outcome: Response | ThalwegError) -> None:
        """This is what becomes of it; the first one holds."""
        if not self.settled:
            self.settled = True
            self._outcome = outcome
            self._pieces = []
            self.docs = DocList()
            self._home.send(self)


def together(parts: list[Documents]) -> Documents:
    """All documents in one list, whose class is theirs where they have the same."""
    if len(parts) == 1:
        return parts[0]
    lists = [part if isinstance(part, DocList) else part.to_doc_list() for part in parts]
    kind = type(lists[0]) if len({type(part) for part in lists}) == 1 else DocList
    return kind.trusted([doc for part in lists for doc in part])


def _start(piece: tuple[int, Documents]) -> int:
    return piece[0]
