"""The suites for collections and indexes find what one does wrong. That those that are right pass is shown with them."""

from collections.abc import Sequence
from typing import Any

import pytest

from thalweg.docs.index import InMemoryExactNNIndex
from thalweg.docs.index.collection import Hit, Record
from thalweg.docs.index.memory import MemoryCollection
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionSubject, check_collection
from thalweg.testing.indexes import INDEX_CHECKS, IndexSubject, check_index


class Forgetful(MemoryCollection):
    """Leaves the last hit out, forgets conditions, and every third record."""

    def put(self, records: Sequence[Record]) -> None:
        super().put([record for number, record in enumerate(records) if number % 3 < 2])

    def nearest(self, column: str, vectors: Any, limit: int, condition: Any = None) -> list[list[Hit]]:
        return [hits[:-1] for hits in super().nearest(column, vectors, limit)]


class ForgetfulIndex(InMemoryExactNNIndex):
    def open_collection(self, layout: Any) -> MemoryCollection:
        return Forgetful(layout)


def test_a_collection_that_forgets_is_found_out() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        check_collection(CollectionSubject("forgetful", Forgetful))
    notes = {note for error in caught.value.exceptions for note in error.__notes__}
    for name in (
        "a_scan_gives_every_record_once",
        "the_nearest_by_cosine_are_found_with_their_scores",
        "the_nearest_are_those_that_fulfil_the_condition",
        "every_comparison_selects_what_it_says",
        "any_text_may_be_an_id",
    ):
        assert f"in the check {name}" in notes
    assert "in the check a_new_collection_is_empty" not in notes


def test_an_index_that_forgets_is_found_out() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        check_index(IndexSubject("forgetful", ForgetfulIndex))
    notes = {note for error in caught.value.exceptions for note in error.__notes__}
    for name in ("documents_come_back_as_they_went_in", "the_nearest_documents_come_first"):
        assert f"in the check {name}" in notes


def test_checks_have_names_of_their_own() -> None:
    for checks in (COLLECTION_CHECKS, INDEX_CHECKS):
        names = [check.name for check in checks]
        assert len(set(names)) == len(names) > 30


def test_what_a_database_lacks_is_left_out() -> None:
    name = "large_integers_are_told_apart"
    (check,) = (check for check in COLLECTION_CHECKS if check.name == name)
    assert check.applies(CollectionSubject("memory", MemoryCollection))
    assert not check.applies(CollectionSubject("memory", MemoryCollection, lacks={name: "it rounds"}))
