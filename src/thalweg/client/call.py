"""One call: what `post` and `stream` were given, checked and in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel

from thalweg.client.address import Destination, destination
from thalweg.client.arguments import (
    CALL_NAMES,
    CLIENT_NAMES,
    AsyncCallback,
    Headers,
    Parameters,
    as_headers,
    check_names,
    without_telemetry,
)
from thalweg.client.exchange import ReturnType, document_type
from thalweg.config import ChannelOptions, HedgePolicy, Limits, RetryPolicy
from thalweg.config.load import parse_options
from thalweg.docs import BaseDocWithoutId
from thalweg.errors import ConfigurationError

PREFETCH = 64
"""Requests of one call that are under way at once; it bounds what a call keeps in memory."""

INPROCESS = "inprocess://"
_OF_THE_CHANNEL = ("proxy", "compression", "grpc_channel_options")
_BACKOFF = ("max_attempts", "initial_backoff", "max_backoff", "backoff_multiplier")


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a client was made with."""

    destination: Destination
    limits: Limits | None
    channel: ChannelOptions
    prefetch: int
    headers: dict[str, str]
    retry: RetryPolicy
    hedge: HedgePolicy | None

    @classmethod
    def of(cls, host: str | None, arguments: Mapping[str, Any], client: str) -> Self:
        """Raises `ConfigurationError` for an unknown argument, a value that does not fit, a part of the address that is
        given twice."""
        given = without_telemetry(arguments)
        check_names(given, CLIENT_NAMES, client)
        transport: dict[str, Any] = {name: given[name] for name in _OF_THE_CHANNEL if name in given}
        return cls(
            destination(host, given.get("port"), given.get("protocol"), given.get("tls")),
            given.get("limits"),
            parse_options(ChannelOptions, transport, client),
            at_least_one("prefetch", given.get("prefetch", PREFETCH)),
            as_headers(given.get("headers")),
            _retry(given.get("retry")) or RetryPolicy(),
            _hedge(given.get("hedge")),
        )


@dataclass(slots=True)
class Callbacks:
    """Whom to tell of each answer: `on_done` of those that have documents, `on_error` of those that have failed, and
    `on_always`, after one of both, of all."""

    on_done: AsyncCallback = None
    on_error: AsyncCallback = None
    on_always: AsyncCallback = None


@dataclass(slots=True)
class Posted:
    """One call of an endpoint, whatever number of requests it takes."""

    endpoint: str
    doc_type: type[BaseDocWithoutId]
    wants_document: bool
    """Whether `return_type` is the class of a document, not of a list."""
    parameters: dict[str, Any]
    target: str
    callbacks: Callbacks | None
    size: int
    prefetch: int
    in_order: bool
    headers: dict[str, str]
    timeout: float | None
    channel: ChannelOptions
    priority: int
    share: str
    retry: RetryPolicy | None
    """None where a request is sent once."""
    hedge: HedgePolicy | None
    goes_on: bool
    """Whether a request that fails leaves the others alone."""
    forgives: bool
    """Whether a callback that raises leaves the others alone."""
    as_answers: bool
    progress: bool
    by_reference: bool
    """Whether who answers is in this process, and documents go there and come back as they are."""

    @property
    def plain(self) -> bool:
        """Whether only the documents are wanted, from one attempt."""
        return not (self.callbacks or self.retry or self.hedge or self.goes_on or self.as_answers or self.progress)

    @property
    def silent(self) -> bool:
        """Whether the answers go to callbacks alone."""
        return self.callbacks is not None and (
            self.callbacks.on_done is not None or self.callbacks.on_always is not None
        )

    @classmethod
    def of(
        cls,
        on: str,
        callbacks: Callbacks | None,
        parameters: Parameters,
        target: str,
        options: Mapping[str, Any],
        settings: ClientSettings,
    ) -> Self:
        """Raises `ConfigurationError` for an unknown argument or a value that does not fit."""
        check_names(options, CALL_NAMES, "post")
        given = options.get
        return_type: ReturnType = given("return_type")
        kind = document_type(return_type)
        goes_on = bool(given("continue_on_error", False))
        return cls(
            _endpoint(on),
            kind,
            return_type is kind,
            _plain(parameters),
            target or "",
            callbacks,
            at_least_one("request_size", given("request_size", 100)),
            at_least_one("prefetch", given("prefetch") or settings.prefetch),
            bool(given("results_in_order", True)),
            _headers(settings.headers, given("headers"), given("metadata")),
            _seconds(given("timeout")),
            settings.channel if given("compression") is None else _packed(settings.channel, given("compression")),
            int(given("priority", 0)),
            str(given("share") or ""),
            _attempts(options, settings.retry),
            _hedge(given("hedge"), given("hedge_after")) or settings.hedge,
            goes_on or (callbacks is not None and callbacks.on_error is not None),
            goes_on,
            bool(given("return_responses", False)),
            bool(given("show_progress", False)),
            settings.destination.address.startswith(INPROCESS),
        )


def _endpoint(on: object) -> str:
    if not isinstance(on, str) or not on:
        raise ConfigurationError(f"on must be the path of an endpoint, such as '/search', not {on!r}.")
    return on


def _plain(parameters: Parameters) -> dict[str, Any]:
    if parameters is None:
        return {}
    if isinstance(parameters, BaseModel):
        return parameters.model_dump()
    if isinstance(parameters, Mapping):
        return dict(parameters)
    raise ConfigurationError(f"parameters must be a mapping or a pydantic model, not {type(parameters).__name__}.")


def _headers(settled: dict[str, str], headers: Headers, metadata: Headers) -> dict[str, str]:
    return as_headers(settled, metadata, headers) if headers or metadata else settled


def at_least_one(name: str, value: Any) -> int:
    """`value`, which is a positive number. Raises `ConfigurationError`."""
    if not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{name} must be 1 or more, not {value!r}.")
    return value


def _seconds(timeout: Any) -> float | None:
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout <= 0:
        raise ConfigurationError(f"timeout must be a number of seconds above 0, not {timeout!r}.")
    return float(timeout)


def _packed(channel: ChannelOptions, compression: Any) -> ChannelOptions:
    return parse_options(ChannelOptions, {**channel.model_dump(), "compression": compression}, "post")


def _retry(given: Any) -> RetryPolicy | None:
    if given is None or isinstance(given, RetryPolicy):
        return given
    return parse_options(RetryPolicy, _mapping("retry", given), "retry")


def _attempts(options: Mapping[str, Any], settled: RetryPolicy) -> RetryPolicy | None:
    policy = _retry(options.get("retry")) or settled
    named = {name: options[name] for name in _BACKOFF if name in options}
    if named:
        policy = parse_options(RetryPolicy, {**policy.model_dump(), **named}, "post")
    return policy if policy.max_attempts > 1 else None


def _hedge(given: Any, after: Any = None) -> HedgePolicy | None:
    if after is not None:
        if given is not None:
            raise ConfigurationError("Give one of hedge and hedge_after.")
        if isinstance(after, str):
            percentile = after.removeprefix("p")
            return parse_options(HedgePolicy, {"percentile": percentile}, "hedge_after")
        return parse_options(HedgePolicy, {"after": after}, "hedge_after")
    if given is None or isinstance(given, HedgePolicy):
        return given
    return parse_options(HedgePolicy, _mapping("hedge", given), "hedge")


def _mapping(name: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{name} must be a policy or a mapping of its options, not {given!r}.")
    return given
