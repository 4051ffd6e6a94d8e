import re

from hypothesis import given
from hypothesis import strategies as st

from thalweg.docs.index.spelling import WORD, spelled


@given(st.text(min_size=1))
def test_every_name_becomes_one_that_databases_take(name: str) -> None:
    assert WORD.fullmatch(spelled(name))
    assert len(spelled(name)) <= 63


@given(st.text(min_size=1), st.text(min_size=1))
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (spelled(one) == spelled(other)) is (one == other)


def test_a_name_cannot_pose_as_one_that_was_made() -> None:
    made = spelled("größe")
    assert made != "größe"
    assert spelled(made) != made


def test_what_a_database_takes_stays_as_it_is() -> None:
    assert spelled("author__name") == "author__name"
    assert spelled("a-b", allowed=re.compile(r"[a-z-]+")) == "a-b"
    assert spelled("x" * 64) != "x" * 64
