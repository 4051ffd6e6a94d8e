"""GraphiQL in a real browser, without anything from elsewhere."""

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.examples.browser import Browser, installed
from tests.transport.graphql.test_graphql import Open, serve

__all__ = ["serve"]


@pytest.mark.skipif(installed() is None, reason="needs a Chromium")
async def test_the_page_runs_a_query(serve: Open, tmp_path: Path) -> None:
    program = installed()
    assert program is not None
    async with serve() as address, Browser(program, tmp_path) as browser:
        await browser.open(f"{address}?query=" + quote("{ count { data } }"))
        await browser.until("!!document.querySelector('.graphiql-execute-button')")
        await browser.until("document.querySelector('.graphiql-editor')?.innerText.includes('count')")
        await browser.evaluate("document.querySelector('.graphiql-execute-button').click()")
        await browser.until("document.querySelector('.graphiql-response')?.innerText.includes('number')")
        assert not browser.failures
