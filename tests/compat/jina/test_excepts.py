"""Jina's exceptions."""

from __future__ import annotations

import inspect

import pytest

from thalweg import errors
from thalweg.compat import excepts
from thalweg.compat.excepts import BadClient, BadServer, RuntimeFailToStart, as_jina_raises
from thalweg.errors import ThalwegError


@pytest.mark.parametrize(
    "name",
    [name for name, found in vars(excepts).items() if inspect.isclass(found) and found.__module__ == excepts.__name__],
)
def test_each_can_be_made_and_caught_as_an_exception(name: str) -> None:
    kind = getattr(excepts, name)
    if name != "RuntimeTerminated":  # a KeyboardInterrupt, as in Jina
        assert issubclass(kind, Exception)
    with pytest.raises(kind):
        raise kind("told")


@pytest.mark.parametrize(
    "error,expected",
    [
        (errors.ExecutorFailed("a"), BadServer),
        (errors.EndpointNotFound("a"), BadClient),
        (errors.Unavailable("a"), ConnectionError),
        (errors.PeerLost("a"), ConnectionError),
        (errors.DeadlineExceeded("a"), ConnectionError),
        (errors.StartupFailed("a", traceback="t"), RuntimeFailToStart),
        (errors.TopologyError("a"), excepts.FlowTopologyError),
        (errors.ConfigurationError("a"), excepts.NotSupportedError),
    ],
)
def test_errors_are_of_the_class_that_programs_catch(error: ThalwegError, expected: type[Exception]) -> None:
    error.request_id = "1234"
    made = as_jina_raises(error)
    assert isinstance(made, expected)
    assert (str(made), made.request_id, made.traceback) == ("a", "1234", error.traceback)
    assert as_jina_raises(made) is made
