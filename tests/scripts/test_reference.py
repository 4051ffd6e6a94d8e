"""The page of all options says what the models say."""

from scripts.reference import PAGE, page
from thalweg.config.catalogue import TOPICS, entries, nested, topic


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make reference`"


def test_every_option_has_a_line_of_documentation() -> None:
    every = [entry for name in TOPICS for entry in topic(name)] + [e for m in nested().values() for e in entries(m)]
    assert [entry.name for entry in every if not entry.text.strip() or len(entry.text) > 160] == []


def test_every_option_is_on_the_page() -> None:
    text = PAGE.read_text("utf-8")
    assert all(f"| `{entry.name}` |" in text for name in TOPICS for entry in topic(name))
