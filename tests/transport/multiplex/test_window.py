"""How many items of a stream may be unread: more of small ones than of large ones."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import pytest

from thalweg.config import Limits
from thalweg.errors import MalformedRequest
from thalweg.message import Context, Request, Response
from thalweg.transport import registry
from thalweg.transport.contract import Serving
from thalweg.transport.multiplex.client import SMALL_ITEM_BYTES, WIDER
from thalweg.transport.multiplex.frames import read_response, response_message

WINDOW = 8
LIMITS = Limits(stream_window=WINDOW)


class Counting:
    """Gives items without end; those from number `large` on are as large as `bytes_each`."""

    def __init__(self, large: int, bytes_each: int) -> None:
        self.made = 0
        self._large = large
        self._padding = bytes(bytes_each)

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        while True:
            item = b"%d|" % self.made
            self.made += 1
            yield Response((item + self._padding if self.made > self._large else item,))


async def at_rest(source: Counting) -> int:
    """How many items were made, once there are no more of them."""
    made, quiet = -1, 0
    while quiet < 20:
        made, quiet = source.made, quiet + 1 if made == source.made else 0
        await asyncio.sleep(0.005)
    return made


@pytest.mark.parametrize(
    "large, bytes_each, most", [(1 << 30, 0, WIDER * WINDOW), (0, 2 * SMALL_ITEM_BYTES, WINDOW), (0, 1 << 18, WINDOW)]
)
async def test_small_items_may_wait_in_larger_numbers(tmp_path: Path, large: int, bytes_each: int, most: int) -> None:
    source = Counting(large, bytes_each)
    server = registry.server(f"unix://{tmp_path}/s", Serving(source, limits=LIMITS))
    await server.start()
    channel = registry.channel(server.address, LIMITS)
    await channel.connect()
    answers = cast(Any, channel.handle(Request("/count"), Context()))
    for number in range(10 * WINDOW):
        assert bytes((await anext(answers)).body[0]).startswith(b"%d|" % number)
    made = await at_rest(source)
    assert 10 * WINDOW + most // 2 <= made <= 10 * WINDOW + most + 1
    await answers.aclose()
    await channel.close()
    await server.stop()


async def test_the_window_is_narrow_again_after_a_large_item(tmp_path: Path) -> None:
    first_large = 20 * WINDOW
    source = Counting(first_large, 2 * SMALL_ITEM_BYTES)
    server = registry.server(f"unix://{tmp_path}/s", Serving(source, limits=LIMITS))
    await server.start()
    channel = registry.channel(server.address, LIMITS)
    await channel.connect()
    answers = cast(Any, channel.handle(Request("/count"), Context()))
    read = first_large + 20 * WINDOW
    for number in range(read):
        assert bytes((await anext(answers)).body[0]).startswith(b"%d|" % number)
    assert await at_rest(source) <= read + WINDOW + 1
    await answers.aclose()
    await channel.close()
    await server.stop()


def test_an_answer_with_an_opening_that_was_seen_before_is_read_like_the_first() -> None:
    answers = []
    for payload in (b"abc", b"xyz", b"longer"):
        message = b"".join(response_message(Response((payload,), "text/plain")))
        answers += [read_response(message), read_response(message)]
        with pytest.raises(MalformedRequest, match="within its payload"):
            read_response(message[:-1])
    assert [answer.body for answer in answers[::2]] == [(b"abc",), (b"xyz",), (b"longer",)]
    assert answers[::2] == answers[1::2]
    answers[0].headers["a"] = "b"
    assert answers[1].headers == {}
