"""The options of a worker as plain data, for one that runs under another Python or another version of Thalweg."""

from __future__ import annotations

from typing import Any

import msgspec

from thalweg.config.containers import ContainerOptions
from thalweg.config.environments import EnvironmentOptions
from thalweg.config.load import parse_options
from thalweg.config.shards import ShardOptions
from thalweg.config.workers import WorkerOptions
from thalweg.errors import ConfigurationError

STAY_HERE = frozenset(
    {"uses", "env", "py_modules", "devices"}
    | ContainerOptions.model_fields.keys()
    | EnvironmentOptions.model_fields.keys()
    | ShardOptions.model_fields.keys()
)
"""Options that are of use to who starts a worker, or mean paths and modules of this machine."""


class ForeignContent(msgspec.Struct, frozen=True):
    """What a worker is told that brings its Executor itself: the options that are not the default."""

    options: dict[str, Any]


def foreign_content(options: WorkerOptions) -> bytes:
    """`options` as data.

    Raises:
        ConfigurationError: something in them is an object that only this process knows.
    """
    wanted = WorkerOptions.model_fields.keys() - STAY_HERE
    try:
        data = options.model_dump(mode="json", include=set(wanted), exclude_defaults=True)
        return msgspec.msgpack.encode(ForeignContent(data))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{options.name or 'The Executor'} runs in a container, and what it is given must be data: text, numbers, "
            f"lists and mappings. {error}"
        ) from None


def foreign_options(content: bytes) -> WorkerOptions:
    """The options that `foreign_content` has written.

    Raises:
        ConfigurationError: some of them are not known here.
    """
    data = msgspec.msgpack.decode(content, type=ForeignContent)
    return parse_options(WorkerOptions, data.options, "The Flow asks for what this version of Thalweg does not know")
