"""What becomes of exceptions of user code: the error that the caller gets, what is logged, and whether the worker ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from thalweg import errors
from thalweg.errors import (
    ClientError,
    ConfigurationError,
    ExecutorFailed,
    InternalError,
    PeerLost,
    ServerError,
    ThalwegError,
    Unavailable,
)
from thalweg.message import Context

log = logging.getLogger("thalweg.executor")

LONGEST_TEXT = 2000
"""Characters of a user's exception that travel. Some put a whole array into theirs."""
LONGEST_TRACEBACK = 8000
"""Characters of a traceback that travel: its end, where the exception arose."""
NOT_FOR_CALLERS = (ConfigurationError, InternalError, PeerLost)
"""Errors of ours that would tell a caller something wrong when user code raises them: they are about somebody else."""


class Failures:
    """The same for all endpoints of one replica.

    Errors of `thalweg.errors`, and subclasses of user code, leave as they are, with their own status: that is how user code
    tells the caller what to change, or when to come back. Any other exception becomes `ExecutorFailed`. Each of them names
    the Executor, the replica and the request.

    Args:
        executor: name of the Executor.
        replica: its number.
        exit_on: names of classes of exceptions after which `end` is called, with the reason, in the thread of user code.
        quiet: whether the log has one line of an exception instead of its traceback.
        traceback: makes the text that is sent to the caller; None where callers do not get any.
    """

    def __init__(
        self,
        executor: str,
        *,
        replica: int | None = None,
        exit_on: Collection[str] = (),
        quiet: bool = False,
        traceback: Callable[[BaseException], str] | None = None,
        end: Callable[[str], None] | None = None,
    ) -> None:
        self._executor = executor
        self._replica = replica
        self._exit_on = frozenset(exit_on)
        self._quiet = quiet
        self._traceback = traceback
        self._end = end
        self._told = True

    @contextmanager
    def untold(self) -> Iterator[None]:
        """Nothing is logged meanwhile, and no exception ends the worker: whoever calls sees to it."""
        self._told = False
        try:
            yield
        finally:
            self._told = True

    def of(self, error: BaseException, path: str, context: Context) -> ThalwegError:
        """`error` in the form in which it leaves the worker; logged where it is not the caller's fault."""
        name = type(error).__name__
        if isinstance(error, ThalwegError) and not isinstance(error, NOT_FOR_CALLERS):
            failure: ThalwegError = error
            if _is_of_user_code(error):
                failure.cause = failure.cause or name
                failure.message = _text(error)
        else:
            failure = ExecutorFailed(f"{self._executor} failed at {path}: {name}: {_text(error)}", cause=name)
        if isinstance(failure, (ServerError, Unavailable)) or (failure.http is not None and failure.http >= 500):
            self._log(error, path, context)
        if self._traceback is not None and not _is_plain(error):
            failure.traceback = failure.traceback or self._traceback(error)[-LONGEST_TRACEBACK:]
        failure.executor = failure.executor or self._executor
        if failure.replica is None and failure.executor == self._executor:
            failure.replica = self._replica
        failure.request_id = context.request_id  # not the one before: user code may raise one object again and again
        self.noticed(error, path)
        return failure

    def passed_over(self, error: BaseException, path: str) -> None:
        """`error` was raised by a call for several requests, and none of them gets it: in parts the same call passed."""
        if not _is_plain(error):
            log.warning(
                "%s failed at %s with a batch that passed in parts: %s: %s",
                self._executor,
                path,
                type(error).__name__,
                _text(error),
            )

    def noticed(self, error: BaseException, path: str) -> None:
        """End the worker where `error` is one of those after which it ends."""
        name = type(error).__name__
        if self._told and name in self._exit_on and self._end is not None:
            self._end(f"{name} was raised at {path}: {_text(error)}")

    def _log(self, error: BaseException, path: str, context: Context) -> None:
        if not self._told:
            return
        told = "%s failed at %s, request %s"
        if self._quiet or isinstance(error, errors.WrongReturnType):
            log.error(f"{told}: %s: %s", self._executor, path, context.request_id, type(error).__name__, _text(error))
        else:
            log.error(told, self._executor, path, context.request_id, exc_info=error)


def _is_of_user_code(error: ThalwegError) -> bool:
    """Whether nothing of ours raises it while a method is called: a class of the user's own, or that nobody is there."""
    return type(error).__module__ != errors.__name__ or isinstance(error, Unavailable)


def _is_plain(error: BaseException) -> bool:
    """Whether it is about the caller's input; there is nothing in user code to look at then."""
    return isinstance(error, ClientError) and not _is_of_user_code(error)


def _text(error: BaseException) -> str:
    try:
        text = error.message or Exception.__str__(error) if isinstance(error, ThalwegError) else str(error)
    except Exception as broken:  # an exception whose own text raises is still an exception
        text = f"(its text cannot be had: {type(broken).__name__})"
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."
