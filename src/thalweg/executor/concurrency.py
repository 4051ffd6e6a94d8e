"""How many threads an Executor has, and what each of its endpoints takes on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping

from thalweg.config.workers import WorkerOptions
from thalweg.errors import ConfigurationError
from thalweg.executor.endpoint import Endpoint, with_slash
from thalweg.executor.invocation import Entrant
from thalweg.executor.lane import Lane

MOST_DEFAULT_THREADS = 32


def thread_count(allow_concurrent: bool | int) -> int:
    """Compute threads of a replica: one, or the number that is given, or what suits the interpreter.

    Threads that share one lock of the interpreter compute one at a time, so more of them than processors are of use only
    while they wait for something: there are as many as in Python's own pools. Without that lock each has a processor.
    """
    if allow_concurrent is False:
        return 1
    if allow_concurrent is not True:
        return allow_concurrent
    processors = _processors()
    return min(MOST_DEFAULT_THREADS, processors + 4) if _shares_one_lock() else processors


def _shares_one_lock() -> bool:
    enabled = getattr(sys, "_is_gil_enabled", None)  # there is none before Python 3.13
    return enabled is None or bool(enabled())


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def lanes(name: str, endpoints: Mapping[str, Endpoint], options: WorkerOptions) -> dict[str, Lane[Entrant]]:
    """Path -> lane, of the endpoints of the Executor `name` for which anything is said. What `@requests` says counts for all
    paths of a method together, what the options say for the one that they name.

    Raises:
        ConfigurationError: the options name an endpoint that there is not.
    """
    concurrency = {with_slash(path): number for path, number in options.max_concurrency.items()}
    limits = {with_slash(path): limit for path, limit in options.queue_limits.items()}
    _check_known("max_concurrency", name, concurrency, endpoints)
    _check_known("queue_limits", name, limits, endpoints)
    found: dict[str, Lane[Entrant]] = {}
    shared: dict[str, Lane[Entrant]] = {}
    for path, endpoint in endpoints.items():
        limit = limits.get(path)
        if path in concurrency or limit is not None:
            found[path] = Lane(
                concurrency.get(path, endpoint.max_concurrency),
                limit.max_inflight if limit is not None else None,
                limit.max_inflight_bytes if limit is not None else None,
            )
        elif endpoint.max_concurrency is not None:
            found[path] = shared.setdefault(endpoint.method, Lane(endpoint.max_concurrency))
    return found


def _check_known(option: str, name: str, given: Iterable[str], endpoints: Mapping[str, Endpoint]) -> None:
    for path in given:
        if path not in endpoints:
            known = ", ".join(sorted(endpoints)) or "none"
            raise ConfigurationError(f"{option} names {path}, which {name} does not have. Its endpoints are: {known}.")
