"""Who may call a service, and how often."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from thalweg.config.options import Options
from thalweg.config.secrets import Secret

DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
EVERYTHING = ("*",)


class RateOptions(Options):
    """How many requests a caller may make: `requests` in each `seconds`, and after a pause `burst` at once."""

    requests: float = Field(gt=0, description="Requests in each of the `seconds` below.")
    seconds: float = Field(1.0, gt=0, description="The length of that time.")
    burst: int = Field(0, ge=0, description="Requests at once after a pause; as many as `requests` where it is 0.")

    @property
    def most(self) -> float:
        """Requests at once after a pause."""
        return float(self.burst) or max(1.0, self.requests)

    @property
    def each_second(self) -> float:
        return self.requests / self.seconds


class ApiKeyOptions(Options):
    """One key and what it opens."""

    name: str = Field(
        min_length=1, description="Whose key it is; stands in logs and shares the queues under that name."
    )
    key: Secret = Field(description="The key, or 'sha256:' and the hexadecimal digest of it.")
    endpoints: tuple[str, ...] = Field(EVERYTHING, description="Endpoints it opens; '*' stands for any characters.")
    rate: RateOptions | None = Field(None, description="How often, in place of what holds for everybody.")

    @field_validator("key")
    @classmethod
    def _long_enough(cls, value: Secret) -> Secret:
        text = value.get_secret_value()
        if text.startswith("sha256:") and not DIGEST.match(text):
            raise ValueError("'sha256:' is followed by 64 hexadecimal digits in lower case")
        if len(text) < 16:
            raise ValueError(
                "a key needs 16 characters or more; `python -c 'import secrets; print(secrets.token_hex())'`"
            )
        return value


class JwtOptions(Options):
    """Which JSON Web Tokens (RFC 7519) are believed."""

    key: Secret | None = Field(None, description="The shared secret, or the public key as PEM text.")
    jwks: Path | None = Field(None, description="A file with a JSON Web Key Set (RFC 7517), in place of `key`.")
    algorithms: tuple[str, ...] = Field(("RS256",), min_length=1, description="Signature algorithms that are taken.")
    issuer: str = Field("", description="What `iss` must say.")
    audience: str = Field("", description="What `aud` must hold.")
    leeway: float = Field(10.0, ge=0, description="Seconds by which clocks may differ.")
    subject: str = Field("sub", description="The claim that names the caller.")
    scope: str = Field("", description="A word that the claim `scope` must hold.")

    @model_validator(mode="after")
    def _one_source_of_keys(self) -> Self:
        if (self.key is None) == (self.jwks is None):
            raise ValueError("give one of `key` and `jwks`")
        if "none" in (name.lower() for name in self.algorithms):
            raise ValueError("the algorithm 'none' signs nothing, so it is never taken")
        return self


class AccessOptions(Options):
    """Who may call, and how often. With neither keys nor tokens everybody may, as often as `rate` says."""

    api_keys: tuple[ApiKeyOptions, ...] = Field((), description="Keys; a mapping of name to key will do.")
    jwt: JwtOptions | None = Field(None, description="Which tokens are believed.")
    public: tuple[str, ...] = Field((), description="Endpoints for everybody; '*' stands for any characters.")
    rate: RateOptions | None = Field(None, description="How often each caller may; all without a name count as one.")

    @field_validator("api_keys", mode="before")
    @classmethod
    def _named_keys(cls, value: Any) -> Any:
        return [{"name": name, "key": key} for name, key in value.items()] if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        names = [one.name for one in self.api_keys]
        if len(set(names)) < len(names):
            raise ValueError(f"api_keys names one twice: {names}")
        return self

    @property
    def closed(self) -> bool:
        """Whether a caller has to say who it is."""
        return bool(self.api_keys) or self.jwt is not None
