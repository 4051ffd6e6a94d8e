"""A GET request whose time, size and redirects are bounded."""

from __future__ import annotations

import http.client
import socket
from contextlib import suppress
from string import punctuation
from threading import Timer
from time import monotonic
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from thalweg.docs.media.address import check_size, scheme_of, shown

REDIRECTS = 10
"""Redirects that are followed at most."""

_PIECE = 1 << 16
# Some servers turn away what looks like a script.
_HEADERS = {"User-Agent": "Mozilla/5.0 (compatible; Thalweg)", "Accept-Encoding": "identity"}
_NOT_THERE = (404, 410)


def requested(address: str, timeout: float | None, max_bytes: int) -> bytes:
    """The body of the answer to a GET request; see `fetch`."""
    request = Request(_in_ascii(address), headers=_HEADERS)
    deadline = _Deadline(timeout)
    try:
        with _opener(deadline).open(request, timeout=timeout) as response:
            return _body(response, address, max_bytes, deadline)
    except HTTPError as error:
        error.close()
        kind = FileNotFoundError if error.code in _NOT_THERE else OSError
        raise kind(f"{shown(address)} was answered with {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if deadline.over or isinstance(reason, TimeoutError):
            within = "in time" if timeout is None else f"within {timeout:g} s"
            raise TimeoutError(f"{shown(address)} did not answer completely {within}") from None
        raise OSError(f"{shown(address)} cannot be fetched: {reason}") from error
    finally:
        deadline.close()


def _in_ascii(address: str) -> str:
    """An address as it is sent: letters beyond ASCII escaped."""
    try:
        parts = urlsplit(address)
        host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
    except ValueError as error:
        raise ValueError(f"{shown(address)} is no address: {error}") from None
    return urlunsplit((parts.scheme, host, *(quote(part, safe=punctuation) for part in parts[2:4]), ""))


def _body(response: Any, address: str, max_bytes: int, deadline: _Deadline) -> bytes:
    announced = response.length
    if announced is not None:
        check_size(announced, address, max_bytes)
    pieces, size = [], 0
    while piece := response.read1(_PIECE):
        deadline.check()
        size += len(piece)
        check_size(size, address, max_bytes)
        pieces.append(piece)
    if deadline.over:
        raise TimeoutError
    if announced is not None and size < announced:
        raise OSError(f"the connection ended after {size:,} of {announced:,} bytes")
    return b"".join(pieces)


class _Deadline:
    """Shuts the connections down once time is over: a timeout of a socket alone begins anew with every byte."""

    def __init__(self, timeout: float | None) -> None:
        self.over = False
        self._sockets: list[socket.socket] = []
        self._end = None if timeout is None else monotonic() + timeout
        self._timer = None if timeout is None else Timer(timeout, self._pass)
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()

    def watch(self, connection: socket.socket) -> None:
        self._sockets.append(connection)
        self.check()

    def check(self) -> None:
        if self._end is not None and monotonic() > self._end:
            self.over = True
            raise TimeoutError

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _pass(self) -> None:
        self.over = True
        for connection in self._sockets:
            with suppress(OSError):
                # Not the method of an encrypted socket, which may be in use by the thread that reads.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Redirects(HTTPRedirectHandler):
    max_redirections = REDIRECTS

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> Request | None:
        if scheme_of(newurl) not in ("http", "https"):
            raise URLError(f"it was redirected to {shown(newurl)}, which is not fetched")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(deadline: _Deadline) -> OpenerDirector:
    """Opens nothing but `http:` and `https:`, wherever it is redirected to."""

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            deadline.watch(self.sock)

    class Secure(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            deadline.watch(self.sock)

    class PlainHandler(HTTPHandler):
        def http_open(self, req: Request) -> http.client.HTTPResponse:
            return self.do_open(Plain, req)

    class SecureHandler(HTTPSHandler):
        def https_open(self, req: Request) -> http.client.HTTPResponse:
            return self.do_open(Secure, req)

    opener = OpenerDirector()
    for handler in (ProxyHandler(), PlainHandler(), SecureHandler(), _Redirects()):
        opener.add_handler(handler)
    opener.add_handler(HTTPDefaultErrorHandler())
    opener.add_handler(HTTPErrorProcessor())
    return opener
