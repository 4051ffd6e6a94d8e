"""JSON Web Tokens."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from thalweg.access.caller import Caller, bearer
from thalweg.config.access import JwtOptions
from thalweg.errors import ConfigurationError, MissingDependency, Unauthenticated

LONGEST_TOKEN = 8 * 1024
"""Characters of a token. A signature over more is not worth the time."""
MOST_TOKENS = 4096
"""Tokens that were checked and are remembered until they end: a signature takes longer than a small request."""


class Tokens:
    """Recognises callers by a signed token in `authorization: Bearer ...`."""

    def __init__(self, options: JwtOptions, now: Callable[[], float]) -> None:
        """`now` gives seconds since 1970, in which tokens say when they end.

        Raises:
            MissingDependency: PyJWT is not installed.
            ConfigurationError: the key set cannot be read.
        """
        self._options = options
        self._now = now
        self._jwt = _library()
        self._key = self._key_set() if options.jwks is not None else None
        self._known: OrderedDict[str, tuple[Caller, float]] = OrderedDict()

    def recognise(self, metadata: Mapping[str, str]) -> Caller | None:
        """Who signed on; None where there is no token.

        Raises:
            Unauthenticated: there is one, and it is not believed; says why.
        """
        token = bearer(metadata)
        if token.count(".") != 2:
            return None
        known = self._known.get(token)
        if known is not None and self._now() < known[1]:
            return known[0]
        caller, until = self._checked(token)
        self._known[token] = (caller, until)
        if len(self._known) > MOST_TOKENS:
            self._known.popitem(last=False)
        return caller

    def _checked(self, token: str) -> tuple[Caller, float]:
        options = self._options
        if len(token) > LONGEST_TOKEN:
            raise Unauthenticated(f"The token has {len(token)} characters; at most {LONGEST_TOKEN} are read.")
        try:
            claims: dict[str, Any] = self._jwt.decode(
                token,
                self._signing_key(token),
                algorithms=list(options.algorithms),
                issuer=options.issuer or None,
                audience=options.audience or None,
                leeway=options.leeway,
                options={"require": ["exp", options.subject], "verify_aud": bool(options.audience)},
            )
        except self._jwt.PyJWTError as error:
            raise Unauthenticated(f"The token is not believed: {error}.") from None
        if options.scope and options.scope not in str(claims.get("scope", "")).split():
            raise Unauthenticated(f"The token has no scope {options.scope!r}.")
        return Caller(str(claims[options.subject])), float(claims["exp"]) + options.leeway

    def _signing_key(self, token: str) -> Any:
        if self._key is None:
            assert self._options.key is not None
            return self._options.key.get_secret_value()
        wanted = self._jwt.get_unverified_header(token).get("kid")
        for key in self._key.keys:
            if wanted is None or key.key_id == wanted:
                return key.key
        raise Unauthenticated(f"The token names the key {wanted!r}, which is not in the key set.")

    def _key_set(self) -> Any:
        path = self._options.jwks
        assert path is not None
        try:
            return self._jwt.PyJWKSet.from_json(path.read_text("utf-8"))
        except (OSError, ValueError, AttributeError, self._jwt.PyJWTError) as error:
            raise ConfigurationError(f"access.jwt.jwks: {path} is no JSON Web Key Set: {error}.") from None


def _library() -> ModuleType:
    try:
        import jwt
    except ImportError:
        raise MissingDependency("Tokens need PyJWT: pip install 'thalweg[jwt]'.") from None
    return jwt
