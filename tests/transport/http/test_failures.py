"""What is answered when something goes wrong: one shape, and nothing of the inside."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from thalweg.config import Limits
from thalweg.errors import (
    Cancelled,
    ExecutorFailed,
    InvalidDocument,
    MalformedRequest,
    Overloaded,
    ThalwegError,
    Unavailable,
)
from thalweg.message import COLUMNS, Context, Request, Response
from thalweg.message.status import to_failure
from thalweg.testing.leaks import eventually
from thalweg.transport.http.failures import decode_failure, encode_failure, foreign_failure


def raising(error: BaseException) -> Any:
    async def fail(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        raise error
        yield

    return fail


def shape(body: bytes) -> dict[str, Any]:
    found = json.loads(body)
    assert {"detail", "code", "request_id", "executor"} <= found.keys()
    return found


@pytest.mark.parametrize(
    "error,status",
    [
        (MalformedRequest("m"), 400),
        (InvalidDocument("m"), 422),
        (Overloaded("m"), 429),
        (Cancelled("m"), 499),
        (ExecutorFailed("m", executor="enc"), 500),
        (Unavailable("m"), 503),
    ],
)
async def test_an_error_of_the_handler_has_the_status_of_its_class(serve, error: ThalwegError, status: int) -> None:
    site = await serve(raising(error))
    got, headers, body = await site.post("/echo", x_request_id="me")
    assert got == status
    assert headers["x-request-id"] == "me"
    assert shape(body) == {"detail": "m", "code": error.code, "request_id": "me", "executor": error.executor}


async def test_findings_have_places_in_the_body(serve) -> None:
    finding = {"loc": ["data", 0, "text"], "msg": "Field required", "type": "missing"}
    site = await serve(raising(InvalidDocument("It does not fit.", details=[finding])))
    status, _, body = await site.post("/echo")
    assert status == 422
    assert shape(body)["detail"] == [{"loc": ["body", "data", 0, "text"], "msg": "Field required", "type": "missing"}]
    assert shape(body)["message"] == "It does not fit."


async def test_an_unforeseen_exception_shows_nothing_of_itself(serve, caplog: pytest.LogCaptureFixture) -> None:
    site = await serve(raising(KeyError("swordfish")))
    status, headers, body = await site.post("/echo")
    assert status == 500
    assert b"swordfish" not in body
    assert b"Traceback" not in body
    assert headers["x-request-id"] in caplog.text
    assert "swordfish" in caplog.text


async def test_an_unknown_endpoint_names_the_known_ones(serve) -> None:
    site = await serve()
    status, _, body = await site.post("/ecko")
    assert status == 404
    assert shape(body)["detail"] == "There is no endpoint /ecko; there are: /count, /deep/er, /echo."
    assert shape(body)["code"] == "endpoint_not_found"
    assert (await site.ask("GET", "/ecko"))[0] == 404
    assert site.handler.requests == []


@pytest.mark.parametrize(
    "method,path,allow",
    [
        ("GET", "/echo", "POST"),
        ("PUT", "/echo", "POST"),
        ("DELETE", "/healthz", "GET, HEAD"),
        ("POST", "/openapi.json", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(serve, method: str, path: str, allow: str) -> None:
    site = await serve()
    status, headers, body = await site.ask(method, path)
    assert (status, headers["allow"]) == (405, allow)
    shape(body)


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "text/plain"},
        {"content_type": "text/xml"},
        {"content_encoding": "br"},
    ],
)
async def test_content_that_is_not_read_here_is_unsupported(serve, headers: dict[str, str]) -> None:
    site = await serve()
    status, _, body = await site.post("/echo", **headers)
    assert (status, shape(body)["code"]) == (415, "unsupported_content")


@pytest.mark.parametrize(
    "headers",
    [
        {"thalweg_timeout": "soon"},
        {"thalweg_timeout": "-1"},
        {"thalweg_timeout": "NaN"},
        {"thalweg_timeout": "1_000"},
        {"thalweg_parameters": "{"},
        {"thalweg_parameters": "[1]"},
        {"content_type": COLUMNS},
    ],
)
async def test_what_does_not_say_what_it_should_is_malformed(serve, headers: dict[str, str]) -> None:
    site = await serve()
    status, _, body = await site.post("/echo", b"{}", **headers)
    assert (status, shape(body)["code"]) == (400, "malformed_request")
    assert site.handler.requests == []


async def test_framed_columns_need_a_place_for_parameters(serve) -> None:
    site = await serve()
    assert (await site.post("/echo", bytes(8), content_type=COLUMNS))[0] == 400


async def test_time_that_runs_out_is_answered(serve) -> None:
    async def never(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        await asyncio.Event().wait()
        yield Response()

    site = await serve(never)
    status, _, body = await site.post("/echo", thalweg_timeout="0.01")
    assert (status, shape(body)["code"]) == (504, "deadline_exceeded")
    assert site.handler.contexts[0].cancelled


async def test_past_the_limit_of_requests_there_is_a_hint_when_to_come_back(serve) -> None:
    release = asyncio.Event()

    async def hold(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        await release.wait()
        yield Response(request.body)

    site = await serve(hold, limits=Limits(max_inflight=1))
    first = asyncio.create_task(site.post("/echo"))
    await eventually(lambda: site.handler.requests)
    status, headers, body = await site.post("/echo")
    assert (status, headers["retry-after"]) == (429, "1")
    assert shape(body)["retry_after"] == 1.0
    release.set()
    assert (await first)[0] == 200
    assert (await site.post("/echo"))[0] == 200


@pytest.mark.parametrize("answers", [0, 2])
async def test_an_endpoint_that_does_not_stream_answers_once(serve, answers: int) -> None:
    async def several(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        for _ in range(answers):
            yield Response((b"{}",))

    site = await serve(several)
    status, _, body = await site.post("/echo")
    assert (status, shape(body)["code"]) == (500, "internal_error")


async def test_a_request_id_of_an_error_never_breaks_the_headers(serve) -> None:
    site = await serve(raising(ExecutorFailed("m", request_id="a\r\nset-cookie: b")))
    status, headers, body = await site.post("/echo")
    assert status == 500
    assert "set-cookie" not in headers
    assert shape(body)["request_id"] == "a\r\nset-cookie: b"


def test_an_error_without_places_keeps_its_findings() -> None:
    error = Overloaded("m", details=[{"queue": 3}], retry_after=0.5, executor="e", request_id="r")
    found = decode_failure(encode_failure(to_failure(error)))
    assert isinstance(found, Overloaded)
    assert vars(found) == vars(error)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"detail": "x"}', b'{"detail": [1], "code": "error"}', b"\xff"]
)
def test_what_is_no_error_of_ours_is_not_taken_for_one(body: bytes) -> None:
    assert decode_failure(body) is None


@pytest.mark.parametrize(
    "status,code",
    [
        (502, "unavailable"),
        (429, "overloaded"),
        (403, "permission_denied"),
        (500, "server_error"),
        (302, "server_error"),
    ],
)
def test_a_strangers_answer_becomes_the_nearest_error(status: int, code: str) -> None:
    error = foreign_failure(status, b"<h1>Bad</h1>", "http://x/y")
    assert error.code == code
    assert error.message == f"http://x/y answered with HTTP status {status}: <h1>Bad</h1>"
