"""The namespaces of many documents."""

import pytest

from thalweg.docs.namespaces import namespaces


def test_each_row_becomes_a_dict_with_the_names_in_their_order() -> None:
    rows = namespaces(("id", "text"))([["a", "b"], ["first", "second"]])
    assert rows == [{"id": "a", "text": "first"}, {"id": "b", "text": "second"}]
    assert list(rows[0]) == ["id", "text"]


def test_one_field_is_enough() -> None:
    assert namespaces(("id",))([["a", "b"]]) == [{"id": "a"}, {"id": "b"}]


def test_any_text_is_a_name_and_nothing_but_a_name() -> None:
    names = ("class", "two words", "quote'\"}", "{0}", "line\nbreak", "\\", "__import__('os').abort()", "\ud800")
    row = tuple(range(len(names)))
    assert namespaces(names)([[value] for value in row]) == [dict(zip(names, row, strict=True))]


def test_columns_that_differ_in_length_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        namespaces(("id", "text"))([["a", "b"], ["first"]])
