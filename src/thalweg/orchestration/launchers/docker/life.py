"""The life of one container: a thread that makes it, reads what it prints, and waits for its end."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from inspect import signature
from threading import Event, Thread
from typing import Any
from urllib.parse import quote

import msgspec

from thalweg.errors import Cancelled, StartupFailed, ThalwegError
from thalweg.orchestration.launchers.docker.engine import connect, engine_words
from thalweg.orchestration.launchers.docker.image import present
from thalweg.orchestration.launchers.docker.settings import unknown_argument
from thalweg.orchestration.launchers.remains import engine_status
from thalweg.service.journal import RS, JournalRecord, record_pieces

LAST_LINES = 20
LONGEST_LINE = 500
LOGGER = "thalweg.containers"
ADVANCE_SECONDS = 0.2
"""How often at most it is told how far an image is that is fetched."""
LOG_SECONDS = 5.0
"""How often that makes an entry of the log."""
EVENT_SECONDS = 5
KILLED = 9
SHELL_SIGNAL = 128
OUT_OF_MEMORY = "it was ended because it took more memory than it may"


@dataclass(frozen=True)
class Ending:
    """How a container ended: `status` as `subprocess.Popen.returncode`; `failure` where it never came to run."""

    status: int
    failure: str = ""
    last_words: str = ""
    out_of_memory: bool = False


@dataclass(frozen=True)
class ContainerOrder:
    """What is to run. `settings` gives the arguments once the image is there, from the entrypoint that it has."""

    engine: str
    image: str
    pull: str
    name: str
    settings: Callable[[list[str] | None], Mapping[str, Any]]
    networks: tuple[str, ...]
    """Further ones, beside the first."""
    output: int
    """Descriptor for what it prints; closed at the end."""


class ContainerLife:
    """One container, made, followed and removed on a thread of its own: Docker's library blocks.

    Args:
        has_started: told its process id, on that thread.
        has_ended: told how it ended, on that thread, as the last thing.
        advanced: told how far its image is where that is fetched, on that thread: in words, and from 0 to 1.
    """

    def __init__(
        self,
        order: ContainerOrder,
        has_started: Callable[[int], None],
        has_ended: Callable[[Ending], None],
        advanced: Callable[[str, float | None], None],
    ) -> None:
        self._order = order
        self._way = _Way(order.output, advanced)
        self._has_started = has_started
        self._has_ended = has_ended
        self._given_up = Event()
        self._running = Event()
        self._making = Event()
        self._said: deque[bytes] = deque(maxlen=LAST_LINES)
        self._thread = Thread(target=self._live, name=f"container {order.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def signal(self, number: int) -> bool:
        """Send a signal to what runs in it. What does not run yet will not, whatever the signal; False where it is not even
        being made, and so has ended with this call."""
        if not self._running.is_set():
            self._given_up.set()
            if not self._running.is_set():
                return self._making.is_set()
        with suppress(OSError):
            engine_status(self._order.engine, "POST", f"/containers/{quote(self._order.name)}/kill?signal={number}")
        return True

    def _live(self) -> None:
        try:
            ending = self._ending()
        except ThalwegError as error:
            ending = Ending(1, str(error))
        except Exception as error:
            ending = Ending(1, f"the container engine failed: {engine_words(error)}")
        finally:
            os.close(self._order.output)
        self._has_ended(ending)

    def _ending(self) -> Ending:
        client = connect(self._order.engine)
        try:
            try:
                image = present(client, self._order.image, self._order.pull, self._given_up, self._way)
            except Cancelled:
                return Ending(-KILLED)
            if self._given_up.is_set():
                return Ending(-KILLED)
            self._making.set()
            container = self._created(client, image)
            try:
                return self._followed(client, container)
            finally:
                _remove(container)
        finally:
            client.close()

    def _created(self, client: Any, image: Any) -> Any:
        from docker.errors import APIError  # type: ignore[import-untyped]

        given = self._order.settings(image.attrs["Config"].get("Entrypoint"))
        try:
            container = client.containers.create(image, name=self._order.name, **given)
        except APIError as error:
            raise StartupFailed(f"no container can be made of {self._order.image!r}: {engine_words(error)}") from None
        except TypeError as error:
            unknown = next((name for name in given if f"'{name}'" in str(error)), None)
            if unknown is None:
                raise StartupFailed(f"docker_kwargs: {error}") from None
            raise unknown_argument(unknown, _known(client)) from None
        try:
            for name in self._order.networks:
                client.networks.get(name).connect(container)
        except APIError as error:
            _remove(container)
            raise StartupFailed(f"it cannot be joined to its networks: {engine_words(error)}") from None
        return container

    def _followed(self, client: Any, container: Any) -> Ending:
        since = int(time.time()) - 1
        output = container.attach(stdout=True, stderr=True, stream=True, logs=True)
        try:
            return self._run(client, container, output) or self._looked_up(client, container, since)
        finally:
            output._response.close()  # the library leaves it open

    def _run(self, client: Any, container: Any, output: Iterable[bytes]) -> Ending | None:
        """Start it, and read what it prints until it has ended. Returns how, where it was not to run any more."""
        from docker.errors import APIError

        try:
            if not self._given_up.is_set():
                container.start()
        except APIError as error:
            raise StartupFailed(f"the container does not start: {engine_words(error)}") from None
        self._running.set()
        if self._given_up.is_set():
            return Ending(-KILLED)
        with suppress(APIError):  # it has ended already
            self._has_started(client.api.inspect_container(container.id)["State"]["Pid"])
        for part in output:
            self._hear(part)
        return None

    def _hear(self, part: bytes) -> None:
        _write(self._order.output, part)
        for line in part.splitlines():
            if line.strip() and not line.startswith(RS):
                self._said.append(line[:LONGEST_LINE])

    def _looked_up(self, client: Any, container: Any, since: int) -> Ending:
        """Its end, from the engine's own history: the container itself may be gone already."""
        words = b"\n".join(self._said).decode("utf-8", "replace")
        out_of_memory = False
        filters = {"container": container.id, "event": ["die", "oom"]}
        events = client.events(since=since, until=int(time.time()) + EVENT_SECONDS, filters=filters, decode=True)
        try:
            for event in events:
                if event["Action"] == "oom":
                    out_of_memory = True
                    continue
                code = int(event["Actor"]["Attributes"].get("exitCode", 1))
                status = SHELL_SIGNAL - code if SHELL_SIGNAL < code < SHELL_SIGNAL + 65 else code
                return Ending(status, last_words=words, out_of_memory=out_of_memory and status == -KILLED)
        finally:
            events._response.close()
        return Ending(1, last_words=words)


