"""One request with one answer, on its way through the shards of an Executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass

from msgspec.structs import replace

from thalweg.errors import InternalError, ThalwegError
from thalweg.message import COLUMNS, Context, Reply, Request, Response
from thalweg.routing import ReplicaPool
from thalweg.service.shards.division import Division, Key
from thalweg.service.shards.parts import Answers, Opened, arranged, as_matrix, converted, merged
from thalweg.service.shards.scatter import Leg, Outcome, Scatter
from thalweg.service.steps.joining import by_reference, in_columns
from thalweg.service.steps.relay import NO_HEADERS, onwards, under
from thalweg.transport.dispatch import defect


@dataclass(frozen=True)
class Way:
    """Whom a request to one endpoint meets, and what happens to it there."""

    name: str
    pools: tuple[ReplicaPool, ...]
    """The replicas of each shard."""
    before: ReplicaPool | None
    after: ReplicaPool | None
    division: Division
    key: Key
    all: bool
    """Whether all shards are asked."""
    partial: bool
    """Whether an answer is of use that lacks what some shards would have said."""
    tell: Callable[[Mapping[int, ThalwegError], int, Context], None]
    """Told which shards failed, of how many, where the others' answer counts."""
    turn: Callable[[], int]
    """Gives the shard for a request without documents."""


class Crossing:
    """A request that is under way. Is the `Pending` of its caller."""

    def __init__(self, way: Way, request: Request, context: Context, reply: Reply) -> None:
        self._way = way
        self._request = request
        self._accept = request.accept or request.content_type
        self._context = context
        self._reply = reply
        self._headers: Mapping[str, str] = NO_HEADERS
        self._scatter: Scatter | None = None
        self._opened: Opened | None = None
        self._places: dict[int, list[int]] = {}
        self._asked: list[int] = []

    def begin(self) -> None:
        """Raises what is known at once to be wrong with the request."""
        before = self._way.before
        if before is None:
            self._divide(self._request)
        else:
            self._ask([Leg(before, replace(self._request, accept=COLUMNS, target=""))], self._prepared)

    def cancel(self) -> None:
        scatter, self._scatter = self._scatter, None
        if scatter is not None:
            scatter.cancel()

    def _ask(self, calls: list[Leg], then: Callable[[list[Outcome]], None], partial: bool = False) -> None:
        self._scatter = Scatter(calls, self._context, lambda outcomes: self._go_on(then, outcomes), partial)
        self._scatter.begin()

    def _go_on(self, then: Callable[[list[Outcome]], None], outcomes: list[Outcome]) -> None:
        self._scatter = None
        try:
            then(outcomes)
        except ThalwegError as error:
            self._reply.fail(error)
        except Exception as error:
            self._reply.fail(defect(error, self._context))

    def _prepared(self, outcomes: list[Outcome]) -> None:
        response = _only(outcomes)
        self._headers = response.headers
        self._divide(onwards(response, self._request, self._accept))

    def _divide(self, request: Request) -> None:
        way = self._way
        shards = len(way.pools)
        if shards == 1:
            calls = {0: request}
        else:
            # never the very documents: several shards would change them at once
            self._opened = opened = Opened.of(in_columns(request) if by_reference(request) else request)
            if way.all:
                calls = dict.fromkeys(range(shards), opened.request)
            elif not opened.ids:
                calls = {way.turn(): request}
            else:
                self._places = opened.places(way.key, shards)
                calls = {shard: opened.part(places) for shard, places in self._places.items()}
        several = len(calls) > 1 or way.after is not None
        if several:
            _ = self._context.request_id  # made now where the caller gave none, so that all shards know the same one
        self._asked = list(calls)
        given = [replace(one, accept=COLUMNS) if several else one for one in calls.values()]
        pools = [way.pools[shard] for shard in calls]
        self._ask([Leg(*pair) for pair in zip(pools, given, strict=True)], self._answered, way.partial)

    def _answered(self, outcomes: list[Outcome]) -> None:
        way, asked = self._way, len(outcomes)
        answers: dict[int, Response] = {}
        failures: dict[int, ThalwegError] = {}
        for shard, outcome in zip(self._asked, outcomes, strict=True):
            if isinstance(outcome, Response):
                answers[shard] = outcome
            else:
                failures[shard] = outcome
        if failures and (not answers or not way.partial):
            raise _failure(way.name, failures, asked)
        if failures:
            way.tell(failures, asked, self._context)
            self._headers = {
                **self._headers,
                "failed_shards": str(len(failures)),
                "total_shards": str(asked),
            }
        if asked == 1 and way.after is None:
            self._finish(answers[self._asked[0]])
            return
        opened = Answers(way.name, answers)
        if way.after is not None:
            given = onwards(as_matrix(way.name, opened), replace(self._request, target=""), self._accept)
            self._ask([Leg(way.after, given)], lambda outcomes: self._finish(_only(outcomes)))
        else:
            self._finish(converted(self._joined(opened), self._accept))

    def _joined(self, answers: Answers) -> Response:
        assert self._opened is not None
        if not self._way.division.reduce:
            return answers.in_order(None)
        if self._places:
            return arranged(self._opened, self._places, answers)
        return merged(self._opened, self._way.name, answers)

    def _finish(self, response: Response) -> None:
        self._reply.answer(under(self._headers, response))


def _only(outcomes: list[Outcome]) -> Response:
    (outcome,) = outcomes
    if isinstance(outcome, ThalwegError):
        raise outcome
    return outcome


def _failure(name: str, failures: Mapping[int, ThalwegError], asked: int) -> ThalwegError:
    """The error of the first shard that failed, with what is to be known of the others."""
    if not failures:
        raise InternalError(f"{name!r} gave no answer.")
    error = copy(next(iter(failures.values())))
    error.executor = error.executor or name
    if asked > 1:
        which = ", ".join(map(str, failures))
        error.message = f"{error} ({len(failures)} of {asked} shards of {name!r} failed: {which}.)"
        error.details = [
            *error.details,
            *(
                {"loc": [name, shard], "msg": str(one), "type": "failed_shard", "code": one.code}
                for shard, one in failures.items()
            ),
        ]
    return error
