"""The bytes behind an address, within a size and a time."""

from __future__ import annotations

import os
import stat
from base64 import b64decode
from typing import IO, Any
from urllib.parse import unquote_to_bytes, urlsplit

from thalweg.docs.extras import load_extra
from thalweg.docs.media.address import check_size, scheme_of, shown
from thalweg.errors import MissingDependency

MAX_BYTES = 1 << 28
"""Bytes that an address may hold unless a caller says otherwise: 256 MiB."""

SECONDS = 60.0
"""How long fetching may take unless a caller says otherwise."""


def fetch(address: str, timeout: float | None = SECONDS, max_bytes: int = MAX_BYTES) -> bytes:
    """What an address holds.

    `http:` and `https:` are requested, through the proxies that the environment names; `data:` is decoded; `file:` and
    plain paths are read from this machine; anything else, such as `s3:`, is left to fsspec (extra `store`).

    Args:
        address: an address or a path.
        timeout: seconds after which a request is given up, however it trickles; None for no limit. The lookup of the
            host's name has limits of its own, and so has fsspec.
        max_bytes: more than this is never read.

    Raises:
        FileNotFoundError: there is no such file, or the server says so.
        TimeoutError: time ran out.
        OSError: the file cannot be read, or the server cannot be reached or refuses.
        ValueError: there are more bytes than `max_bytes`, or it is no address.
        MissingDependency: fsspec, or what it needs for this scheme, is not installed.
    """
    scheme = scheme_of(address)
    if scheme in ("http", "https"):
        from thalweg.docs.media.request import requested

        return requested(address, timeout, max_bytes)
    if scheme == "data":
        return _decoded(address, max_bytes)
    if scheme in ("", "file"):
        return _read(_path(address) if scheme else address, max_bytes)
    return _opened(address, max_bytes)


def bounded(stream: IO[bytes], address: str, max_bytes: int) -> bytes:
    """The rest of a stream.

    Raises:
        ValueError: it is longer than `max_bytes`.
    """
    data = stream.read(max_bytes + 1)
    check_size(len(data), address, max_bytes)
    return data


def _decoded(address: str, max_bytes: int) -> bytes:
    head, comma, data = address[len("data:") :].partition(",")
    if not comma:
        raise ValueError(f"{shown(address)} is no data: address: a comma comes before the data")
    encoded = head.lower().endswith(";base64")
    # Before anything is decoded: base64 is a third longer than what it holds, and an escape three letters for one byte.
    check_size(len(data) * 3 // 4 - 2 if encoded else len(data) // 3, address, max_bytes)
    held = unquote_to_bytes(data)
    if encoded:
        try:
            text = held.translate(_URL_SAFE, b" \t\r\n").rstrip(b"=")
            held = b64decode(text + b"=" * (-len(text) % 4), validate=True)
        except ValueError:
            raise ValueError(f"{shown(address)} holds no valid base64") from None
    check_size(len(held), address, max_bytes)
    return held


_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def _path(address: str) -> str:
    from urllib.request import url2pathname

    parts = urlsplit(address)
    if parts.netloc not in ("", "localhost"):
        raise ValueError(f"{shown(address)} is on another machine; file:///path is on this one")
    return url2pathname(parts.path)


def _read(path: str, max_bytes: int) -> bytes:
    try:
        # Without blocking where it is no file but, say, a pipe that nobody writes to.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {shown(path)!r}, and it is no address that can be fetched") from None
    except ValueError as error:  # a null byte
        raise FileNotFoundError(f"{shown(path)!r} is no path: {error}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise OSError(f"{shown(path)!r} is no file that can be read")
    with os.fdopen(descriptor, "rb") as stream:
        check_size(status.st_size, path, max_bytes)
        return bounded(stream, path, max_bytes)


def _opened(address: str, max_bytes: int) -> bytes:
    fsspec: Any = load_extra("fsspec", "store", f"Addresses that begin with {scheme_of(address)}:")
    try:
        with fsspec.open(address, "rb") as stream:
            return bounded(stream, address, max_bytes)
    except ImportError as error:
        raise MissingDependency(f"{shown(address)} cannot be opened: {error}") from error
    except FileNotFoundError:
        raise FileNotFoundError(f"There is nothing at {shown(address)}") from None
