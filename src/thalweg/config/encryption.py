"""Certificates: of a server, and of whoever calls one."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from thalweg.config.options import Options
from thalweg.config.secrets import Secret


class TlsOptions(Options):
    """The certificate of a server, and whose certificates it wants to see."""

    certfile: Path = Field(
        description="PEM file of the certificate, followed by those between it and a known authority."
    )
    keyfile: Path | None = Field(
        None, description="PEM file of its private key; the certfile's own where there is none."
    )
    password: Secret | None = Field(None, description="Opens the key file.")
    client_ca: Path | None = Field(
        None, description="PEM file of authorities. Only callers with a certificate of one of them are let in."
    )


class ClientTlsOptions(Options):
    """Whom a client trusts, and how it says who it is."""

    ca: Path | None = Field(None, description="PEM file of the authorities to trust; the system's where there is none.")
    certfile: Path | None = Field(None, description="PEM file of the client's own certificate.")
    keyfile: Path | None = Field(
        None, description="PEM file of its private key; the certfile's own where there is none."
    )
    password: Secret | None = Field(None, description="Opens the key file.")
    verify: bool = Field(True, description="Whether the server must prove who it is. Switch it off in tests only.")

    @model_validator(mode="after")
    def _key_of_a_certificate(self) -> Self:
        if self.certfile is None and self.keyfile is not None:
            raise ValueError("a keyfile belongs to a certfile; name that too")
        return self
