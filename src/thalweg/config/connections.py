"""What a server does with the connections of callers: HTTP, WebSocket, and what comes over them."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from thalweg.config.options import Options


class CorsOptions(Options):
    """Pages of which other origins may call, and what they may send and read."""

    origins: tuple[str, ...] = Field(("*",), description="Origins such as https://example.org; '*' is every one.")
    methods: tuple[str, ...] = Field(("GET", "POST"), description="Methods that they may use.")
    headers: tuple[str, ...] = Field(
        ("*",), description="Request headers that they may send; '*' is whatever they ask for."
    )
    expose: tuple[str, ...] = Field(("*",), description="Headers of answers that they may read.")
    credentials: bool = Field(False, description="Whether they may send cookies and authorization of their own.")
    max_age: int = Field(600, ge=0, description="Seconds for which a browser may remember what it was told.")

    @field_validator("origins", "methods", "headers", "expose", mode="before")
    @classmethod
    def _one_or_many_names(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class ConnectionOptions(Options):
    """How long, and how much, a server has to do with one HTTP connection."""

    idle_seconds: float = Field(75.0, gt=0, description="How long it may rest between two requests.")
    silence_seconds: float = Field(
        30.0, gt=0, description="How long a head may take, a body may pause, and an answer may wait for its reader."
    )
    ping_seconds: float = Field(15.0, gt=0, description="How long a stream of events is silent before it says so.")
    max_requests: int | None = Field(None, gt=0, description="Requests after which it is closed.")
    max_connections: int = Field(20_000, gt=0, description="Connections at once; further ones are answered 503.")
    compress_bytes: int | None = Field(
        16 * 1024, ge=0, description="JSON answers from so many bytes on are compressed for who reads it; None: never."
    )
    max_head_bytes: int = Field(64 * 1024, ge=1024, description="Largest request line and headers together.")


class WebSocketOptions(Options):
    """How a server deals with WebSocket connections."""

    path: str = Field(
        "/ws", description="Where an http server takes them; nowhere if empty. A websocket server: everywhere."
    )
    origins: tuple[str, ...] | None = Field(
        None,
        description="Origins whose pages may connect; '*' is every one. None: the server's own, and those of cors.",
    )
    ping_seconds: float = Field(20.0, gt=0, description="How long a peer may be silent before it is asked for a sign.")
    pong_seconds: float = Field(20.0, gt=0, description="How long it may take to give one before the connection ends.")
    max_connections: int = Field(20_000, gt=0, description="Connections at once; further ones are answered 503.")
    compression: bool = Field(
        False, description="Whether messages may be compressed; costs time, and memory when idle."
    )

    @field_validator("origins", mode="before")
    @classmethod
    def _one_or_many_origins(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("path")
    @classmethod
    def _path_of_a_url(cls, value: str) -> str:
        if value and not value.startswith("/"):
            raise ValueError(f"{value!r} is no URL path: it begins with '/'")
        return value


class GraphqlOptions(Options):
    """GraphQL beside the routes of an http server."""

    path: str = Field("/graphql", pattern="^/.+[^/]$", description="Where it is; the page for people is there too.")
    introspection: bool = Field(True, description="Whether callers may ask for the schema.")
    page: bool = Field(True, description="Whether a browser is shown a page to write queries on.")
    max_bytes: int = Field(1 << 20, gt=0, description="Longest query, its variables included.")
    max_tokens: int = Field(10_000, gt=0, description="Words and signs of a query.")
    max_depth: int = Field(16, gt=0, description="How deep selections may be nested.")
    max_fields: int = Field(2_000, gt=0, description="Fields that a query may ask for, fragments counted where used.")
    max_calls: int = Field(16, gt=0, description="Calls of endpoints in one query.")
