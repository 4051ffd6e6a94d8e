"""Jina's `Executor` and its decorators, on Thalweg's."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from thalweg.compat.documents import LegacyDocument
from thalweg.compat.logs import JinaLogger
from thalweg.docs import DocList
from thalweg.executor import Executor as ThalwegExecutor
from thalweg.executor import requests as thalweg_requests

F = TypeVar("F", bound=Callable[..., Any])

BESIDE = ("tracing_context",)
"""What Jina hands to methods beside what Thalweg does."""


class JinaExecutor(ThalwegExecutor):
    """`jina.Executor`: what it offers beside Thalweg's."""

    tracer = tracer_provider = meter = meter_provider = None
    dynamic_batching: Mapping[str, Any] = {}
    _constructed_with: Mapping[str, Any]

    @property
    def logger(self) -> Any:
        """A logger with Jina's extra level."""
        return JinaLogger(self.metas.name, f"executor.{self.metas.name}")

    @contextmanager
    def monitor(self, name: str | None = None, documentation: str | None = None) -> Iterator[None]:
        """The time of a block; nothing is measured yet."""
        yield

    @property
    def write_endpoints(self) -> frozenset[str]:
        """The paths whose methods are decorated with `@write`."""
        return frozenset(path for path, bound in self.requests.items() if bound.endpoint.writes)

    def __new__(cls, *arguments: Any, **given: Any) -> Self:
        make = super().__new__
        made = make(cls) if make is object.__new__ else make(cls, *arguments, **given)
        vars(made)["_constructed_with"] = _by_name(cls, arguments, given)
        return made

    def save_config(self, filename: str) -> None:
        """Write what it was made with to the YAML file `filename`, of which `load_config` makes another one. Only what the
        program itself gave to its constructor is there, and nothing in a worker, whose options say it.

        Raises:
            ConfigurationError: something that was given is no text, number, list or mapping; or the file cannot be written.
        """
        from thalweg.compat.sources import write_executor

        write_executor(self, self._constructed_with, Path(filename))

    @classmethod
    def serve(cls, stop_event: Any = None, **options: Any) -> None:
        """Serve it alone until `stop_event` is set."""
        from thalweg.compat.runnable import JinaDeployment

        with JinaDeployment(uses=cls, **options) as deployment:
            deployment.block(stop_event)

    @classmethod
    def load_config(cls, source: Any, **options: Any) -> Any:
        """An Executor made of its YAML, in this process."""
        from thalweg.compat.sources import executor_of

        return executor_of(source, **options)


def _by_name(cls: type[JinaExecutor], arguments: tuple[Any, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """What a constructor is given, by the names of its parameters."""
    names = list(inspect.signature(cls.__init__).parameters)[1:]
    return {**dict(zip(names, arguments, strict=False)), **given}


def jina_requests(func: Any = None, *, on: Any = None, request_schema: Any = None, response_schema: Any = None) -> Any:
    """`jina.requests`: documents without an annotation are legacy documents, and methods may ask for what Jina hands
    over beside them."""
    if func is not None:
        return _bound(func, None, request_schema, response_schema)
    return lambda function: _bound(function, on, request_schema, response_schema)


def _bound(function: F, on: Any, request_schema: Any, response_schema: Any) -> F:
    adapted = _with_what_is_beside(function)
    untyped = _untyped(function)
    if untyped and request_schema is None:
        request_schema = DocList[LegacyDocument]
    options: dict[str, Any] = {"on": on} if on is not None else {}
    return thalweg_requests(request_schema=request_schema, response_schema=response_schema, **options)(adapted)


def _untyped(function: Callable[..., Any]) -> bool:
    """Whether nothing says of which class the documents are."""
    known = inspect.signature(function).parameters
    named = (known.get(name) for name in ("docs", "doc", "docs_matrix", "docs_map"))
    return all(one is None or one.annotation is inspect.Parameter.empty for one in named)


def _with_what_is_beside(function: F) -> F:
    """`function` without the arguments that Thalweg does not hand over, which it gets all the same."""
    signature = inspect.signature(function)
    asked = [name for name in BESIDE if name in signature.parameters]
    if not asked:
        return function

    def extra(given: Mapping[str, Any]) -> dict[str, Any]:
        return {name: None for name in asked if name not in given}

    adapted = _of_the_same_kind(function, extra)
    kept = [one for name, one in signature.parameters.items() if name not in BESIDE]
    adapted.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    return cast(F, adapted)


def _of_the_same_kind(function: F, extra: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Callable[..., Any]:
    """What calls `function` with what `extra` makes of the arguments besides; a generator where that is one, since what a
    method is decides how it is served."""
    if inspect.isasyncgenfunction(function):

        @wraps(function)
        async def items_later(self: Any, *arguments: Any, **given: Any) -> AsyncGenerator[Any, None]:
            async with aclosing(function(self, *arguments, **given, **extra(given))) as items:
                async for item in items:
                    yield item

        return items_later
    if inspect.isgeneratorfunction(function):

        @wraps(function)
        def items_now(self: Any, *arguments: Any, **given: Any) -> Iterator[Any]:
            yield from function(self, *arguments, **given, **extra(given))

        return items_now
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def later(self: Any, *arguments: Any, **given: Any) -> Any:
            return await function(self, *arguments, **given, **extra(given))

        return later

    @wraps(function)
    def now(self: Any, *arguments: Any, **given: Any) -> Any:
        return function(self, *arguments, **given, **extra(given))

    return now


def monitor(*, name: str | None = None, documentation: str | None = None) -> Callable[[F], F]:
    """`jina.monitor`. Nothing is measured yet; the method stays what it is."""
    return lambda function: function


def jina_batching(func: Any = None, **options: Any) -> Any:
    """`jina.dynamic_batching`: see Thalweg's."""
    from thalweg.executor import dynamic_batching

    known = {name: value for name, value in options.items() if value is not None}
    return dynamic_batching(**known) if func is None else dynamic_batching(func, **known)
