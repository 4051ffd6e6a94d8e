from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.examples.browser import Browser, installed
from thalweg import Flow

pytestmark = pytest.mark.skipif(installed() is None, reason="needs a Chromium: apt-get install chromium")

NAMES = "[...document.querySelectorAll('.name')].map((name) => name.textContent)"
FOCUSED = "document.activeElement.closest('li')?.querySelector('.name').textContent ?? document.activeElement.id"
FITS = "document.documentElement.scrollWidth <= innerWidth"


def address(flow: Flow) -> str:
    return next(address for address in flow.addresses if address.startswith("http"))


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    program = installed()
    assert program is not None
    async with Browser(program, tmp_path) as browser:
        yield browser


@pytest.fixture
async def page(browser: Browser, flow: Flow) -> Browser:
    await browser.open(address(flow))
    await browser.focused("question")
    return browser


async def test_a_typed_question_is_answered_with_name_signature_summary_and_score(page: Browser) -> None:
    await page.type("greatest common divisor")
    assert (await page.until(f"document.querySelector('.match') && {NAMES}"))[0] == "math.gcd"
    text = await page.evaluate("document.querySelector('.match').innerText")
    assert "gcd(*integers)" in text
    assert "Greatest Common Divisor." in text
    assert "0.8" in text
    assert "10 answers in" in await page.evaluate("document.querySelector('#status').textContent")
    assert await page.evaluate("location.search") == "?q=greatest%20common%20divisor"
    assert page.failures == []


async def test_the_keyboard_is_enough(page: Browser) -> None:
    await page.type("shuffle a list")
    names = await page.until(f"document.querySelector('.match') && {NAMES}")
    for expected in (names[0], names[1]):
        await page.press("ArrowDown")
        assert await page.evaluate(FOCUSED) == expected
    await page.press("ArrowUp")
    assert await page.evaluate(FOCUSED) == names[0]
    await page.press("/")
    assert await page.evaluate("document.activeElement.id") == "question"
    await page.press("Escape")
    assert await page.evaluate("document.querySelector('#question').value") == ""
    assert await page.evaluate(NAMES) == []
    assert page.failures == []


async def test_an_example_can_be_clicked_and_more_be_shown(page: Browser) -> None:
    await page.evaluate("document.querySelector('.chips button').click()")
    await page.until("document.querySelectorAll('.match').length === 10")
    await page.evaluate("document.querySelector('#more').click()")
    await page.until("document.querySelectorAll('.match').length === 20")


async def test_an_address_with_a_question_shows_its_answers(browser: Browser, flow: Flow) -> None:
    await browser.open(f"{address(flow)}/?q=greatest%20common%20divisor")
    assert (await browser.until(f"document.querySelector('.match') && {NAMES}"))[0] == "math.gcd"


@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_the_page_fits_phones_and_desktops(page: Browser, width: int) -> None:
    await page.size(width, 800)
    assert await page.evaluate(FITS)
    await page.type("parse command line arguments with a very long list of options")
    await page.until("document.querySelector('.match')")
    assert await page.evaluate(FITS)


async def test_an_error_of_the_server_is_shown_and_can_be_tried_again(page: Browser) -> None:
    await page.evaluate("answer = window.fetch; window.fetch = () => answer('/nowhere', { method: 'POST' }); 0")
    await page.type("compress a file")
    await page.until("document.querySelector('.notice.bad')")
    assert "There is no endpoint /nowhere" in await page.evaluate("document.querySelector('.notice').innerText")
    await page.evaluate("window.fetch = answer; document.querySelector('.notice button').click()")
    await page.until("document.querySelector('.match')")
    assert await page.evaluate("document.querySelector('.notice')") is None


async def test_a_server_that_is_gone_is_told(page: Browser) -> None:
    await page.command("Network.enable")
    await page.command(
        "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1
    )
    await page.type("compress a file")
    await page.until("document.querySelector('.notice.bad')")
    assert "The server does not answer" in await page.evaluate("document.querySelector('.notice').innerText")
