"""Jina's exceptions. Each is an `Exception`, and one of Thalweg's where that says the same."""

from __future__ import annotations

from typing import Any

from thalweg.errors import (
    ClientError,
    ConfigurationError,
    DeadlineExceeded,
    PeerLost,
    ServerError,
    StartupFailed,
    ThalwegError,
    TopologyError,
    Unavailable,
)


class BaseJinaException(Exception):
    """The root. Jina derives its own from `BaseException`, which `except Exception` does not catch."""


class RuntimeFailToStart(StartupFailed, SystemError, BaseJinaException):
    """A Flow or Deployment did not become ready."""


class RuntimeTerminated(KeyboardInterrupt, BaseJinaException):
    """It was asked to stop."""


class RuntimeRunForeverEarlyError(BaseJinaException):
    """A server ended early."""


class FlowTopologyError(TopologyError, BaseJinaException):
    """The graph makes no sense."""


class FlowMissingDeploymentError(TopologyError, BaseJinaException):
    """A Flow has no Executor."""


class FlowBuildLevelError(BaseJinaException):
    """A method was called too early."""


class BadConfigSource(ConfigurationError, FileNotFoundError, BaseJinaException):
    """What `uses` or a YAML file names cannot be found or read."""


class BadYAMLVersion(ConfigurationError, BaseJinaException):
    """A YAML file of another version."""


class BadServer(ServerError, BaseJinaException):
    """An Executor failed."""


class BadServerFlow(BadServer):
    """The stream of a server broke."""


class BadClient(ClientError, BaseJinaException):
    """The caller has to change something."""


class BadClientCallback(BadClient):
    """A callback raised."""


class BadClientInput(BadClient):
    """The inputs raised, or are none."""


class BadRequestType(BadClient, TypeError):
    """The content of a request is of a wrong type."""


class BadImageNameError(ConfigurationError, BaseJinaException):
    """There is no such image."""


class DockerVersionError(BaseJinaException, SystemError):
    """The Docker engine is too old."""


class NoContainerizedError(BaseJinaException):
    """An Executor is no container."""


class NotSupportedError(ConfigurationError, BaseJinaException):
    """There is no such thing, or not together with another."""


class PortAlreadyUsed(StartupFailed, RuntimeError, BaseJinaException):
    """Somebody listens there already."""


class EstablishGrpcConnectionError(Unavailable, BaseJinaException):
    """No connection to an Executor could be made."""


class InternalNetworkError(Unavailable, BaseJinaException):
    """An Executor could not be reached."""


class ExecutorError(ServerError, RuntimeError, BaseJinaException):
    """What an Executor raised, as a streamer gives it. `name` is that of the exception's class."""

    def __init__(self, name: str = "", args: Any = (), stacks: Any = (), executor: str = "") -> None:
        super().__init__(", ".join(map(str, args)), executor=executor, cause=name)
        self.name = name
        self.stacks = list(stacks)


class Disconnected(Unavailable, ConnectionError, BaseJinaException):
    """What Jina's client raises as `ConnectionError`."""


class TimedOut(DeadlineExceeded, ConnectionError, BaseJinaException):
    """The same, where time ran out."""


def as_jina_raises(error: ThalwegError) -> ThalwegError:
    """`error` as the class that a program written for Jina catches; what it says stays."""
    if isinstance(error, BaseJinaException):
        return error
    kinds: tuple[tuple[type[ThalwegError], type[ThalwegError]], ...] = (
        (PeerLost, Disconnected),
        (StartupFailed, RuntimeFailToStart),
        (TopologyError, FlowTopologyError),
        (ConfigurationError, NotSupportedError),
        (Unavailable, Disconnected),
        (DeadlineExceeded, TimedOut),
        (ClientError, BadClient),
    )
    kind = next((theirs for ours, theirs in kinds if isinstance(error, ours)), BadServer)
    made = kind.__new__(kind)
    Exception.__init__(made, error.message)
    vars(made).update(vars(error))
    made.__notes__ = list(getattr(error, "__notes__", ()))
    return made
