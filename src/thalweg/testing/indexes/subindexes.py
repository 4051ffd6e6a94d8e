"""Documents in lists of documents are found too, to any depth, and come and go with what holds them."""

from __future__ import annotations

from thalweg.docs import DocList
from thalweg.testing.indexes.documents import assert_same
from thalweg.testing.indexes.subject import (
    Chapter,
    IndexSubject,
    Library,
    Paragraph,
    Shelf,
    index_check,
    raised,
    vectors,
)


def libraries(shelves: int = 2, chapters: int = 2, paragraphs: int = 2) -> DocList[Library]:
    """Two libraries. The ids tell where a document is: `l0`, `l0s1`, `l0s1c0`, `l0s1c0p1`."""
    drawn = iter(vectors(1000, seed=13))

    def paragraph(key: str) -> Paragraph:
        return Paragraph(id=key, words=f"words of {key}", vector=next(drawn))

    def chapter(key: str, number: int) -> Chapter:
        held = DocList[Paragraph]([paragraph(f"{key}p{n}") for n in range(paragraphs)])
        return Chapter(id=key, title=f"title of {key}", number=number, vector=next(drawn), paragraphs=held)

    def shelf(key: str) -> Shelf:
        held = DocList[Chapter]([chapter(f"{key}c{n}", n) for n in range(chapters)])
        return Shelf(id=key, name=f"name of {key}", vector=next(drawn), chapters=held)

    return DocList[Library](
        [
            Library(id=key, name=key, shelves=DocList[Shelf]([shelf(f"{key}s{n}") for n in range(shelves)]))
            for key in ("l0", "l1")
        ]
    )


@index_check()
def documents_in_lists_are_found_with_what_holds_them(subject: IndexSubject) -> None:
    given = libraries()
    with subject.opened(Library, given) as index:
        assert len(index) == 2
        wanted = given[1].shelves[0]
        found = index.find_subindex(wanted.vector, "shelves", "vector", limit=3)
        assert found.sub_documents[0].id == "l1s0"
        assert_same(found.sub_documents[0], wanted)
        assert_same(found.root_documents[0], given[1])
        assert len(found.root_documents) == len(found.sub_documents) == len(found.scores) == 3
        assert found.sub_documents.doc_type is Shelf


@index_check()
def lists_are_searched_three_levels_down(subject: IndexSubject) -> None:
    given = libraries()
    with subject.opened(Library, given) as index:
        chapter = given[0].shelves[1].chapters[1]
        found = index.find_subindex(chapter.vector, "shelves__chapters", "vector", limit=2)
        assert found.sub_documents[0].id == "l0s1c1"
        assert found.root_documents[0].id == "l0"
        paragraph = chapter.paragraphs[0]
        found = index.find_subindex(paragraph, "shelves__chapters__paragraphs", "vector", limit=16)
        assert found.sub_documents[0].id == "l0s1c1p0"
        assert found.root_documents[0].id == "l0"
        assert len(found.sub_documents) == 16
        others = {"words": {"$neq": "words of l0s1c1p0"}}
        found = index.find_subindex(paragraph, "shelves__chapters__paragraphs", "vector", filter_query=others)
        assert found.sub_documents[0].id != "l0s1c1p0"


@index_check()
def conditions_reach_documents_in_lists(subject: IndexSubject) -> None:
    with subject.opened(Library, libraries()) as index:
        assert sorted(index.filter_subindex({"number": {"$eq": 1}}, "shelves__chapters").id) == [
            "l0s0c1",
            "l0s1c1",
            "l1s0c1",
            "l1s1c1",
        ]
        assert sorted(index.filter_subindex({"parent_id": {"$eq": "l1s0"}}, "shelves__chapters").id) == [
            "l1s0c0",
            "l1s0c1",
        ]
        assert index.filter_subindex({"id": {"$eq": "l0s1"}}, "shelves").id == ["l0s1"]
        assert len(index.filter_subindex(None, "shelves__chapters", limit=-1)) == 8


@index_check()
def an_unknown_list_is_refused(subject: IndexSubject) -> None:
    with subject.opened(Library, libraries()) as index:
        for path in ("", "none", "shelves__none", "shelves___chapters"):
            error = raised(ValueError, lambda path=path: index.find_subindex(vectors(1)[0], path, "vector"))  # type: ignore[misc]
            assert "shelves" in str(error) or "chapters" in str(error)


@index_check()
def lists_of_many_documents_are_whole(subject: IndexSubject) -> None:
    given = libraries(shelves=1, chapters=37, paragraphs=0)
    with subject.opened(Library, given) as index:
        assert_same(index["l0"], given[0])
        assert len(index["l0"].shelves[0].chapters) == 37
        assert len(index.filter_subindex({"parent_id": {"$eq": "l0s0"}}, "shelves__chapters", limit=-1)) == 37
        found = index.find_subindex(vectors(1)[0], "shelves__chapters", "vector", limit=74)
        assert len(found.sub_documents) == 74


@index_check()
def what_is_deleted_takes_its_lists_with_it(subject: IndexSubject) -> None:
    given = libraries()
    with subject.opened(Library, given) as index:
        assert index.subindex_contains("l0s0c0p0")
        assert given[0].shelves[0] not in index
        del index["l0"]
        for key in ("l0s0", "l0s0c0", "l0s0c0p0"):
            assert not index.subindex_contains(key)
        assert index.subindex_contains(given[1].shelves[0].chapters[0].paragraphs[0])
        found = index.find_subindex(vectors(1)[0], "shelves__chapters__paragraphs", "vector", limit=50)
        assert {doc.id[:2] for doc in found.sub_documents} == {"l1"}
        assert len(found.sub_documents) == 8


@index_check()
def what_is_replaced_replaces_its_lists(subject: IndexSubject) -> None:
    given = libraries()
    with subject.opened(Library, given) as index:
        shorter = given[0].shelves[:1]
        index.update("l0", shelves=shorter)
        assert sorted(index.filter_subindex(None, "shelves", limit=-1).id) == ["l0s0", "l1s0", "l1s1"]
        index.index(Library(id="l0", name="empty"))
        assert sorted(index.filter_subindex(None, "shelves", limit=-1).id) == ["l1s0", "l1s1"]
        assert len(index.filter_subindex(None, "shelves__chapters", limit=-1)) == 4
        assert index["l0"].shelves == DocList[Shelf]()


@index_check()
def one_document_may_be_in_several_lists(subject: IndexSubject) -> None:
    shared = Shelf(id="shared", name="shared", vector=vectors(1)[0])
    held = DocList[Shelf]([shared, shared.copy()])
    given = [Library(id="l0", name="l0", shelves=held), Library(id="l1", name="l1", shelves=held[:1])]
    with subject.opened(Library, given) as index:
        found = index.find_subindex(shared, "shelves", "vector")
        assert sorted(doc.id for doc in found.root_documents) == ["l0", "l0", "l1"]
        del index["l0"]
        assert index.subindex_contains(shared)
        assert [doc.id for doc in index.find_subindex(shared, "shelves", "vector").root_documents] == ["l1"]
