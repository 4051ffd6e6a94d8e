"""What an Executor is given that runs in a container."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from thalweg.config.gpus import gpu_request
from thalweg.config.options import Options
from thalweg.errors import ConfigurationError

DOCKER = "docker://"
HUB = ("jinaai://", "jinaai+docker://", "jinaai+sandbox://", "jinaai+serverless://")
HUB_BEFORE = ("jinahub://", "jinahub+docker://", "jinahub+sandbox://")
EXCLUSIVE_NETWORKS = ("host", "none")
"""Networks that no other can stand beside."""
SET_BY_US = ("auto_remove", "command", "detach", "entrypoint", "image", "name", "remove", "stream")

_IMAGE = re.compile(r"[a-z0-9][\w.\-:/@]*\Z", re.ASCII)
_VOLUME = re.compile(r"[A-Za-z0-9][\w.\-]+\Z", re.ASCII)
_MODE = re.compile(r"(?:ro|rw|z|Z|,|[rs]?(?:shared|slave|private))+\Z")


class ContainerOptions(Options):
    """The container of an Executor with `uses="docker://image"`."""

    volumes: tuple[str, ...] = Field(
        (),
        description="Folders and volumes in its container: /host:/container, name:/container, with :ro if read only.",
    )
    gpus: str | int | None = Field(
        None, description="GPUs that its container sees: all, a number, or device=0,device=1."
    )
    entrypoint: tuple[str, ...] = Field(
        (), description="Command that its container begins with, in place of the image's."
    )
    networks: tuple[str, ...] = Field(
        (), description="Networks of its container, such as host, none, or names of others."
    )
    pull: Literal["missing", "always", "never"] = Field(
        "missing", description="When its image is fetched from a registry."
    )
    user: str = Field("", description="Who the processes in its container are: a name, or numbers such as 1000:1000.")
    docker_kwargs: dict[str, Any] = Field(
        {}, description="Anything else that docker.containers.run of Docker's library takes, such as shm_size."
    )
    disable_auto_volume: bool = Field(
        False, description="Leave `workspace` a path in the container, and mount no folder of this machine there."
    )

    @field_validator("volumes", "networks", mode="before")
    @classmethod
    def _one_volume_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value or ()

    @field_validator("entrypoint", mode="before")
    @classmethod
    def _words_of_a_command(cls, value: Any) -> Any:
        return tuple(shlex.split(value)) if isinstance(value, str) else value or ()

    @field_validator("gpus")
    @classmethod
    def _understood(cls, value: str | int | None) -> str | int | None:
        if value is not None:
            gpu_request(value)
        return value

    @field_validator("user", mode="before")
    @classmethod
    def _user_as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value or ""

    @field_validator("networks")
    @classmethod
    def _networks_that_go_together(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        alone = [name for name in value if name in EXCLUSIVE_NETWORKS or name.startswith("container:")]
        if alone and len(value) > 1:
            raise ValueError(f"{alone[0]!r} can have no other network beside it")
        return value

    @field_validator("docker_kwargs", mode="before")
    @classmethod
    def _nothing_that_is_ours(cls, value: Any) -> Any:
        given = [name for name in SET_BY_US if isinstance(value, Mapping) and name in value]
        if given:
            raise ValueError(f"{', '.join(given)}: set by Thalweg itself; the command of an image is `entrypoint`")
        return value or {}


def image_of(uses: Any) -> str | None:
    """The image that `uses` names; None where it names none.

    Raises:
        ConfigurationError: it names one in a way that cannot be, or one of Jina's hub.
    """
    if not isinstance(uses, str):
        return None
    if uses.startswith((*HUB, *HUB_BEFORE)):
        raise ConfigurationError(
            f"uses={uses!r}: Jina's hub is not asked. Name an image by docker://image[:tag], or the Executor's code by "
            f"'package.module:Class', 'file.py:Class' or the path of its config.yml."
        )
    if not uses.startswith(DOCKER):
        return None
    image = uses.removeprefix(DOCKER)
    if not _IMAGE.match(image):
        raise ConfigurationError(
            f"uses={uses!r} names no image. Write docker://name, docker://name:tag or docker://host/name."
        )
    return image


def bind(volume: str, folder: Path) -> str:
    """`volume` as an engine takes it: `source:target:mode`. A relative path is below `folder`; a path alone is mounted under
    its last name.

    Raises:
        ConfigurationError: it is not understood, or names a folder that is not there.
    """
    source, _, rest = volume.partition(":")
    target, _, mode = rest.partition(":")
    if not source or (mode and not _MODE.match(mode)):
        raise ConfigurationError(
            f"volumes: {volume!r} is not understood. Write /host:/container, or name:/container:ro."
        )
    if not target or not _VOLUME.match(source):
        path = folder / Path(source).expanduser()
        if not path.exists():
            raise ConfigurationError(f"volumes: {volume!r}: there is no {path}. Make the folder first.")
        source, target = str(path.resolve()), target or f"/{path.resolve().name}"
    if not target.startswith("/"):
        raise ConfigurationError(f"volumes: {volume!r}: {target!r} is no absolute path in the container.")
    return f"{source}:{target}:{mode or 'rw'}"
