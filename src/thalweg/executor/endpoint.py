"""`@requests`, and what a method says of itself through it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, TypeVar, overload

from pydantic import BaseModel

from thalweg.config.batching import BatchingOptions
from thalweg.docs import BaseDocWithoutId
from thalweg.errors import ConfigurationError
from thalweg.executor import annotation
from thalweg.executor.batching.declaration import declared_batching, hindrance
from thalweg.executor.writing import writes
from thalweg.message.description import DEFAULT_ENDPOINT

ARGUMENTS = ("docs", "doc", "docs_matrix", "docs_map", "parameters", "headers", "context")
"""What a method may ask for, by name."""

OF_BRANCHES = frozenset(("docs_matrix", "docs_map"))
"""Those of them that are there for who joins the documents of several branches."""

_BINDING = "__thalweg_requests__"

F = TypeVar("F", bound=Callable[..., Any])


class MethodKind(Enum):
    """How a method is run."""

    PLAIN = "plain"
    ASYNC = "async"
    ITERATOR = "iterator"
    ASYNC_ITERATOR = "async iterator"


class Binding(NamedTuple):
    """What `@requests` leaves on a function."""

    paths: tuple[str, ...]
    request_schema: Any = None
    response_schema: Any = None
    max_concurrency: int | None = None
    envelope: bool = True
    known: Mapping[str, Any] = {}
    """Annotations that were evaluated where the function was defined. They go along when it is sent to another process,
    where a name that was local or stood in a notebook cell could not be found again."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method and the paths it answers, read once from its signature. A type of None means any document.

    `method` is the attribute's name, `takes` the subset of `ARGUMENTS` that it asks for by name; `takes_rest` says that
    it has `**kwargs`, which then get all the others. `output_type` is the class that each returned document must have;
    `keeps_documents` that it is annotated to return no documents of its own.
    """

    method: str
    paths: tuple[str, ...]
    kind: MethodKind
    takes: frozenset[str]
    takes_rest: bool = False
    input_type: type[BaseDocWithoutId] | None = None
    input_as_columns: bool = False
    reads_stream: bool = False
    output_type: type[BaseDocWithoutId] | None = None
    parameters_type: type[BaseModel] | None = None
    parameters_optional: bool = False
    batching: BatchingOptions | None = None
    max_concurrency: int | None = None
    envelope: bool = True
    writes: bool = False
    description: str = ""

    @property
    def single(self) -> bool:
        """True where the method is called once for each document."""
        return "doc" in self.takes

    @property
    def joins(self) -> bool:
        """True where the method asks for the documents of each branch."""
        return not OF_BRANCHES.isdisjoint(self.takes)

    @property
    def streaming(self) -> bool:
        return self.kind in (MethodKind.ITERATOR, MethodKind.ASYNC_ITERATOR)

    @property
    def asynchronous(self) -> bool:
        return self.kind in (MethodKind.ASYNC, MethodKind.ASYNC_ITERATOR)


@overload
def requests(func: F, /) -> F: ...
@overload
def requests(
    *,
    on: str | Iterable[str] | None = None,
    request_schema: Any = None,
    response_schema: Any = None,
    max_concurrency: int | None = None,
    envelope: bool = True,
) -> Callable[[F], F]: ...
def requests(
    func: F | None = None,
    /,
    *,
    on: str | Iterable[str] | None = None,
    request_schema: Any = None,
    response_schema: Any = None,
    max_concurrency: int | None = None,
    envelope: bool = True,
) -> F | Callable[[F], F]:
    """Make a method of an `Executor`, or a plain function, answer requests. It stays what it was and can be called.

    Args:
        func: given where the decorator is used bare; then it answers every endpoint that has no method of its own.
        on: the endpoint or endpoints; a missing slash in front is added. Absent: as when used bare.
        request_schema: document class that is taken, in place of the annotation of `docs` or `doc`.
        response_schema: document class that is given, in place of the return annotation.
        max_concurrency: how many requests a replica works on at once here, all of the endpoints together; the others wait.
        envelope: whether JSON over HTTP is `{"data": [...], "parameters": {...}}`. With False the body is the one document
            itself, there and back, and parameters stand in the query string.

    The method asks for any subset of `docs` (all documents of a request) or `doc` (called once for each), `parameters`,
    `headers` and `context` by name; with `**kwargs` it gets the others too. Whether the annotations make sense is
    checked when the class is defined.
    """
    if func is not None:
        return _bind(func, Binding((DEFAULT_ENDPOINT,)), depth=1)
    if max_concurrency is not None and (type(max_concurrency) is not int or max_concurrency < 1):
        raise TypeError(f"@requests(max_concurrency={max_concurrency!r}): give a whole number from 1 on.")
    binding = Binding(_paths(on), request_schema, response_schema, max_concurrency, envelope)

    def decorate(function: F) -> F:
        return _bind(function, binding, depth=1)

    return decorate


def _bind(function: F, binding: Binding, depth: int) -> F:
    target = inspect.unwrap(function)
    if not inspect.isfunction(target):
        raise TypeError(f"@requests belongs directly above a method or a function, not {function!r}.")
    known = annotation.evaluated(function, annotation.enclosing_names(depth + 1))
    earlier: Binding | None = vars(function).get(_BINDING)
    if earlier is not None:
        binding = binding._replace(
            paths=(*earlier.paths, *binding.paths),
            request_schema=binding.request_schema or earlier.request_schema,
            response_schema=binding.response_schema or earlier.response_schema,
            max_concurrency=binding.max_concurrency or earlier.max_concurrency,
            envelope=binding.envelope and earlier.envelope,
        )
    setattr(function, _BINDING, binding._replace(known=known))
    return function


def _paths(on: str | Iterable[str] | None) -> tuple[str, ...]:
    if on is None:
        return (DEFAULT_ENDPOINT,)
    paths = (on,) if isinstance(on, str) else tuple(on)
    if not paths or not all(isinstance(path, str) and path.strip("/") for path in paths):
        raise TypeError(f"@requests(on={on!r}): name an endpoint such as '/encode', or a list of them.")
    return tuple(with_slash(path) for path in paths)


def with_slash(path: str) -> str:
    """`path` with the slash in front that every endpoint has."""
    return path if path.startswith("/") else f"/{path}"


def binding_of(function: object) -> Binding | None:
    """What `@requests` left on `function`, or None."""
    return getattr(function, _BINDING, None)


def endpoints(cls: type, remapped: Mapping[str, str] | None = None) -> dict[str, Endpoint]:
    """Every endpoint of `cls` by path, those of its parents included.

    A child's binding of a path replaces its parents', and a method that is decorated again answers its new paths only.
    `remapped` (path -> name of a method) takes away the paths that such a method had, and gives it these.

    Raises:
        TypeError: two methods of one class answer one path, or a signature makes no sense.
        ConfigurationError: `remapped` names a method that does not exist.
    """
    methods, bindings = _bound(cls)
    if remapped:
        _remap(cls, methods, bindings, remapped)
    paths: dict[str, list[str]] = {}
    for path, method in methods.items():
        paths.setdefault(method, []).append(path)
    read = {
        method: _read(cls, method, tuple(answered), bindings.get(method, Binding(())))
        for method, answered in paths.items()
    }
    return {path: read[method] for path, method in methods.items()}


def _bound(cls: type) -> tuple[dict[str, str], dict[str, Binding]]:
    """Path -> name of a method, and name of a method -> its binding."""
    methods: dict[str, str] = {}
    bindings: dict[str, Binding] = {}
    for owner in reversed(cls.__mro__):
        here: dict[str, str] = {}
        for name, attribute in vars(owner).items():
            binding = binding_of(_function(attribute))
            if binding is None:
                continue
            methods = {path: method for path, method in methods.items() if method != name}
            bindings[name] = binding
            for path in binding.paths:
                if here.setdefault(path, name) != name:
                    raise TypeError(f"{owner.__name__}: both {here[path]} and {name} answer {path}.")
        methods.update(here)
    return methods, bindings


def _remap(cls: type, methods: dict[str, str], bindings: Mapping[str, Binding], remapped: Mapping[str, str]) -> None:
    for method in remapped.values():
        attribute = inspect.getattr_static(cls, method, None) if isinstance(method, str) else None
        if not inspect.isfunction(_function(attribute)):
            raise ConfigurationError(
                f"{cls.__name__} has no method {method!r}; those that answer requests are: "
                f"{', '.join(sorted(bindings)) or 'none'}."
            )
    for path in [path for path, method in methods.items() if method in remapped.values()]:
        del methods[path]
    methods.update({with_slash(path): method for path, method in remapped.items()})


def _function(attribute: object) -> Any:
    return attribute.__func__ if isinstance(attribute, (staticmethod, classmethod)) else attribute


def _read(cls: type, method: str, paths: tuple[str, ...], binding: Binding) -> Endpoint:
    attribute = inspect.getattr_static(cls, method)
    function = _function(attribute)
    own = binding_of(function)
    known = own.known if own is not None else {}
    where = f"{cls.__name__}.{method}"
    takes, rest = _arguments(function, where, skip_first=not isinstance(attribute, staticmethod))

    def hint(name: str) -> Any:
        return annotation.annotation(function, name, known, where)

    given = annotation.answer(hint("return"), where)
    taken = _taken(takes, hint, where)
    kind = _kind(function, given, where)
    _check_stream(kind, taken, where)
    if binding.request_schema is not None:
        taken = taken._replace(doc_type=annotation.document_class(binding.request_schema, where, "request_schema"))
    output_type = taken.doc_type if given.keeps_documents else given.doc_type
    if binding.response_schema is not None:
        output_type = annotation.document_class(binding.response_schema, where, "response_schema")
    model, optional = annotation.parameters(hint("parameters"), where) if "parameters" in takes else (None, False)
    endpoint = Endpoint(
        method=method,
        paths=paths,
        kind=kind,
        takes=takes,
        takes_rest=rest,
        input_type=taken.doc_type,
        input_as_columns=taken.as_columns,
        reads_stream=taken.as_stream,
        output_type=output_type,
        parameters_type=model,
        parameters_optional=optional,
        batching=declared_batching(function),
        max_concurrency=own.max_concurrency if own is not None else None,
        envelope=own is None or own.envelope,
        writes=writes(function),
        description=inspect.getdoc(function) or "",
    )
    _check_batching(endpoint, where)
    if endpoint.writes and endpoint.streaming:
        raise TypeError(
            f"{where}: @write cannot stand here: it streams, and a slow reader would hold up all other writes."
        )
    return endpoint


def _check_batching(endpoint: Endpoint, where: str) -> None:
    why = hindrance(endpoint) if endpoint.batching is not None and endpoint.batching.use_dynamic_batching else ""
    if why:
        raise TypeError(f"{where}: @dynamic_batching cannot stand here: {why}.")


def _taken(takes: frozenset[str], hint: Callable[[str], Any], where: str) -> annotation.Taken:
    if "doc" in takes:
        return annotation.Taken(annotation.single(hint("doc"), where))
    taken = annotation.batch(hint("docs"), where) if "docs" in takes else annotation.Taken(None)
    of_branches = {
        "docs_matrix": annotation.matrix(hint("docs_matrix"), where),
        "docs_map": annotation.by_branch(hint("docs_map"), where),
    }
    for name, doc_type in of_branches.items():
        if doc_type is None or name not in takes:
            continue
        if taken.doc_type not in (None, doc_type):
            raise TypeError(
                f"{where}: `{name}` has {doc_type.__name__} where there is {annotation.name_of(taken.doc_type)} before. All "
                f"branches are of one class; write one with the fields of all, or AnyDoc."
            )
        taken = taken._replace(doc_type=doc_type)
    return taken


def _arguments(function: Callable[..., Any], where: str, skip_first: bool) -> tuple[frozenset[str], bool]:
    """The names that `function` asks for, and whether it takes `**kwargs`."""
    named = list(inspect.signature(function).parameters.values())[1 if skip_first else 0 :]
    takes: set[str] = set()
    rest = False
    for parameter in named:
        if parameter.kind is parameter.VAR_KEYWORD:
            rest = True
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            raise TypeError(f"{where}: {parameter.name} is positional-only, but arguments are given by name.")
        elif parameter.name in ARGUMENTS:
            takes.add(parameter.name)
        elif parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL:
            raise TypeError(
                f"{where}: nobody knows what to give for {parameter.name!r}. A method that answers requests takes any of "
                f"{', '.join(ARGUMENTS)}, and **kwargs."
            )
    if {"doc", "docs"} <= takes:
        raise TypeError(
            f"{where}: takes both `docs` and `doc`. Take `docs` for all documents at once, or `doc` for each."
        )
    if "doc" in takes and not OF_BRANCHES.isdisjoint(takes):
        raise TypeError(
            f"{where}: takes the documents of each branch, and `doc`, which is one. Take `docs_matrix` or `docs_map` alone."
        )
    return frozenset(takes), rest


def _check_stream(kind: MethodKind, taken: annotation.Taken, where: str) -> None:
    """Whoever reads a stream gives one, and waits for both in the same way."""
    if not taken.as_stream:
        return
    if kind not in (MethodKind.ITERATOR, MethodKind.ASYNC_ITERATOR):
        raise TypeError(f"{where}: reads a stream of documents, so it answers with one: `yield` what it has to say.")
    if taken.asynchronous is not (kind is MethodKind.ASYNC_ITERATOR):
        wanted, keyword = ("AsyncIterator", "async def") if not taken.asynchronous else ("Iterator", "def")
        raise TypeError(f"{where}: is written with `{keyword}`, so its `docs` is an {wanted}[...] of documents.")


def _kind(function: Callable[..., Any], given: annotation.Given, where: str) -> MethodKind:
    target = inspect.unwrap(function)
    if inspect.isasyncgenfunction(target):
        return MethodKind.ASYNC_ITERATOR
    if inspect.isgeneratorfunction(target):
        return MethodKind.ITERATOR
    if inspect.iscoroutinefunction(target):
        if given.iterates:
            raise TypeError(
                f"{where}: is a coroutine annotated to return an iterator. Use `yield` in it, or leave out `async`."
            )
        return MethodKind.ASYNC
    if given.iterates:
        return MethodKind.ASYNC_ITERATOR if given.asynchronous else MethodKind.ITERATOR
    return MethodKind.PLAIN
