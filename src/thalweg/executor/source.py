"""An Executor that was found: its class, and everything that is given to its constructor."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from thalweg.config.batching import BatchingOptions
from thalweg.config.secrets import revealed
from thalweg.config.workers import WorkerOptions
from thalweg.errors import ConfigurationError
from thalweg.executor.batching.declaration import batched_endpoints
from thalweg.executor.endpoint import Endpoint, binding_of, endpoints
from thalweg.executor.executor import INJECTED, Executor, identify


@dataclass(frozen=True)
class ExecutorSource:
    """What `Reference.resolve` gives. The mappings are those of an Executor's YAML, empty where there was none; the
    options of the same name are laid over them."""

    executor: type[Executor]
    uses_with: Mapping[str, Any] = field(default_factory=dict)
    metas: Mapping[str, Any] = field(default_factory=dict)
    requests: Mapping[str, str] = field(default_factory=dict)
    dynamic_batching: Mapping[str, BatchingOptions] = field(default_factory=dict)
    workspace: str | None = None

    def name(self, options: WorkerOptions) -> str:
        """The name in the topology; where there is none, that of `metas`, and at last that of the class."""
        return options.name or self._metas(options).get("name") or self.executor.__name__

    def endpoints(self, options: WorkerOptions) -> dict[str, Endpoint]:
        """Every endpoint by path. Raises `TypeError` for a signature that makes no sense, `ConfigurationError` where
        `uses_requests` names a method that does not exist."""
        return endpoints(self.executor, self._requests(options))

    def batching(self, options: WorkerOptions) -> dict[str, BatchingOptions]:
        """What holds for each endpoint that answers in batches, by path.

        Raises:
            ConfigurationError: `uses_dynamic_batching` makes no sense for this Executor.
        """
        given = dict(self.dynamic_batching)
        for name, batching in options.uses_dynamic_batching.items():
            given[name] = batching.over(given.get(name))
        return batched_endpoints(self.endpoints(options), given, self.executor.__name__)

    def create(self, options: WorkerOptions, replica: int = 0, shard: int = 0) -> Executor:
        """Construct the Executor in the calling thread. Whatever its constructor raises comes out unchanged.

        Raises:
            ConfigurationError: the constructor does not take what `uses_with` gives.
        """
        workspace = options.workspace or self.workspace
        injected: dict[str, Any] = {
            "metas": self._metas(options),
            "requests": self._requests(options),
            "runtime_args": {
                "name": self.name(options),
                "replica": replica,
                "replicas": options.replicas,
                "shard_id": shard,
                "shards": options.shards,
                "workspace": workspace,
            },
            "workspace": workspace,
        }
        cls = self.executor
        arguments = self._arguments(revealed({**self.uses_with, **options.uses_with}), injected)
        # In two steps, so that what an Executor knows of itself is there before its constructor runs, and also where
        # that does not pass it on.
        executor: Executor = cls.__new__(cls)
        identify(executor, **injected)
        cls.__init__(executor, **arguments)
        return executor

    def _metas(self, options: WorkerOptions) -> dict[str, Any]:
        return {**self.metas, **options.uses_metas}

    def _requests(self, options: WorkerOptions) -> dict[str, str]:
        return {**self.requests, **options.uses_requests}

    def _arguments(self, given: dict[str, Any], injected: dict[str, Any]) -> dict[str, Any]:
        """What the constructor is called with: all that the user gave, and of the rest what it accepts."""
        parameters = list(inspect.signature(self.executor.__init__).parameters.values())[1:]
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return {**injected, **given}
        accepted = [parameter.name for parameter in parameters]
        for key in given:
            if key not in accepted:
                raise ConfigurationError(f"{self.executor.__name__} takes no argument {key!r}{_nearest(key, accepted)}")
        return {**{key: value for key, value in injected.items() if key in accepted}, **given}


def executor_class(found: Any, where: str) -> type[Executor]:
    """`found` as a class of Executors: itself, or made of a function.

    Raises:
        ConfigurationError: it is something else; says what.
    """
    if isinstance(found, type) and issubclass(found, Executor):
        return found
    if inspect.isfunction(found):
        if binding_of(found) is not None:
            return _class_of(found)
        raise ConfigurationError(f"{where} is a function without @requests; write that above it.")
    if isinstance(found, Executor):
        raise ConfigurationError(f"{where} is an instance of {type(found).__name__}; give the class, and `uses_with`.")
    if isinstance(found, type):
        raise ConfigurationError(f"{where} is a class, but no subclass of thalweg.Executor.")
    kind = "module" if inspect.ismodule(found) else type(found).__name__
    raise ConfigurationError(f"{where} is of type {kind}; an Executor class or a function with @requests is needed.")


def _class_of(function: Callable[..., Any]) -> type[Executor]:
    name = function.__name__
    members = {name: staticmethod(function), "__module__": function.__module__, "__doc__": function.__doc__}
    return type(name, (Executor,), members)


def _nearest(key: str, accepted: list[str]) -> str:
    own = [name for name in accepted if name not in INJECTED]
    close = get_close_matches(key, own, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; it takes {', '.join(own)}." if own else "; it takes none."
