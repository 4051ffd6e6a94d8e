"""What a browser is told about pages of other origins (https://fetch.spec.whatwg.org/#http-cors-protocol); pure."""

from __future__ import annotations

from thalweg.config import CorsOptions

Lines = list[tuple[bytes, bytes]]


class Cors:
    """The headers that let pages of other origins call."""

    def __init__(self, options: CorsOptions) -> None:
        self._options = options
        self._any = "*" in options.origins
        # With credentials "*" means nothing to a browser, so the origin that asks is named.
        self._named = not self._any or options.credentials

    def answer_headers(self, origin: bytes) -> Lines:
        """Those of an answer to a page of `origin`; that of nobody where it is empty."""
        lines: Lines = [(b"vary", b"origin")] if self._named else []
        if not origin or not self._allows(origin):
            return lines
        lines.append((b"access-control-allow-origin", origin if self._named else b"*"))
        if self._options.credentials:
            lines.append((b"access-control-allow-credentials", b"true"))
        if self._options.expose:
            lines.append((b"access-control-expose-headers", ", ".join(self._options.expose).encode()))
        return lines

    def preflight_headers(self, origin: bytes, wanted: bytes) -> Lines:
        """Those of the answer to a browser that asks first; `wanted` are the headers that the page wants to send."""
        lines = self.answer_headers(origin)
        if not origin or not self._allows(origin):
            return lines
        options = self._options
        lines.append((b"access-control-allow-methods", ", ".join(options.methods).encode()))
        allowed = wanted if "*" in options.headers else ", ".join(options.headers).encode()
        if allowed:
            lines.append((b"access-control-allow-headers", allowed))
        lines.append((b"access-control-max-age", b"%d" % options.max_age))
        return lines

    def _allows(self, origin: bytes) -> bool:
        return self._any or origin.decode("latin-1") in self._options.origins
