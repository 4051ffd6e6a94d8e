"""What may stand in the headers of an answer."""

import pytest

from thalweg.errors import WrongReturnType
from thalweg.message.headers import LONGEST_HEADERS, checked_headers


def test_names_become_lower_case_and_values_text() -> None:
    assert checked_headers({"X-Model": "minilm", "x-tokens": 12}) == {"x-model": "minilm", "x-tokens": "12"}


@pytest.mark.parametrize("name", ["", "x y", "x:y", "größe", "Content-Length", "connection", "x\r\ny"])
def test_a_name_that_is_none_or_the_servers_own_is_refused(name: str) -> None:
    with pytest.raises(WrongReturnType, match="no header"):
        checked_headers({name: "1"})


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b", "ä", "\0"])
def test_a_value_that_would_end_the_header_is_refused(value: str) -> None:
    with pytest.raises(WrongReturnType, match="visible ASCII"):
        checked_headers({"x-a": value})


def test_too_much_is_refused() -> None:
    with pytest.raises(WrongReturnType, match="longer"):
        checked_headers({"x-a": "a" * LONGEST_HEADERS})
