"""Who is let through to a handler."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError

from thalweg.access import Guard
from thalweg.config.access import AccessOptions
from thalweg.errors import ConfigurationError, PermissionDenied, RateLimited, ThalwegError, Unauthenticated
from thalweg.message import Context, Pending, Reply, Request, Response

KEY = "0123456789abcdef"
OTHER = "fedcba9876543210"
SECRET = "a secret of thirty-two bytes or more"


class Answering:
    """Answers what it is asked by the long way, and by the short one where it has one."""

    def __init__(self, short: bool = True) -> None:
        self.short = short
        self.contexts: list[Context] = []

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.contexts.append(context)
        yield Response()

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        if not self.short:
            return None
        self.contexts.append(context)
        return _Nothing()


class _Nothing:
    def cancel(self) -> None: ...


class _Unread:
    def answer(self, response: Response) -> None: ...

    def fail(self, error: ThalwegError) -> None: ...


def ask(guard: Guard, metadata: Mapping[str, str], endpoint: str = "/encode") -> Context:
    context = Context(metadata=metadata, share="what the caller says")
    guard.submit(Request(endpoint), context, _Unread())
    return context


def guarded(now: float = 0.0, **options: Any) -> Guard:
    return Guard(Answering(), AccessOptions.model_validate(options), now=lambda: now)


@pytest.mark.parametrize("headers", [{"x-api-key": KEY}, {"authorization": f"Bearer {KEY}"}])
def test_a_known_key_opens_and_names_its_owner(headers: dict[str, str]) -> None:
    guard = guarded(api_keys={"ada": KEY})
    assert ask(guard, headers).share == "ada"


def test_a_key_may_be_given_as_its_digest() -> None:
    guard = guarded(api_keys={"ada": f"sha256:{sha256(KEY.encode()).hexdigest()}"})
    assert ask(guard, {"x-api-key": KEY}).share == "ada"


@pytest.mark.parametrize("headers", [{}, {"x-api-key": OTHER}, {"authorization": "Basic abc"}, {"x-api-key": ""}])
def test_nobody_else_is_let_in_and_is_told_what_is_missing(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated, match="x-api-key"):
        ask(guarded(api_keys={"ada": KEY}), headers)


def test_callers_without_a_name_do_not_escape_their_rate_by_what_they_say_of_themselves() -> None:
    guard = guarded(rate={"requests": 1})
    guard.submit(Request("/encode"), Context(share="one"), _Unread())
    with pytest.raises(RateLimited, match="Callers without a name"):
        guard.submit(Request("/encode"), Context(share="another"), _Unread())


def test_callers_without_a_name_do_not_take_the_turns_of_others() -> None:
    guard = guarded(api_keys={"ada": KEY}, public=["/status"])
    context = Context(share="ada")
    guard.submit(Request("/status"), context, _Unread())
    assert context.share == ""


async def test_the_long_way_is_guarded_too() -> None:
    with pytest.raises(Unauthenticated):
        guarded(api_keys={"ada": KEY}).handle(Request("/encode"), Context())


def test_public_endpoints_are_for_everybody() -> None:
    guard = guarded(api_keys={"ada": KEY}, public=["/status", "/help/*"])
    ask(guard, {}, "/status")
    ask(guard, {}, "/help/me")
    with pytest.raises(Unauthenticated):
        ask(guard, {}, "/help")


def test_a_key_opens_its_endpoints_only() -> None:
    guard = guarded(api_keys=[{"name": "ada", "key": KEY, "endpoints": ["/encode", "/rank/*"]}])
    ask(guard, {"x-api-key": KEY}, "/rank/all")
    with pytest.raises(PermissionDenied, match=r"'ada' may not call /delete"):
        ask(guard, {"x-api-key": KEY}, "/delete")


def test_a_caller_who_comes_too_often_is_told_when_to_come_back() -> None:
    guard = guarded(api_keys={"ada": KEY, "bob": OTHER}, rate={"requests": 1, "seconds": 10})
    ask(guard, {"x-api-key": KEY})
    with pytest.raises(RateLimited) as caught:
        ask(guard, {"x-api-key": KEY})
    assert caught.value.retry_after == 10
    ask(guard, {"x-api-key": OTHER})


def test_a_key_may_have_a_rate_of_its_own() -> None:
    guard = guarded(api_keys=[{"name": "ada", "key": KEY, "rate": {"requests": 2}}], rate={"requests": 1})
    ask(guard, {"x-api-key": KEY})
    ask(guard, {"x-api-key": KEY})
    with pytest.raises(RateLimited):
        ask(guard, {"x-api-key": KEY})


def test_without_keys_a_rate_holds_for_all_together() -> None:
    guard = Guard(Answering(), AccessOptions.model_validate({"rate": {"requests": 1}}), now=lambda: 0.0)
    guard.submit(Request("/encode"), Context(), _Unread())
    with pytest.raises(RateLimited):
        guard.submit(Request("/encode"), Context(), _Unread())


async def test_a_request_that_changes_to_the_long_way_counts_once() -> None:
    guard = Guard(Answering(short=False), AccessOptions.model_validate({"rate": {"requests": 1}}), now=lambda: 0.0)
    context = Context()
    assert guard.submit(Request("/encode"), context, _Unread()) is None
    assert [answer async for answer in guard.handle(Request("/encode"), context)]
    with pytest.raises(RateLimited):
        guard.handle(Request("/encode"), Context())


def token(**claims: Any) -> str:
    return jwt.encode({"sub": "ada", "exp": time.time() + 60, **claims}, SECRET, "HS256")


def with_tokens(**options: Any) -> Guard:
    return guarded(jwt={"key": SECRET, "algorithms": ["HS256"], **options})


def test_a_signed_token_names_its_subject() -> None:
    guard = with_tokens(issuer="us", audience="thalweg", scope="encode")
    signed = token(iss="us", aud=["thalweg"], scope="read encode")
    for _ in range(2):  # checked, then remembered
        assert ask(guard, {"authorization": f"bearer {signed}"}).share == "ada"


@pytest.mark.parametrize(
    "signed,reason",
    [
        (lambda: token(exp=time.time() - 60), "expired"),
        (lambda: token(iss="them"), "[Ii]ssuer"),
        (lambda: jwt.encode({"sub": "ada", "exp": time.time() + 60, "iss": "us"}, OTHER * 2, "HS256"), "[Ss]ignature"),
        (lambda: jwt.encode({"exp": time.time() + 60, "iss": "us"}, SECRET, "HS256"), "sub"),
        (lambda: jwt.encode({"sub": "ada", "iss": "us"}, SECRET, "HS256"), "exp"),
        (lambda: token(iss="us"), "scope"),
        (lambda: jwt.encode({"sub": "ada", "exp": time.time() + 60, "iss": "us"}, "", "none"), "alg"),
        (lambda: "a.b.c", "believed"),
        (lambda: f"a.{'b' * 9000}.c", "characters"),
    ],
)
def test_a_token_that_is_not_believed_is_refused_with_the_reason(signed: Any, reason: str) -> None:
    with pytest.raises(Unauthenticated, match=reason):
        ask(with_tokens(issuer="us", scope="encode"), {"authorization": f"Bearer {signed()}"})


def test_a_remembered_token_ends_when_it_says() -> None:
    today = time.time()
    options = AccessOptions.model_validate({"jwt": {"key": SECRET, "algorithms": ["HS256"], "leeway": 0}})
    now = [today]
    guard = Guard(Answering(), options, today=lambda: now[0])
    signed = token(exp=today - 5 + 60)
    ask(guard, {"authorization": f"Bearer {signed}"})
    now[0] = today + 56
    signed_again = guard._tokens
    assert signed_again is not None
    assert signed_again._known[signed][1] < now[0]


def test_a_key_set_is_looked_up_by_the_name_of_the_key(tmp_path: Path) -> None:
    keys = {name: rsa.generate_private_key(65537, 2048) for name in ("old", "new")}
    listed = [
        {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": name, "alg": "RS256"}
        for name, key in keys.items()
    ]
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": listed}))
    guard = guarded(jwt={"jwks": str(file)})
    claims = {"sub": "ada", "exp": time.time() + 60}
    signed = jwt.encode(claims, keys["new"], "RS256", headers={"kid": "new"})
    assert ask(guard, {"authorization": f"Bearer {signed}"}).share == "ada"
    with pytest.raises(Unauthenticated, match="'lost'"):
        ask(guard, {"authorization": f"Bearer {jwt.encode(claims, keys['new'], 'RS256', headers={'kid': 'lost'})}"})


def test_a_key_set_that_is_none_is_found_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("[]")
    with pytest.raises(ConfigurationError, match=r"keys\.json"):
        guarded(jwt={"jwks": str(tmp_path / "keys.json")})


@pytest.mark.parametrize(
    "options,reason",
    [
        ({"api_keys": {"ada": "short"}}, "16 characters"),
        ({"api_keys": {"ada": "sha256:abc"}}, "64 hexadecimal"),
        ({"api_keys": [{"name": "a", "key": KEY}, {"name": "a", "key": OTHER}]}, "twice"),
        ({"jwt": {}}, "one of"),
        ({"jwt": {"key": SECRET, "algorithms": ["none"]}}, "signs nothing"),
        ({"rate": {"requests": 0}}, "greater than 0"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        AccessOptions.model_validate(options)


def test_secrets_are_not_printed() -> None:
    options = AccessOptions.model_validate({"api_keys": {"ada": KEY}, "jwt": {"key": SECRET}})
    assert KEY not in repr(options)
    assert SECRET not in repr(options)
