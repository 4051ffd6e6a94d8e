"""`@probe` and `@warmup`: methods that nobody calls but the worker."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, overload

from pydantic import ValidationError

from thalweg.config.health import ProbeOptions

F = TypeVar("F", bound=Callable[..., Any])

_PROBE = "__thalweg_probe__"
_WARMUP = "__thalweg_warmup__"


class Hook(NamedTuple):
    """A method of an Executor class, and for a probe when it is called."""

    method: str
    probe: ProbeOptions = ProbeOptions()


@overload
def probe(func: F, /) -> F: ...
@overload
def probe(
    *, interval: float = 10.0, timeout: float = 5.0, failures: int = 3, replace: bool = True
) -> Callable[[F], F]: ...
def probe(func: F | None = None, /, **options: Any) -> F | Callable[[F], F]:
    """Make a method without arguments the one by which a worker finds out whether its Executor still answers.

        @probe(interval=30)
        def the_model_answers(self) -> None:
            self.model.encode("hello")

    It fails where it raises, returns False, or runs for longer than `timeout`. It runs where the other methods of its kind
    run: on the thread that constructed the Executor, before the requests that wait there, or as a coroutine.

    Args:
        interval: seconds from one probe's end to the next one.
        timeout: seconds that it may run. Waiting for its turn does not count.
        failures: failures in a row after which the worker is not ready.
        replace: whether it is then replaced by a new process. False where a new one would be no better, such as when a
            database is gone: the worker stays, and is ready again as soon as the probe passes.

    Raises:
        TypeError: an option does not fit, or the method needs arguments.
    """
    try:
        terms = ProbeOptions(**options)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise TypeError(f"@probe: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if func is not None:
        return _marked(func, _PROBE, terms)

    def decorate(function: F) -> F:
        return _marked(function, _PROBE, terms)

    return decorate


def warmup(func: F, /) -> F:
    """Have a method without arguments called once, after the constructor and before the worker is ready.

        @warmup
        def compile_the_model(self) -> None:
            self.model.encode(["hello"] * 32)

    It runs where the other methods of its kind run. What it raises fails the start.

    Raises:
        TypeError: the method needs arguments.
    """
    return _marked(func, _WARMUP, True)


def probe_of(cls: type) -> Hook | None:
    """The probe of an Executor class, or None. Raises `TypeError` where one class has two."""
    found = _hooks(cls, _PROBE)
    return Hook(*next(iter(found.items()))) if found else None


def warmups_of(cls: type) -> list[Hook]:
    """The methods that warm an Executor up: those of its parents first, then in the order in which they were written."""
    return [Hook(name) for name in _hooks(cls, _WARMUP)]


def _hooks(cls: type, mark: str) -> dict[str, Any]:
    """Name of a method -> what its decorator left. A probe of a class takes the place of its parents'."""
    found: dict[str, Any] = {}
    for owner in reversed(cls.__mro__):
        here = {name: getattr(value, mark) for name, value in vars(owner).items() if _has(value, mark)}
        if mark == _PROBE and len(here) > 1:
            raise TypeError(
                f"{owner.__name__}: {' and '.join(here)} are both decorated with @probe; let one call the other."
            )
        found = here if mark == _PROBE and here else {**found, **here}
    return found


def _has(value: object, mark: str) -> bool:
    return inspect.isfunction(value) and hasattr(value, mark)


def _marked(function: F, mark: str, value: object) -> F:
    name = mark.removeprefix("__thalweg_").removesuffix("__")
    if not inspect.isfunction(function):
        raise TypeError(f"@{name} belongs directly above a method, not {function!r}.")
    first, *others = [*inspect.signature(function).parameters.values(), None]
    if first is None or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"@{name}: {function.__qualname__} must be a method of an Executor that returns, not an iterator."
        )
    for parameter in others:
        if parameter is not None and _is_needed(parameter):
            raise TypeError(f"@{name}: nobody knows what to give {function.__qualname__} for {parameter.name!r}.")
    setattr(function, mark, value)
    return function


def _is_needed(parameter: inspect.Parameter) -> bool:
    variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and not variable
