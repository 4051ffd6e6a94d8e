"""Jina's gateways of a user's own, on Thalweg's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from thalweg.compat.excepts import ExecutorError
from thalweg.compat.logs import JinaLogger
from thalweg.compat.yamls import is_yaml, read_yaml
from thalweg.config.objects import file_module, imported_module
from thalweg.docs import DocList
from thalweg.errors import ThalwegError
from thalweg.gateway import Gateway, Streamer
from thalweg.message.description import DEFAULT_ENDPOINT
from thalweg.transport.contract import AsgiApp


class GatewayStreamer:
    """`jina.serve.runtimes.gateway.streamer.GatewayStreamer`, as the attribute `streamer` of a Gateway."""

    def __init__(self, streamer: Streamer, names: tuple[str, ...]) -> None:
        self._streamer = streamer
        self.executors = {name: _Executor(streamer, name) for name in names}

    async def stream_docs(
        self, docs: Any, request_size: int = 100, exec_endpoint: str | None = None, **options: Any
    ) -> AsyncGenerator[Any, None]:
        """The documents of each request; those that failed give none."""
        async for found, _ in self.stream(docs, request_size, exec_endpoint, **options):
            yield found

    async def stream(
        self, docs: Any, request_size: int = 100, exec_endpoint: str | None = None, **options: Any
    ) -> AsyncGenerator[tuple[Any, ExecutorError | None], None]:
        """The documents of each request, and what an Executor raised."""
        answers = self._streamer.stream(
            docs, request_size, exec_endpoint=exec_endpoint or DEFAULT_ENDPOINT, **_known(options)
        )
        async for found, error in answers:
            yield found, None if error is None else _as_executor_error(error)

    async def stream_doc(
        self, doc: Any, exec_endpoint: str | None = None, **options: Any
    ) -> AsyncGenerator[tuple[Any, ExecutorError | None], None]:
        """The documents of a streaming endpoint, each with None; the error at the end where there was one."""
        answers = self._streamer.stream_doc(doc, exec_endpoint=exec_endpoint or DEFAULT_ENDPOINT, **_known(options))
        try:
            async for found in answers:
                yield found, None
        except ThalwegError as error:
            yield None, _as_executor_error(error)


class _Executor:
    """One Executor, called past the graph."""

    def __init__(self, streamer: Streamer, name: str) -> None:
        self._streamer = streamer
        self._name = name

    async def post(self, inputs: Any, request_size: int = 100, on: str | None = None, **options: Any) -> Any:
        return await self._streamer.post(
            on or DEFAULT_ENDPOINT,
            inputs,
            request_size=request_size,
            **{**_known(options), "target_executor": self._name},
        )

    async def stream_doc(self, inputs: Any, on: str | None = None, **options: Any) -> AsyncGenerator[Any, None]:
        given = {**_known(options), "target_executor": self._name}
        async for found in self._streamer.stream_doc(inputs, exec_endpoint=on or DEFAULT_ENDPOINT, **given):
            yield found, None


def _known(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of Jina's streamer that say something here."""
    names = ("target_executor", "parameters", "results_in_order", "return_type")
    found = {name: options[name] for name in names if options.get(name) is not None}
    return {name: value for name, value in found.items() if not (name == "return_type" and value is DocList)}


def _as_executor_error(error: ThalwegError) -> ExecutorError:
    return ExecutorError(
        error.cause or type(error).__name__, (str(error),), error.traceback.splitlines(), error.executor
    )


class JinaGateway(Gateway):
    """`jina.Gateway`: override `setup_server`, `run_server` and `shutdown`."""

    routes: ClassVar[bool] = False

    def __init__(self, name: str = "gateway", runtime_args: Any = None, **options: Any) -> None:
        self.given = options

    async def setup_server(self) -> None:
        """Make the server."""

    async def run_server(self) -> None:
        """Listen until `shutdown`."""

    async def shutdown(self) -> None:
        """Stop listening."""

    async def start(self) -> None:
        self.logger = JinaLogger(self.name)  # type: ignore[assignment]
        self.executor = (jina := GatewayStreamer(self.streamer, tuple(self.executor))).executors  # type: ignore[assignment]
        self.streamer = jina  # type: ignore[assignment]
        parts = [urlsplit(address) for address in self.addresses]
        self.ports = [part.port for part in parts]
        self.port = self.ports[0]
        self.protocols = [part.scheme for part in parts]
        self.host = parts[0].hostname
        known = {name: getattr(self.options, name) for name in type(self.options).model_fields}
        self.runtime_args = SimpleNamespace(**{**known, "name": self.name, "port": self.ports, "host": self.host})
        await self.setup_server()

    async def serve(self) -> None:
        await self.run_server()

    async def stop(self) -> None:
        await self.shutdown()


class FastAPIBaseGateway(JinaGateway):
    """`jina.serve.runtimes.gateway.http.fastapi.FastAPIBaseGateway`: override `app`."""

    serve = Gateway.serve

    def application(self) -> AsgiApp | None:
        """The application, with `GET /` for those who ask whether it lives."""
        app: Any = self.app
        if not any(getattr(route, "path", None) == "/" for route in app.routes):
            app.add_api_route("/", _alive)
        return app  # type: ignore[no-any-return]


def _alive() -> dict[str, Any]:
    """What Jina answers there."""
    return {}


def gateway_source(options: Mapping[str, Any]) -> dict[str, Any]:
    """`options` with the YAML that its `uses` means laid out."""
    found = dict(options)
    uses, modules = found.pop("uses", None), found.pop("py_modules", ())
    if is_yaml(uses):
        data, folder = read_yaml(uses)
        named = data.pop("py_modules", ())
        modules = [str(folder / one) for one in ([named] if isinstance(named, str) else named)]
        found["uses_with"] = {**(data.get("with") or {}), **(found.get("uses_with") or {})}
        uses = data.get("jtype")
        found = {**{name: data[name] for name in ("port", "protocol") if name in data}, **found}
    if isinstance(uses, str):
        for one in [modules] if isinstance(modules, str) else modules:
            loaded = file_module(Path(one).expanduser()) if one.endswith(".py") else imported_module(one, one)
            uses = getattr(loaded, uses, uses)
        if isinstance(uses, str) and ":" not in uses and "." in uses:
            uses = ":".join(uses.rsplit(".", 1))
    return found if uses is None else {**found, "uses": uses}
