"""Images: which are here, and fetching the others from their registries, as the user's own Docker would.

Names and passwords of registries come from the file that `docker login` writes, or from the credential helper that it names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from threading import Event
from time import monotonic
from typing import Any, Protocol

from thalweg.errors import Cancelled, StartupFailed
from thalweg.orchestration.launchers.docker.engine import LONGEST_EXPLANATION, engine_words

LATEST = "latest"
"""The tag of an image that is named without one."""
FETCHED = ("Download complete", "Verifying Checksum", "Extracting", "Pull complete", "Already exists")
"""What an engine says of a layer of which nothing has to come any more."""
DIGEST = "Digest: "
MEGABYTE = 10**6

_DENIED = re.compile(
    r"no basic auth credentials|unauthorized|authentication required|denied|docker login", re.IGNORECASE
)


class Listener(Protocol):
    """Who wants to know how an image comes."""

    def advance(self, message: str, done: float | None) -> None:
        """How far it is, in words, and from 0 to 1 where that is known. Called often."""

    def note(self, text: str) -> None:
        """What is worth an entry of the log."""


class FetchedLayers:
    """How far an image is on its way, from what the engine says of its layers."""

    def __init__(self) -> None:
        self.digest = ""
        self._shares: dict[str, float] = {}
        self._bytes: dict[str, int] = {}

    def hear(self, said: Mapping[str, Any]) -> None:
        """One of the engine's messages, of those that `POST /images/create` streams."""
        layer, status = str(said.get("id", "")), str(said.get("status", ""))
        if status.startswith(DIGEST):
            self.digest = status.removeprefix(DIGEST)
        elif status == "Pulling fs layer":
            self._shares[layer] = 0.0
        elif status == "Downloading":
            detail = said.get("progressDetail") or {}
            come, total = detail.get("current", 0), detail.get("total", 0)
            self._bytes[layer] = come
            self._shares[layer] = min(1.0, come / total) if total and total > 0 else 0.0
        elif status in FETCHED:
            self._shares[layer] = 1.0

    @property
    def done(self) -> float | None:
        """From 0 to 1, each layer counting alike: how large one is the engine says only once it begins with it."""
        return sum(self._shares.values()) / len(self._shares) if self._shares else None

    def __str__(self) -> str:
        whole = sum(share >= 1.0 for share in self._shares.values())
        size = f", {sum(self._bytes.values()) / MEGABYTE:.1f} MB" if self._bytes else ""
        return f"{whole} of {len(self._shares)} layers{size}" if self._shares else "the registry is asked"


def present(client: Any, image: str, pull: str, given_up: Event, listener: Listener) -> Any:
    """The image `image`, fetched where `pull` says so. `given_up` is an event after which nobody waits for it.

    Raises:
        StartupFailed: it is not here and cannot be fetched, or was to be fetched and cannot be.
        Cancelled: nobody waits for it any more.
    """
    found = None if pull == "always" else _here(client, image)
    if found is not None:
        return found
    if pull == "never":
        raise StartupFailed(
            f"there is no image {image!r} here, and pull='never' keeps it from being fetched; build it, or tag one so"
        )
    _fetch(client, image, given_up, listener)
    found = _here(client, image)
    if found is None:
        raise StartupFailed(f"the image {image!r} is not here, though it was fetched: something has removed it")
    return found


def _here(client: Any, image: str) -> Any:
    """The image, if the engine has it; else None."""
    from docker.errors import APIError, ImageNotFound  # type: ignore[import-untyped]

    try:
        return client.images.get(image)
    except ImageNotFound:
        return None
    except APIError as error:
        raise StartupFailed(
            f"the engine cannot tell whether it has the image {image!r}: {engine_words(error)}"
        ) from None


def _fetch(client: Any, image: str, given_up: Event, listener: Listener) -> None:
    from docker.errors import DockerException
    from docker.utils import parse_repository_tag  # type: ignore[import-untyped]

    repository, tag = parse_repository_tag(image)
    layers, began = FetchedLayers(), monotonic()
    listener.note(f"fetching {image}")
    try:
        with closing(client.api.pull(repository, tag or LATEST, stream=True, decode=True)) as messages:
            for said in messages:
                if given_up.is_set():
                    raise Cancelled("nobody waits for it any more")
                if "error" in said:
                    raise _not_fetched(image, str(said["error"]))
                layers.hear(said)
                listener.advance(f"fetching {image}: {layers}", layers.done)
    except DockerException as error:
        raise _not_fetched(image, engine_words(error)) from None
    listener.note(f"{image} is {layers.digest or 'here'}, looked for in {monotonic() - began:.1f} s")


def _not_fetched(image: str, why: str) -> StartupFailed:
    registry = image.partition("/")[0]
    asked = f" {registry}" if "/" in image and re.search(r"[.:]|^localhost$", registry) else ""
    hint = (
        f"Log in with `docker login{asked}`: its name and password are used here too"
        if _DENIED.search(why)
        else "Build it, or look at its name and at whether the registry can be reached"
    )
    return StartupFailed(f"the image {image!r} could not be fetched: {why[:LONGEST_EXPLANATION].rstrip('.')}. {hint}")
