"""What may be given to a client, and to each of its calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeAlias, TypedDict

from pydantic import BaseModel

from thalweg.client.address import Tls
from thalweg.client.answer import Answer
from thalweg.config import HedgePolicy, Limits, RetryPolicy
from thalweg.errors import ConfigurationError

Parameters: TypeAlias = Mapping[str, Any] | BaseModel | None
Callback: TypeAlias = Callable[[Answer[Any]], object] | None
AsyncCallback: TypeAlias = Callable[[Answer[Any]], Awaitable[object] | object] | None
Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]] | None


class ClientArguments(TypedDict, total=False):
    """Of `Client` and `AsyncClient`, beside `host`."""

    port: int | str | None
    """80 where there is none, 443 where it is encrypted."""
    protocol: str | None
    """`grpc` (as long as none is given), `http` or `websocket`."""
    tls: Tls
    """True, or `ClientTlsOptions` where there is more to say than that."""
    limits: Limits | None
    prefetch: int
    """Requests of one call that are under way at once."""
    headers: Headers
    """Go along with every request."""
    retry: RetryPolicy | Mapping[str, Any] | None
    hedge: HedgePolicy | Mapping[str, Any] | None
    proxy: bool
    compression: str | None
    grpc_channel_options: Mapping[str, int | str] | Iterable[tuple[str, int | str]] | None
    reuse_session: bool
    """Connections are used again whatever is said here."""


class CallArguments(TypedDict, total=False):
    """Of `post` and `stream`, beside those that they name."""

    request_size: int
    """Documents in each request."""
    show_progress: bool
    """Draw a bar where the standard error is a terminal."""
    continue_on_error: bool
    """Go on with the other requests where one fails or a callback raises."""
    max_attempts: int
    initial_backoff: float
    max_backoff: float
    backoff_multiplier: float
    results_in_order: bool
    """In the order of the inputs, the default; else as they come."""
    stream: bool
    """Without effect: requests share connections either way."""
    prefetch: int | None
    headers: Headers
    metadata: Headers
    """Another name of `headers`."""
    timeout: float | None
    """Seconds for each request, all its attempts together."""
    compression: str | None
    priority: int
    share: str
    retry: RetryPolicy | Mapping[str, Any] | None
    hedge: HedgePolicy | Mapping[str, Any] | None
    hedge_after: float | str | None
    """Seconds, or a percentile such as `"p95"`: short for a `hedge` with nothing else to say."""


CLIENT_NAMES = frozenset(ClientArguments.__annotations__)
CALL_NAMES = frozenset(CallArguments.__annotations__) | {"return_type", "return_responses"}

TELEMETRY = frozenset(
    (
        "log_config",
        "metrics",
        "metrics_exporter_host",
        "metrics_exporter_port",
        "suppress_root_logging",
        "tracing",
        "traces_exporter_host",
        "traces_exporter_port",
    )
)
"""Arguments of Jina's client that say nothing here; they may be given as long as they switch nothing on."""


def check_names(given: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    """Raise `ConfigurationError` for a name of `given` that is not known, with the nearest that is."""
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(sorted(known))}."
            raise ConfigurationError(f"{where} has no argument {name!r}; {hint}")


def without_telemetry(given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` without the arguments of Jina's that say nothing here. Raises `ConfigurationError` for one that does."""
    for name in TELEMETRY & given.keys():
        if given[name] not in (None, False, "default", ""):
            raise ConfigurationError(f"A client has no telemetry of its own yet; leave out {name!r}.")
    return {name: value for name, value in given.items() if name not in TELEMETRY}


def as_headers(*given: Headers) -> dict[str, str]:
    """Headers from mappings and pairs, names in lower case; later ones win."""
    headers: dict[str, str] = {}
    for one in given:
        if one:
            pairs = one.items() if isinstance(one, Mapping) else one
            try:
                headers.update((str(name).lower(), str(value)) for name, value in pairs)
            except (TypeError, ValueError):
                raise ConfigurationError(
                    f"Headers are a mapping, or pairs of a name and a value, not {one!r}."
                ) from None
    return headers
