"""What a user starts, calls and stops: the side that `Flow` and `Deployment` share."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from thalweg.client import Client
from thalweg.client.postable import Postable
from thalweg.config import DeploymentOptions, FlowOptions
from thalweg.config.load import parse_options
from thalweg.config.rollout import UpdateOptions
from thalweg.config.servers import ServerOptions
from thalweg.errors import StartupFailed, ThalwegError, Unavailable
from thalweg.orchestration.blueprint import Blueprint, flow_blueprint
from thalweg.orchestration.change.changeover import Amendment
from thalweg.orchestration.change.update import Update
from thalweg.orchestration.directory import Directory
from thalweg.orchestration.logs.form import log_format
from thalweg.orchestration.member import Tell
from thalweg.orchestration.session import Session
from thalweg.transport.registry import is_local

if TYPE_CHECKING:
    from thalweg.client.call import ClientSettings, Posted
    from thalweg.client.exchange import Inputs
    from thalweg.client.profile import Profile

ANYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}
"""Hosts that mean every network of this machine: one listens there, but cannot call there."""


class Runnable(Postable):
    """Processes behind one front. A context manager: started on entry, drained and stopped on exit. Every method may be
    called from any thread."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._read_from = ""
        self._read_again: Callable[[], Any] | None = None
        self._client: Client | None = None
        self._lock = threading.Lock()

    @property
    @abstractmethod
    def name(self) -> str: ...

    _kind: ClassVar[str] = "flow"
    """What `thalweg ps` calls it."""

    @property
    @abstractmethod
    def options(self) -> FlowOptions | DeploymentOptions:
        """What it is made of."""

    def save_config(self, path: str | PathLike[str]) -> None:
        """Write to `path` of what it is made, as YAML, or as JSON where it ends so: `load_config` makes the same of it.

        Only what is not as it always is stands there. Ports that the system chose do not, nor does any secret: where one was
        given by reference, such as `${{ ENV.TOKEN }}`, the reference does.

        Raises:
            ConfigurationError: something cannot be written: a class that has no name in a module, a secret that was given as
                text, or the file itself. Names the option.
        """
        from thalweg.config.description import write_description

        write_description(self.options, Path(path))

    @abstractmethod
    def _blueprint(self, directory: Directory) -> Blueprint:
        """What is to run, with its sockets in `directory`."""

    @property
    @abstractmethod
    def _server(self) -> ServerOptions:
        """How its front listens."""

    def start(self, progress: Tell | None = None) -> Self:
        """Start all processes; return when everything answers. `progress` hears of each, on another thread.

        There is no limit of time while they live: a model may take minutes to load. When one of them fails, everything
        is stopped again.

        Raises:
            StartupFailed: an Executor could not be loaded or constructed (its traceback is part of the error), or a port
                is taken.
            ConfigurationError: there is no such module or file. No process was started by then.
            TopologyError, SchemaMismatch: the Executors do not fit together. No user code was constructed by then.
        """
        if self.running:
            return self
        try:
            self._session = Session.start(
                self._blueprint,
                self._server.drain_seconds,
                progress,
                name=self.name,
                kind=self._kind,
                log_format=log_format(self._server.log_format or ""),
            )
        except ThalwegError as error:
            raise _told(error) from None
        self._session.reload_with = lambda: str(self._reloaded())
        self._session.update_with = lambda text: str(self._updated(text))
        self._session.watch_code(self._renewed, self._read_from)
        return self

    # change --------------------------------------------------------------------------------------------------------------

    @abstractmethod
    def _updated(self, text: str) -> Update:
        """Make it what YAML says."""

    @abstractmethod
    def _reloaded(self) -> Update:
        """Replace all processes."""

    @abstractmethod
    def _renewed(self, executors: Sequence[str], read_again: bool) -> Update:
        """Replace the processes of these, and `read_again` of which file it was made."""

    def read_from(self, file: str | PathLike[str], read: Callable[[], Any]) -> None:
        """Say of which file it was made: `reload` makes of it what `read` gives then, the options of a Flow or a Deployment;
        and with the option `reload` the file is watched."""
        self._read_from = str(Path(file).resolve())
        self._read_again = read

    def _design(self, options: FlowOptions, directory: Directory) -> Blueprint:
        return flow_blueprint(options, directory)

    def _change(
        self,
        options: FlowOptions,
        commit: Callable[[], None],
        how: Mapping[str, Any],
        renewed: Collection[str] | None = (),
        replicas: Mapping[str, int] | None = None,
    ) -> Update:
        """Make what runs into `options`, in the way that `how` says; `renewed` may be None for all. `replicas` is how many
        there are to be of Executors whose number the load decides."""
        session = self._running()
        terms = parse_options(UpdateOptions, how, f"{type(self).__name__}.update")
        drain_seconds = self._server.drain_seconds if terms.drain_seconds is None else terms.drain_seconds
        try:
            blueprint = session.draw(partial(self._design, options))
            change = Amendment(
                blueprint,
                frozenset(blueprint.nodes if renewed is None else renewed),
                terms.surge,
                terms.canary,
                terms.settle,
                drain_seconds,
                replicas or {},
            )
            changed = session.change(change)
        except ThalwegError as error:
            raise _told(error) from None
        if terms.canary is None:
            commit()
        return Update(session, changed, terms.canary, commit)

    def close(self) -> None:
        """Let requests under way end, for `drain_seconds` at most; then stop all processes. Idempotent.

        Ctrl-C while it waits stops them at once.
        """
        client, self._client = self._client, None
        session, self._session = self._session, None
        try:
            if session is not None:
                session.close()
        finally:
            if client is not None:
                client.close()

    def block(self) -> int:
        """Serve until SIGINT (Ctrl-C) or SIGTERM comes, or another thread calls `close`.

        The first signal drains and stops everything and ends the waiting; a second one stops everything at once, and its
        number is returned; otherwise 0. Outside of `block` signals do what they always do: Ctrl-C leaves the `with` block,
        which drains too.
        """
        return self._running().block()

    @property
    def running(self) -> bool:
        return self._session is not None and self._session.running

    @property
    def client(self) -> Client:
        """A client of it, over a private socket. Closed with it."""
        with self._lock:
            if self._client is None:
                self._client = Client(self.private_address, limits=self._server.limits)
            return self._client

    @property
    def private_address(self) -> str:
        """Where this user's programs on this machine reach it: quicker than any port, and without a key."""
        return self._running().addresses[0]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where others reach it from this machine: one URL for each protocol, in the order of `protocol`."""
        public = (address for address in self._running().addresses if not is_local(address))
        return tuple(_callable(address) for address in public)

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports of `addresses`."""
        return tuple(int(address.rpartition(":")[2]) for address in self.addresses)

    @property
    def pids(self) -> dict[str, int]:
        """The ids of its processes that run now: `gateway`, and `name/0`, `name/1`, ... for replicas of Executors."""
        return self._running().pids

    def is_ready(self, timeout: float = 5.0) -> bool:
        """Whether it is running and every Executor has a replica that answers."""
        return self.running and self.client.is_ready(timeout)

    def profiling(self, show_table: bool = True, rounds: int = 20, timeout: float = 30.0) -> Profile:
        """Where the time of a request goes: see `thalweg.client.profile`."""
        return self.client.profiling(show_table, rounds, timeout)

    def _settled(self) -> ClientSettings:
        return self.client.settings

    def _posting(self, call: Posted, inputs: Inputs) -> Any:
        return self.client.carry_out(call, inputs)

    def _streaming(self, call: Posted, inputs: Inputs) -> Iterator[Any]:
        return self.client.carry_out_by_item(call, inputs)

    def _conversing(self, call: Posted, inputs: Inputs) -> Iterator[Any]:
        return self.client.converse_by_item(call, inputs)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _running(self) -> Session:
        if self._session is None or not self._session.running:
            raise Unavailable(
                f"{type(self).__name__} {self.name!r} is not running: use it in a 'with' block, or start() it."
            )
        return self._session


def _told(error: ThalwegError) -> ThalwegError:
    """`error` with what it knows of user code, and nothing of ours."""
    if isinstance(error, StartupFailed) and error.traceback:
        error.add_note(error.traceback)
    return error.with_traceback(None)


def _callable(address: str) -> str:
    scheme, _, rest = address.partition("://")
    host, _, port = rest.rpartition(":")
    return f"{scheme}://{ANYWHERE.get(host, host)}:{port}"
