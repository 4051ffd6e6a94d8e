"""TLS contexts out of options, for the transports that are built on asyncio."""

from __future__ import annotations

import ssl

from thalweg.config import ClientTlsOptions, TlsOptions
from thalweg.config.secrets import Secret
from thalweg.errors import ConfigurationError

HANDSHAKE_SECONDS = 10.0
"""How long a peer may take to agree on how to encrypt."""


def server_context(options: TlsOptions) -> ssl.SSLContext:
    """How a server encrypts. TLS 1.2 or later, HTTP/1.1 above it.

    Raises:
        ConfigurationError: a file cannot be read, or its content does not fit.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(options.certfile, options.keyfile, _password(options.password))
        if options.client_ca is not None:
            context.load_verify_locations(options.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ValueError) as error:  # what is wrong with TLS is an OSError too
        named = f"{options.certfile}, {options.keyfile or options.certfile}, {options.client_ca or 'no client_ca'}"
        raise ConfigurationError(f"tls: the server cannot encrypt with {named}: {error}.") from None
    return context


def client_context(options: ClientTlsOptions) -> ssl.SSLContext:
    """How a client encrypts, and whom it trusts.

    Raises:
        ConfigurationError: a file cannot be read, or its content does not fit.
    """
    try:
        context = ssl.create_default_context(cafile=options.ca)
        if options.certfile is not None:
            context.load_cert_chain(options.certfile, options.keyfile, _password(options.password))
    except (OSError, ValueError) as error:
        named = f"ca {options.ca or 'of the system'}, certfile {options.certfile or 'none'}"
        raise ConfigurationError(f"tls: the client cannot encrypt with {named}: {error}.") from None
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _password(secret: Secret | None) -> str:
    # Without one OpenSSL would ask at the terminal.
    return secret.get_secret_value() if secret is not None else ""
