"""A page in a real browser, of the server's own and of another origin."""

import json
from pathlib import Path

import pytest

from tests.examples.browser import Browser, installed
from tests.transport.websocket.conftest import Open

ASK = """
new Promise((resolve) => {
  const socket = new WebSocket("ADDRESS");
  socket.onopen = () => socket.send(JSON.stringify({ id: 1, endpoint: "/echo", data: [{ text: "hällo" }] }));
  socket.onmessage = (message) => resolve(message.data);
  socket.onclose = (event) => resolve("closed " + event.code);
})
"""


@pytest.mark.skipif(installed() is None, reason="needs a Chromium")
async def test_pages_of_the_own_origin_ask_and_others_do_not(serve: Open, tmp_path: Path) -> None:
    program = installed()
    assert program is not None
    page, profile = tmp_path / "page.html", tmp_path / "profile"
    page.write_text("<!doctype html><title>A page</title>")
    pages = {"/page.html": page}
    async with (
        serve(address="http://127.0.0.1:0", pages=pages) as own,
        serve(address="http://127.0.0.1:0", pages=pages) as other,
        Browser(program, profile) as browser,
    ):
        ask = ASK.replace("ADDRESS", own.replace("http", "ws") + "/ws")
        await browser.open(f"{own}/page.html")
        assert json.loads(await browser.evaluate(ask)) == {"id": 1, "data": [{"text": "hällo"}]}
        await browser.open(f"{other}/page.html")
        assert await browser.evaluate(ask) == "closed 1006"
