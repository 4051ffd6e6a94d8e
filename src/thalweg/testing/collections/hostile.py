"""Ids, values and names that a database might take for its own language."""

from __future__ import annotations

from thalweg.docs.index.collection import ID, Record, ValueColumn
from thalweg.docs.query.condition import Comparison, Not, Operator, Path
from thalweg.testing.collections.subject import VECTOR, CollectionSubject, collection_check, random_vectors

HOSTILE = (
    "it's",
    'say "hi"',
    "back\\slash",
    "'; DROP TABLE docs; --",
    '" OR "1"="1',
    "') OR 1=1 --",
    "a' or 'a'='a",
    "*",
    "%",
    "_",
    "a|b",
    "{x}",
    "@title:{*}",
    "$where",
    "${jndi:x}",
    "a,b",
    "a:b",
    "a/b/../c",
    "../../etc/passwd",
    "a b",
    " lead",
    "trail ",
    "new\nline",
    "tab\t",
    "naïve 北京 🐍",
    "e\u0301",
    "\u00e9",
    "NULL",
    "None",
    "true",
    "1",
    "1.0",
    "-",
    "<script>",
    "\u202etfel",
)
"""Texts that are nothing but texts."""


@collection_check()
def any_text_may_be_an_id(subject: CollectionSubject) -> None:
    records = [Record(key, key.encode(), {VECTOR: random_vectors(1)[0]}, {}) for key in HOSTILE]
    with subject.collection() as collection:
        collection.put(records)
        assert collection.count() == len(HOSTILE)
        assert collection.get(HOSTILE) == [record.payload for record in records]
        assert {key for key, _ in collection.scan()} == set(HOSTILE)
        (hits,) = collection.nearest(VECTOR, random_vectors(1), 100)
        assert {hit.id for hit in hits} == set(HOSTILE)
        assert all(hit.payload == hit.id.encode() for hit in hits)
        for number, key in enumerate(HOSTILE):
            collection.delete([key])
            assert collection.get([key]) == [None]
            assert collection.count() == len(HOSTILE) - number - 1


@collection_check()
def ids_may_be_a_thousand_bytes_long(subject: CollectionSubject) -> None:
    ids = ["x" * 1024, "x" * 1023 + "y", "北" * 341, "y"]
    with subject.collection() as collection:
        collection.put([Record(key, key[-1].encode(), {VECTOR: random_vectors(1)[0]}, {}) for key in ids])
        assert collection.count() == 4
        assert collection.get(ids) == [key[-1].encode() for key in ids]
        assert {key for key, _ in collection.scan()} == set(ids)
        collection.delete(ids[:1])
        assert collection.get(ids[:2]) == [None, b"y"]


@collection_check(lambda subject: Operator.EQ in subject.kind().operators.get(str, ()))
def any_text_may_be_a_value(subject: CollectionSubject) -> None:
    title = Path(("title",))
    with subject.collection(values=[ValueColumn("title", str)]) as collection:
        collection.put([Record(f"r{n}", b"", {}, {"title": text}) for n, text in enumerate(HOSTILE)])
        for n, text in enumerate(HOSTILE):
            found = collection.select(Comparison(title, Operator.EQ, text))
            assert found == [(f"r{n}", b"")], f"{text!r} finds {found}"
            found = collection.select(Comparison(title, Operator.IN, [text, "absent"]))
            assert found == [(f"r{n}", b"")], f"{text!r} finds {found}"
            assert len(collection.select(Not(Comparison(title, Operator.EQ, text)))) == len(HOSTILE) - 1


@collection_check(lambda subject: Operator.EQ in subject.kind().operators.get(str, ()))
def any_text_may_be_asked_for_as_an_id(subject: CollectionSubject) -> None:
    with subject.collection() as collection:
        collection.put([Record(key, b"", {}, {}) for key in HOSTILE])
        for key in HOSTILE:
            assert collection.select(Comparison(Path((ID,)), Operator.EQ, key)) == [(key, b"")]


@collection_check(lambda subject: Operator.CONTAINS in subject.kind().operators.get(list, ()))
def any_text_may_be_in_a_list(subject: CollectionSubject) -> None:
    with subject.collection(values=[ValueColumn("labels", str, many=True)]) as collection:
        collection.put([Record(f"r{n}", b"", {}, {"labels": [text, "all"]}) for n, text in enumerate(HOSTILE)])
        for n, text in enumerate(HOSTILE):
            found = collection.select(Comparison(Path(("labels",)), Operator.CONTAINS, text))
            assert found == [(f"r{n}", b"")], f"{text!r} finds {found}"


@collection_check(lambda subject: Operator.CONTAINS in subject.kind().operators.get(str, ()))
def a_part_of_a_text_is_no_pattern(subject: CollectionSubject) -> None:
    with subject.collection(values=[ValueColumn("title", str)]) as collection:
        collection.put([Record(f"r{n}", b"", {}, {"title": f"before {text} after"}) for n, text in enumerate(HOSTILE)])
        for text in HOSTILE:
            found = {key for key, _ in collection.select(Comparison(Path(("title",)), Operator.CONTAINS, text))}
            assert found == {f"r{n}" for n, other in enumerate(HOSTILE) if text in f"before {other} after"}, text


@collection_check()
def names_of_columns_may_be_words_of_the_database(subject: CollectionSubject) -> None:
    names: tuple[str, ...] = (
        "order",
        "select",
        "from",
        "group",
        "table",
        "value",
        "values",
        "key",
        "text",
        "type",
        "score",
        "payload",
    )
    names += (
        "data",
        "vector",
        "_id",
        "_source",
        "document",
        "metadata",
        "rowid",
        "doc_id",
        "Title",
        "größe",
        "a__b__c",
    )
    with subject.collection(values=[ValueColumn(name, int) for name in names]) as collection:
        collection.put([Record("a", b"A", {}, {name: n for n, name in enumerate(names)}), Record("b", b"B", {}, {})])
        for n, name in enumerate(names):
            assert collection.select(Comparison(Path(tuple(name.split("__"))), Operator.EQ, n)) == [("a", b"A")], name


@collection_check()
def names_of_columns_do_no_harm(subject: CollectionSubject) -> None:
    names = ("a'b", 'a"b', "a; DROP TABLE x; --", "a b", "a.b", "a$b", "$gt", "a`b", "a]b", "a\\b", "a-b", "x" * 200)
    with subject.collection(values=[ValueColumn(name, str) for name in names]) as collection:
        collection.put([Record("a", b"A", {}, {name: f"it is {n}" for n, name in enumerate(names)})])
        for n, name in enumerate(names):
            for operand, found in ((f"it is {n}", [("a", b"A")]), ("something else", [])):
                assert collection.select(Comparison(Path((name,)), Operator.EQ, operand)) == found, name


@collection_check()
def an_unknown_column_is_refused(subject: CollectionSubject) -> None:
    with subject.collection(values=[ValueColumn("title", str)]) as collection:
        for name in ("other", "title; DROP", 'title" OR 1=1 --', "_id", "payload"):
            try:
                collection.select(Comparison(Path((name,)), Operator.EQ, "x"))
            except ValueError:
                continue
            raise AssertionError(f"a condition on {name!r} was taken")
