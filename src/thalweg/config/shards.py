"""How the documents of one Executor are divided among shards, and which of these a request asks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal

from pydantic import Field, field_validator

from thalweg.config.options import Options
from thalweg.config.uses import Uses

Polling = Literal["ANY", "ALL"]
EVERY = "*"
"""The key in `polling` that means: all endpoints that are not named."""
ALL_UNLESS_SAID = frozenset({"/search", "/update", "/delete"})
"""Endpoints that ask all shards where `polling` says nothing of them."""


class ShardOptions(Options):
    """Shards: groups of replicas, each of which holds a part of the documents."""

    shards: int = Field(
        1, ge=1, le=1024, description="Parts that the documents are divided into; each has its replicas."
    )
    polling: Polling | dict[str, Polling] | None = Field(
        None,
        description="ANY: each document goes to one shard; ALL: to all. For all endpoints, or for each; '*' for others.",
    )
    shard_key: Any = Field(
        "id",
        description="By which documents are divided: a field such as tags.user, or a function of a document.",
    )
    reduce: bool = Field(
        True, description="Whether what shards or branches answer is joined by id; else an Executor gets all of it."
    )
    uses_before: Uses = Field(
        None, description="An Executor that requests pass before they are divided among the shards."
    )
    uses_after: Uses = Field(
        None, description="An Executor that gets what each shard answered, as docs_matrix, to join it."
    )

    @field_validator("polling", mode="before")
    @classmethod
    def _polling_as_text_or_json(cls, value: Any) -> Any:
        if isinstance(value, str) and value.lstrip().startswith("{"):
            try:
                value = json.loads(value)
            except ValueError as error:
                raise ValueError(f"polling is no JSON: {error}") from None
        if isinstance(value, Mapping):
            return {_path(name): _way(way) for name, way in value.items()} or None
        return None if value is None else _way(value)

    @field_validator("shard_key")
    @classmethod
    def _key_of_documents(cls, value: Any) -> Any:
        if callable(value):
            return value
        if not isinstance(value, str) or not value:
            raise ValueError(
                f"{value!r} is no key: name a field such as id or tags.user, or a function, as an object or as "
                f"'package.module:function'"
            )
        if ":" not in value and not all(part.isidentifier() for part in value.replace("__", ".").split(".")):
            raise ValueError(f"{value!r} is no field: write names with dots between them, such as tags.user")
        return value


def polled(polling: Polling | Mapping[str, Polling] | None, endpoint: str) -> Polling:
    """Which shards a request to `endpoint` asks: what the user said of it, else of all, else what suits its name."""
    if isinstance(polling, str):
        return polling
    named = polling or {}
    by_name: Polling = "ALL" if endpoint in ALL_UNLESS_SAID else "ANY"
    return named.get(endpoint) or named.get(EVERY) or by_name


def _way(value: Any) -> str:
    text = value.name if isinstance(value, Enum) else value
    if not isinstance(text, str) or text.upper() not in ("ANY", "ALL"):
        raise ValueError(f"polling is ANY or ALL, not {text!r}; all shards are asked at once in any case")
    return text.upper()


def _path(name: Any) -> str:
    text = str(name)
    return text if text == EVERY or text.startswith("/") else f"/{text}"
