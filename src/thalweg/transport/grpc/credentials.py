"""Certificates, as gRPC takes them: the bytes of PEM files."""

from __future__ import annotations

from pathlib import Path

import grpc

from thalweg.config import ClientTlsOptions, TlsOptions
from thalweg.errors import ConfigurationError


def server_credentials(tls: TlsOptions) -> grpc.ServerCredentials:
    """What a server proves itself with, and the authorities whose certificates it asks its callers for.

    Raises:
        ConfigurationError: a file cannot be read, or its key is locked.
    """
    key = _key(tls.keyfile or tls.certfile, tls.password is not None)
    authorities = None if tls.client_ca is None else _read(tls.client_ca)
    return grpc.ssl_server_credentials([(key, _read(tls.certfile))], authorities, authorities is not None)


def channel_credentials(tls: ClientTlsOptions) -> grpc.ChannelCredentials:
    """Whom a client trusts, and what it proves itself with.

    Raises:
        ConfigurationError: a file cannot be read, its key is locked, or the server is not to be verified.
    """
    if not tls.verify:
        raise ConfigurationError(
            "gRPC verifies every server. Name the server's certificate as `ca` to trust just that."
        )
    authorities = None if tls.ca is None else _read(tls.ca)
    if tls.certfile is None:
        return grpc.ssl_channel_credentials(authorities)
    key = _key(tls.keyfile or tls.certfile, tls.password is not None)
    return grpc.ssl_channel_credentials(authorities, key, _read(tls.certfile))


def _key(path: Path, locked: bool) -> bytes:
    key = _read(path)
    if locked or b"ENCRYPTED" in key:
        raise ConfigurationError(f"gRPC reads no private keys that are locked: unlock {path} with `openssl pkey`.")
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"The file {path} cannot be read: {error.strerror}.") from None
