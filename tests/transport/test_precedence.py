"""What a request says of its place among those that wait."""

import pytest

from thalweg.errors import MalformedRequest
from thalweg.transport.precedence import LONGEST_SHARE, checked_priority, checked_share, parsed_priority, precedence


@pytest.mark.parametrize("text, priority", [("0", 0), ("10", 10), ("-10", -10), ("+3", 3), (" 4 ", 4)])
def test_a_priority_is_a_whole_number(text: str, priority: int) -> None:
    assert parsed_priority(text) == priority


@pytest.mark.parametrize("text", ["", "11", "-11", "high", "1.5", "1e3", "99999999999999999999", "٣", "1 2", "0x1"])
def test_anything_else_is_refused_with_the_range(text: str) -> None:
    with pytest.raises(MalformedRequest, match="between -10 and 10"):
        parsed_priority(text)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(MalformedRequest):
        checked_priority(11)


@pytest.mark.parametrize("share", ["", "a", "tenant 7", "x" * LONGEST_SHARE])
def test_a_share_is_short_text(share: str) -> None:
    assert checked_share(share) == share


@pytest.mark.parametrize("share", [" a", "a ", "ä", "a\nb", "\x00", "x" * (LONGEST_SHARE + 1)])
def test_any_other_share_is_refused(share: str) -> None:
    with pytest.raises(MalformedRequest, match="share"):
        checked_share(share)


def test_headers_say_both() -> None:
    assert precedence({"x-priority": "2", "x-share": " acme "}) == (2, "acme")
    assert precedence({"x-share": ""}) == (0, "")