class _Way:
    """The way of an image to this machine, told to the log and to who waits for the container."""

    def __init__(self, output: int, advanced: Callable[[str, float | None], None]) -> None:
        self._output = output
        self._advanced = advanced
        self._told = -math.inf
        self._logged = -math.inf

    def advance(self, message: str, done: float | None) -> None:
        now = time.monotonic()
        if now - self._told >= ADVANCE_SECONDS:
            self._told = now
            self._advanced(message, done)
        if now - self._logged >= LOG_SECONDS:
            self.note(message)

    def note(self, text: str) -> None:
        self._logged = time.monotonic()
        record = msgspec.json.encode(JournalRecord(time.time(), "INFO", LOGGER, text))
        _write(self._output, b"".join(record_pieces(record, b"0")))


def _write(output: int, content: bytes) -> None:
    with suppress(OSError):  # nobody reads it any more; the container runs on
        view = memoryview(content)
        while view:
            view = view[os.write(output, view) :]


def _remove(container: Any) -> None:
    """Remove it, with what runs in it. The engine may be about to do so itself."""
    from docker.errors import APIError

    with suppress(APIError):
        container.remove(force=True, v=True)


def _known(client: Any) -> list[str]:
    from docker.models.containers import RUN_CREATE_KWARGS, RUN_HOST_CONFIG_KWARGS  # type: ignore[import-untyped]

    return [*RUN_CREATE_KWARGS, *RUN_HOST_CONFIG_KWARGS, *signature(client.containers.run).parameters]
