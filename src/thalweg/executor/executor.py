"""`Executor`: the class that users fill with their code."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Self

from thalweg.executor.annotation import UnknownName
from thalweg.executor.endpoint import Endpoint, endpoints
from thalweg.executor.hooks import probe_of

INJECTED = ("metas", "requests", "runtime_args", "workspace")
"""What the constructor of an Executor is given besides the user's own arguments."""


class BoundEndpoint:
    """An endpoint and the method of one Executor that answers it. Calling it calls the method."""

    __slots__ = ("endpoint", "method")

    def __init__(self, endpoint: Endpoint, method: Callable[..., Any]) -> None:
        self.endpoint = endpoint
        self.method = method

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.method(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self.endpoint.method} at {', '.join(self.endpoint.paths)}>"


class Executor:
    """User code that answers requests: subclass it and decorate methods with `@requests`.

        class Encoder(Executor):
            def __init__(self, model: str = "minilm", **kwargs):
                super().__init__(**kwargs)

            @requests(on="/encode")
            def encode(self, docs: DocList[Text], **kwargs) -> DocList[Embedded]: ...

    Methods stay methods: an Executor can be made and called in a test without any server. In a worker it is constructed
    on a thread of its own, which also runs every synchronous method, one call at a time, and `close`. Asynchronous
    methods run on an event loop in a second thread, many at once.

    Args:
        metas: `name`, `description` and `workspace`; the name of the class where no name is given.
        requests: path -> name of a method, in place of what the decorators say.
        runtime_args: what the worker knows: `name`, `replica`, `replicas`, `shard_id`, `shards`, `workspace`.
        workspace: folder below which files may be kept, where neither of the former names one.
    """

    metas: SimpleNamespace
    requests: dict[str, BoundEndpoint]
    runtime_args: SimpleNamespace
    _workspace: str | os.PathLike[str] | None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A document class that is defined further down in the module is fine: whoever starts the Executor reads the
        # signatures again, and then every name must be there.
        with suppress(UnknownName):
            endpoints(cls)
        probe_of(cls)

    def __init__(
        self,
        metas: Mapping[str, Any] | SimpleNamespace | None = None,
        requests: Mapping[str, str] | None = None,
        runtime_args: Mapping[str, Any] | SimpleNamespace | None = None,
        workspace: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if "requests" not in vars(self):
            identify(self, metas, requests, runtime_args, workspace)
        else:
            vars(self.metas).update(_as_dict(metas))
            self._workspace = self._workspace if workspace is None else workspace
        if kwargs:
            self.logger.warning(
                "%s knows no argument %s; it is ignored", type(self).__name__, ", ".join(sorted(kwargs))
            )

    @cached_property
    def logger(self) -> logging.Logger:
        """The standard logger `thalweg.executor.<name>`."""
        return logging.getLogger(f"thalweg.executor.{self.metas.name}")

    @property
    def workspace(self) -> str:
        """Absolute path of the folder where this Executor keeps its files; made when it is first asked for.

        It is `<root>/<name>`. The root is the first that is given of: the worker's `workspace` option,
        `metas.workspace`, the constructor's argument; else `thalweg` in the user's cache folder. Replicas share one
        folder, since each must be able to answer for the others; `runtime_args.replica` tells them apart where they must
        not. The shards of a sharded Executor hold different data, so each has a folder of its own below it.
        """
        root = self.runtime_args.workspace or self.metas.workspace or self._workspace or _user_cache()
        folder = Path(root).expanduser() / self.metas.name
        if self.runtime_args.shards > 1:
            folder /= str(self.runtime_args.shard_id)
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)

    def snapshot(self, snapshot_file: str) -> Any:
        """Write the whole state into the file `snapshot_file`, which is not there yet. Override it, together with
        `restore`, where there is a state to keep; `async def` works too.

        A worker calls it when no method runs on the thread that constructed the Executor, and no `@write` anywhere.

        Raises:
            NotImplementedError: it was not overridden.
        """
        raise NotImplementedError(f"{type(self).__name__} has no snapshots: it does not override `snapshot`.")

    def restore(self, snapshot_file: str) -> Any:
        """Read the whole state from `snapshot_file`, in place of what is there. Called as `snapshot` is; the file stays.

        Raises:
            NotImplementedError: it was not overridden.
        """
        raise NotImplementedError(f"{type(self).__name__} restores no snapshots: it does not override `restore`.")

    def close(self) -> Any:
        """Let go of what the constructor took. Override it where there is anything; `async def close` works too.

        A worker calls it once, on the thread that constructed the Executor (an `async def close` on the event loop of
        the asynchronous methods), when no method runs any more.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        closing = self.close()
        if inspect.isawaitable(closing):
            asyncio.run(_finish(closing))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        closing = self.close()
        if inspect.isawaitable(closing):
            await closing


def identify(
    executor: Executor,
    metas: Mapping[str, Any] | SimpleNamespace | None,
    requests: Mapping[str, str] | None,
    runtime_args: Mapping[str, Any] | SimpleNamespace | None,
    workspace: str | os.PathLike[str] | None,
) -> None:
    """Set what every Executor knows of itself; the arguments are those of its constructor.

    A worker does so before the constructor runs, so that an `__init__` which takes no `**kwargs`, or forgets
    `super().__init__()`, does no harm.
    """
    known = SimpleNamespace(name="", replica=0, replicas=1, shard_id=-1, shards=1, workspace=None)
    vars(known).update(_as_dict(runtime_args))
    described = SimpleNamespace(name="", description="", workspace=None)
    vars(described).update(_as_dict(metas))
    described.name = described.name or known.name or type(executor).__name__
    executor.metas = described
    executor.runtime_args = known
    executor._workspace = workspace
    executor.requests = {
        path: BoundEndpoint(endpoint, getattr(executor, endpoint.method))
        for path, endpoint in endpoints(type(executor), requests).items()
    }


async def _finish(closing: Awaitable[Any]) -> None:
    await closing


def _as_dict(values: Mapping[str, Any] | SimpleNamespace | None) -> Mapping[str, Any]:
    if values is None:
        return {}
    return vars(values) if isinstance(values, SimpleNamespace) else values


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "thalweg"
