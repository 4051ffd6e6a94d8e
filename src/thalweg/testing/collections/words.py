"""Texts are found by their words, the most relevant first."""

from __future__ import annotations

from thalweg.docs.index.collection import Collection, Record, Unsupported, ValueColumn
from thalweg.docs.query.condition import Comparison, Operator, Path
from thalweg.testing.collections.subject import CollectionSubject, collection_check

TEXTS = {
    "fox": "The quick brown fox jumps over the lazy dog",
    "dogs": "Dogs are not foxes: a dog barks, and another dog answers the dog",
    "river": "A river runs from the mountains to the sea",
    "flow": "River, river, river: how you flow",
    "city": "Über den Dächern von Zürich",
    "none": None,
}
_COLUMNS = (ValueColumn("text", str, words=True), ValueColumn("even", bool))


def _searches(subject: CollectionSubject) -> bool:
    return subject.kind().searches_words


def _filled(collection: Collection) -> None:
    collection.put(
        [
            Record(key, f"payload of {key}".encode(), {}, {"text": text, "even": number % 2 == 0})
            for number, (key, text) in enumerate(TEXTS.items())
        ]
    )


def _found(collection: Collection, text: str, limit: int = 10) -> list[str]:
    hits = collection.match("text", text, limit)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True), f"not the most relevant first: {scores}"
    assert all(hit.payload == f"payload of {hit.id}".encode() for hit in hits)
    return [hit.id for hit in hits]


@collection_check(_searches)
def texts_are_found_by_one_of_their_words(subject: CollectionSubject) -> None:
    with subject.collection(values=_COLUMNS) as collection:
        _filled(collection)
        assert set(_found(collection, "river")) == {"river", "flow"}
        assert set(_found(collection, "lazy mountains")) == {"fox", "river"}
        assert _found(collection, "absent") == []
        assert _found(collection, "") == []
        assert _found(collection, "?!") == []


@collection_check(_searches)
def upper_and_lower_case_are_the_same(subject: CollectionSubject) -> None:
    with subject.collection(values=_COLUMNS) as collection:
        _filled(collection)
        assert set(_found(collection, "RIVER")) == {"river", "flow"}
        assert _found(collection, "zürich") == ["city"]


@collection_check(_searches)
def more_of_the_words_are_more_relevant(subject: CollectionSubject) -> None:
    with subject.collection(values=_COLUMNS) as collection:
        _filled(collection)
        assert _found(collection, "quick brown dog")[0] == "fox"
        assert _found(collection, "river sea mountains")[0] == "river"


@collection_check(_searches)
def the_limit_of_a_search_for_words_holds(subject: CollectionSubject) -> None:
    with subject.collection(values=_COLUMNS) as collection:
        _filled(collection)
        assert len(_found(collection, "river dog", 2)) == 2
        assert _found(collection, "river", 0) == []


@collection_check(_searches)
def a_condition_holds_for_words_too(subject: CollectionSubject) -> None:
    with subject.collection(values=_COLUMNS) as collection:
        _filled(collection)
        even = Comparison(Path(("even",)), Operator.EQ, True)
        assert [hit.id for hit in collection.match("text", "river", 10, even)] == ["river"]


@collection_check(_searches)
def replaced_and_deleted_texts_are_found_no_more(subject: CollectionSubject) -> None:
    with subject.collection(values=_COLUMNS) as collection:
        _filled(collection)
        collection.put([Record("river", b"payload of river", {}, {"text": "A lake lies still"})])
        collection.delete(["flow"])
        assert _found(collection, "river") == []
        assert _found(collection, "lake") == ["river"]


@collection_check(_searches)
def what_looks_like_syntax_is_text(subject: CollectionSubject) -> None:
    with subject.collection(values=_COLUMNS) as collection:
        _filled(collection)
        questions = (
            'river" OR "',
            "river*)",
            "-river",
            "river:",
            "(river",
            "river\\",
            "river AND",
            "'; DROP",
            "@x:{y}",
        )
        for question in questions:
            found = _found(collection, question)
            assert "river" not in question or set(found) >= {"river", "flow"}, f"{question!r} finds {found}"


@collection_check(lambda subject: not _searches(subject))
def a_search_for_words_is_refused(subject: CollectionSubject) -> None:
    with subject.collection() as collection:
        try:
            collection.match("text", "river", 3)
        except Unsupported:
            return
    raise AssertionError("it says that it does not search for words, but does")
