"""Options of commands that call a service: how the connection is encrypted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from thalweg.config import ClientTlsOptions

F = TypeVar("F", bound=Callable[..., Any])
ENCRYPTED = {"grpc": "grpcs", "http": "https", "ws": "wss"}
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OPTIONS = (
    click.option("--tls", is_flag=True, help="Encrypt, as with grpcs://, https:// and wss://."),
    click.option("--ca", type=FILE, help="PEM file of the authorities to trust; the system's otherwise."),
    click.option("--certfile", type=FILE, help="PEM file of a certificate to show."),
    click.option("--keyfile", type=FILE, help="PEM file of its private key."),
    click.option("--no-verify", is_flag=True, help="Trust whoever answers. For tests only."),
)


def encryption_options(command: F) -> F:
    """`--tls`, `--ca`, `--certfile`, `--keyfile` and `--no-verify`, which `encryption` takes."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def encryption(
    tls: bool, ca: Path | None, certfile: Path | None, keyfile: Path | None, no_verify: bool
) -> ClientTlsOptions | None:
    """What these options ask for; None where they ask for nothing."""
    if not tls and not no_verify and ca is certfile is keyfile is None:
        return None
    from thalweg.config import ClientTlsOptions

    if keyfile is not None and certfile is None:
        raise click.UsageError("A --keyfile belongs to a --certfile; name that too.")
    return ClientTlsOptions(ca=ca, certfile=certfile, keyfile=keyfile, verify=not no_verify)


def with_scheme(address: str, encrypted: bool) -> str:
    """`address` with the scheme of gRPC where it has none, and that of an encrypted connection where one is asked for."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "grpc", address
    return f"{ENCRYPTED.get(scheme, scheme) if encrypted else scheme}://{rest}"


def checked_address(ctx: click.Context, parameter: click.Parameter, address: str) -> str:
    """`address` with a scheme: gRPC's where it has none. One that nothing speaks is a wrong command line."""
    from thalweg.transport.registry import TRANSPORTS

    address = with_scheme(address, encrypted=False)
    if address.partition("://")[0] not in TRANSPORTS:
        known = ", ".join(f"{scheme}://" for scheme in TRANSPORTS if scheme != "inprocess")
        raise click.BadParameter(f"{address!r} is no address: it begins with one of {known}.", ctx, parameter)
    return address
