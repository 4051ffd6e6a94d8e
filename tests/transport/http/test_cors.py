"""Pages of other origins."""

import pytest

from thalweg.config import CorsOptions

PAGE = "https://page.example"
ONLY = CorsOptions(origins=(PAGE,), headers=("x-a", "x-b"), credentials=True, max_age=5)


async def test_without_the_option_no_origin_is_told_anything(serve) -> None:
    site = await serve()
    _, headers, _ = await site.post("/echo", origin=PAGE)
    assert not [name for name in headers if name.startswith("access-control")]
    assert (await site.ask("OPTIONS", "/echo", origin=PAGE))[0] == 405


async def test_every_origin_may_call_where_all_are_let_in(serve) -> None:
    site = await serve(cors=CorsOptions())
    for _ in range(2):
        status, headers, _ = await site.post("/echo", origin=PAGE)
        assert (status, headers["access-control-allow-origin"]) == (200, "*")
        assert headers["access-control-expose-headers"] == "*"
    assert (await site.post("/nowhere", origin=PAGE))[1]["access-control-allow-origin"] == "*"
    assert (await site.ask("GET", "/readyz", origin=PAGE))[1]["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in (await site.post("/echo"))[1]


async def test_a_browser_that_asks_first_is_told(serve) -> None:
    site = await serve(cors=CorsOptions())
    asked = {"access_control_request_method": "POST", "access_control_request_headers": "content-type, x-a"}
    status, headers, body = await site.ask("OPTIONS", "/echo", origin=PAGE, **asked)
    assert (status, body) == (204, b"")
    assert headers["access-control-allow-methods"] == "GET, POST"
    assert headers["access-control-allow-headers"] == "content-type, x-a"
    assert headers["access-control-max-age"] == "600"
    assert not site.handler.requests


@pytest.mark.parametrize("origin,allowed", [(PAGE, True), ("https://evil.example", False), ("", False)])
async def test_only_origins_that_are_named_are_let_in(serve, origin: str, allowed: bool) -> None:
    site = await serve(cors=ONLY)
    for method in ("POST", "OPTIONS"):
        _, headers, _ = await site.ask(method, "/echo", b"{}", content_type="application/json", origin=origin)
        assert headers.get("vary", "origin" if not origin else "") == "origin"
        assert headers.get("access-control-allow-origin") == (PAGE if allowed else None)
        assert headers.get("access-control-allow-credentials") == ("true" if allowed else None)
        if allowed and method == "OPTIONS":
            assert headers["access-control-allow-headers"] == "x-a, x-b"
