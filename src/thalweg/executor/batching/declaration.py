"""`@dynamic_batching`, and what becomes of it together with the options of a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pydantic import ValidationError

from thalweg.config.batching import DEFAULT_TIMEOUT_MS, BatchingOptions, batching_of
from thalweg.errors import ConfigurationError

if TYPE_CHECKING:
    from thalweg.executor.endpoint import Endpoint

F = TypeVar("F", bound=Callable[..., Any])

_DECLARATION = "__thalweg_batching__"


@overload
def dynamic_batching(func: F, /) -> F: ...
@overload
def dynamic_batching(
    func: None = None,
    /,
    *,
    preferred_batch_size: int | None = None,
    timeout: float = DEFAULT_TIMEOUT_MS,
    flush_all: bool = False,
    custom_metric: Callable[[Any], float] | None = None,
    use_custom_metric: bool = False,
    use_dynamic_batching: bool = True,
    objective_ms: float | None = None,
    isolate_errors: bool = True,
) -> Callable[[F], F]: ...
def dynamic_batching(func: F | None = None, /, **options: Any) -> F | Callable[[F], F]:
    """Have the documents of several requests given to a method in one call. Stands above or below `@requests`.

        @requests(on="/encode")
        @dynamic_batching(preferred_batch_size=32, timeout=10)
        def encode(self, docs: DocList[Text], **kwargs) -> DocList[Embedded]: ...

    The method answers each document: it returns as many as it was given, in the same order, or None for those it was
    given. Requests whose parameters differ never share a call where the method sees parameters; the same holds for
    headers where it asks for `headers` by name. A `context` that it asks for is that of the batch.

    Args:
        preferred_batch_size: most documents of one call, or most of what `custom_metric` counts. Larger requests are
            split and their answers joined. Needed, unless `objective_ms` is given.
        timeout: milliseconds that a document waits for company at most.
        flush_all: a batch that is full takes everything that waits, also beyond its size.
        custom_metric: what one document counts, such as its tokens or bytes. It is called on a thread of its own, at the
            same time as the method.
        use_custom_metric: whether documents count as `custom_metric` says, or one each.
        use_dynamic_batching: False switches it off; `uses_dynamic_batching` of a Deployment may switch it on again.
        objective_ms: milliseconds that a document may take, waiting included. Size and wait are then found while it runs,
            with `preferred_batch_size` and `timeout` as what they never pass.
        isolate_errors: where a call fails, it is made again in parts, so that only the request at fault gets the error.
            False gives the error to all of them: for a method that must not see a document twice.

    Raises:
        TypeError: an option does not fit; or, when the class is defined, the method streams or takes one document.
    """
    try:
        declared = BatchingOptions(**options)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise TypeError(f"@dynamic_batching: {where}{': ' if where else ''}{first['msg']}") from None
    if func is not None:
        return _declared(func, declared)

    def decorate(function: F) -> F:
        return _declared(function, declared)

    return decorate


def _declared(function: F, declared: BatchingOptions) -> F:
    if not callable(function):
        raise TypeError(f"@dynamic_batching belongs above a method, not {function!r}.")
    setattr(function, _DECLARATION, declared)
    return function


def declared_batching(function: object) -> BatchingOptions | None:
    """What `@dynamic_batching` left on `function`, or None."""
    return getattr(function, _DECLARATION, None)


def hindrance(endpoint: Endpoint) -> str:
    """Why the method of `endpoint` cannot take documents of several requests; empty where it can."""
    if endpoint.streaming:
        return "it streams, and what it gives belongs to no one document"
    if endpoint.single:
        return "it takes one `doc` at a time; take `docs` to get many at once"
    if "docs" not in endpoint.takes and not endpoint.takes_rest:
        return "it takes no `docs`"
    if endpoint.joins:
        return "it joins the branches of one request"
    return ""


def batched_endpoints(
    endpoints: Mapping[str, Endpoint], options: Mapping[str, BatchingOptions], where: str
) -> dict[str, BatchingOptions]:
    """What holds for each endpoint that has batches, by path: `options` for its path laid over those for its method, laid
    over the decorator's.

    Raises:
        ConfigurationError: they name neither endpoint nor method, say too little, or the method cannot be batched.
    """
    known = {*endpoints, *(path.removeprefix("/") for path in endpoints)}
    known |= {endpoint.method for endpoint in endpoints.values()}
    for name in options:
        if name not in known:
            raise ConfigurationError(
                f"{where}: uses_dynamic_batching names {name!r}, which is neither an endpoint nor a method that answers "
                f"one; there are: {', '.join(sorted(endpoints)) or 'none'}."
            )
    found = {path: _effective(endpoint, path, options, where) for path, endpoint in endpoints.items()}
    return {path: effective for path, effective in found.items() if effective is not None}


def _effective(
    endpoint: Endpoint, path: str, options: Mapping[str, BatchingOptions], where: str
) -> BatchingOptions | None:
    given = batching_of(options, path, endpoint.method)
    effective = given.over(endpoint.batching) if given is not None else endpoint.batching
    if effective is None or not effective.use_dynamic_batching:
        return None
    why = hindrance(endpoint)
    if not why and effective.preferred_batch_size is None and effective.objective_ms is None:
        why = "preferred_batch_size is missing (or objective_ms, to have the size found)"
    if not why and effective.use_custom_metric and effective.custom_metric is None:
        why = "use_custom_metric needs a custom_metric"
    if not why and effective.flush_all and effective.objective_ms is not None:
        why = "flush_all and objective_ms exclude each other"
    if why:
        raise ConfigurationError(f"{where}.{endpoint.method}: no dynamic batching at {path}: {why}.")
    return effective
