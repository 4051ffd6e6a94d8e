"""Jina's `Client`, on Thalweg's: what it raises is what programs written for Jina catch."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from thalweg.client import AsyncClient, Client
from thalweg.client.arguments import TELEMETRY
from thalweg.compat.enums import ProtocolType
from thalweg.compat.excepts import as_jina_raises
from thalweg.compat.responses import as_jina_gives, told_as_jina_tells
from thalweg.errors import ThalwegError

ORDER = (
    "on_done",
    "on_error",
    "on_always",
    "parameters",
    "target_executor",
    "request_size",
    "show_progress",
    "continue_on_error",
    "return_responses",
    "max_attempts",
    "initial_backoff",
    "max_backoff",
    "backoff_multiplier",
    "results_in_order",
    "stream",
    "prefetch",
    "return_type",
)
"""The arguments of `post` after `on` and `inputs`, in the order in which Jina takes them."""
CALLBACKS = ("on_done", "on_error", "on_always")
OF_AIOHTTP = frozenset(("auth", "cookies", "credentials", "ssl", "allow_redirects", "raise_for_status"))


class JinaCalls:
    """The calls that `jina.Client`, `Flow` and `Deployment` share. `client` makes them."""

    _client: BlockingJinaClient | AsyncJinaClient | None = None

    @property
    def client(self) -> BlockingJinaClient | AsyncJinaClient:
        raise NotImplementedError

    def post(self, on: str, inputs: Any = None, *arguments: Any, **options: Any) -> Any:
        """See `thalweg.Client.post`. None where callbacks take the answers; an asynchronous iterator where `asyncio` is
        true."""
        return self.client.post(on, inputs, *arguments, **options)

    def stream_doc(self, on: str, inputs: Any, **options: Any) -> Any:
        """The documents that a streaming endpoint gives, as they come."""
        return self.client.stream_doc(on, inputs, **options)

    def index(self, *arguments: Any, **options: Any) -> Any:
        """`post` on `/index`."""
        return self.post("/index", *arguments, **options)

    def search(self, *arguments: Any, **options: Any) -> Any:
        """`post` on `/search`."""
        return self.post("/search", *arguments, **options)

    def update(self, *arguments: Any, **options: Any) -> Any:
        """`post` on `/update`."""
        return self.post("/update", *arguments, **options)

    def delete(self, *arguments: Any, **options: Any) -> Any:
        """`post` on `/delete`."""
        return self.post("/delete", *arguments, **options)


class BlockingJinaClient(JinaCalls):
    """What `jina.Client()` makes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        with jina_errors():
            self.within = Client(*arguments, **options)

    @property
    def client(self) -> BlockingJinaClient:
        return self

    def post(self, on: str, inputs: Any = None, *arguments: Any, **options: Any) -> Any:
        given = _call(arguments, options)
        with jina_errors():
            found = self.within.post(on, inputs, **given)
        return None if given.get("on_done") or given.get("on_always") else as_jina_gives(found)

    def stream_doc(self, on: str, inputs: Any, **options: Any) -> Iterator[Any]:
        with jina_errors():
            yield from self.within.stream_doc(on, inputs, **_call((), options))

    def is_flow_ready(self, **_options: Any) -> bool:
        """Whether somebody answers there. Never raises."""
        return self.within.is_ready()

    dry_run = is_flow_ready

    def profiling(self, show_table: bool = True) -> Any:
        """Where the time goes; prints a table where `show_table` is true."""
        return self.within.profiling(show_table=show_table)

    def close(self) -> None:
        self.within.close()


class AsyncJinaClient(JinaCalls):
    """What `jina.Client(asyncio=True)` makes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        with jina_errors():
            self.within = AsyncClient(*arguments, **options)

    @property
    def client(self) -> AsyncJinaClient:
        return self

    async def post(self, on: str, inputs: Any = None, *arguments: Any, **options: Any) -> AsyncGenerator[Any, None]:
        """The documents of each request, as it is answered."""
        with jina_errors():
            async for found in self.within.post(on, inputs, **_call(arguments, options)):
                yield as_jina_gives(found)

    async def stream_doc(self, on: str, inputs: Any, **options: Any) -> AsyncGenerator[Any, None]:
        with jina_errors():
            async for found in self.within.stream_doc(on, inputs, **_call((), options)):
                yield found

    async def is_flow_ready(self, **_options: Any) -> bool:
        """Whether somebody answers there. Never raises."""
        return await self.within.is_ready()

    dry_run = is_flow_ready

    async def teardown_session(self) -> None:
        """Close the connection."""
        await self.within.close()

    close = teardown_session


def jina_client(*, asyncio: bool = False, **options: Any) -> BlockingJinaClient | AsyncJinaClient:
    """`jina.Client`: an asynchronous one where `asyncio` is true.

    Raises:
        ValueError: a part of the address is given twice, as in Jina.
    """
    given = {name: value for name, value in options.items() if name not in TELEMETRY}
    protocol = given.get("protocol")
    if protocol is not None:
        given["protocol"] = str(protocol.name if isinstance(protocol, ProtocolType) else protocol).lower()
    kind: Callable[..., BlockingJinaClient | AsyncJinaClient] = AsyncJinaClient if asyncio else BlockingJinaClient
    try:
        return kind(**given)
    except ThalwegError as error:
        raise ValueError(str(error)) from None


def _call(arguments: tuple[Any, ...], options: Mapping[str, Any]) -> dict[str, Any]:
    given = {**dict(zip(ORDER, arguments, strict=False)), **options}
    target = given.get("target_executor")
    if target and not target.endswith("$"):
        given["target_executor"] = f"(?:{target}).*"  # Jina looks at the beginning of a name only
    for name in CALLBACKS:
        if given.get(name) is not None:
            given[name] = told_as_jina_tells(given[name])
    return {name: value for name, value in given.items() if value is not None and name not in OF_AIOHTTP}


@contextmanager
def jina_errors() -> Iterator[None]:
    """Within it, errors are raised in the classes that Jina has for them."""
    try:
        yield
    except ThalwegError as error:
        raise as_jina_raises(error) from None
