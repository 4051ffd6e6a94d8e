"""Records are kept, replaced, counted, listed and forgotten."""

from __future__ import annotations

from thalweg.docs.index.collection import Layout, LayoutMismatch, Record, Unsupported, ValueColumn, VectorColumn
from thalweg.docs.query.condition import Comparison, Operator, Path
from thalweg.docs.query.metric import Metric
from thalweg.testing.collections.subject import (
    SIZE,
    VECTOR,
    CollectionSubject,
    collection_check,
    numbered_records,
    random_vectors,
)

TITLE = ValueColumn("title", str)


def _titled(title: str) -> Comparison:
    return Comparison(Path(("title",)), Operator.EQ, title)


@collection_check()
def a_new_collection_is_empty(subject: CollectionSubject) -> None:
    with subject.collection(values=[TITLE]) as collection:
        assert collection.count() == 0
        assert list(collection.scan()) == []
        assert collection.get(["a"]) == [None]
        assert collection.nearest(VECTOR, random_vectors(2), 5) == [[], []]
        assert collection.select(_titled("a")) == []
        collection.delete(["a"])


@collection_check()
def what_is_put_is_got_in_the_order_of_asking(subject: CollectionSubject) -> None:
    with subject.collection() as collection:
        collection.put(numbered_records(5))
        got = collection.get(["r3", "none", "r0", "r3"])
        assert got == [b"payload of r3", None, b"payload of r0", b"payload of r3"]
        assert collection.get([]) == []
        assert collection.count() == 5


@collection_check()
def putting_an_id_again_replaces_its_record(subject: CollectionSubject) -> None:
    vectors = random_vectors(2, seed=9)
    with subject.collection(values=[TITLE]) as collection:
        collection.put(numbered_records(4))
        collection.put([Record("r1", b"old", {VECTOR: vectors[0]}, {"title": "old"})])
        collection.put([Record("r1", b"new", {VECTOR: vectors[1]}, {"title": "new"})])
        assert collection.count() == 4
        assert collection.get(["r1"]) == [b"new"]
        assert collection.select(_titled("old")) == []
        assert collection.select(_titled("new")) == [("r1", b"new")]
        found = collection.nearest(VECTOR, vectors[1:], 10)[0]
        assert sorted(hit.id for hit in found) == ["r0", "r1", "r2", "r3"]
        assert next(hit for hit in found if hit.id == "r1").payload == b"new"


@collection_check()
def a_replaced_record_loses_what_the_new_one_lacks(subject: CollectionSubject) -> None:
    with subject.collection(values=[TITLE]) as collection:
        collection.put([Record("a", b"1", {VECTOR: random_vectors(1)[0]}, {"title": "old"})])
        collection.put([Record("a", b"2", {}, {})])
        assert collection.select(_titled("old")) == []
        assert collection.nearest(VECTOR, random_vectors(1), 5) == [[]]
        assert collection.get(["a"]) == [b"2"]


@collection_check()
def of_several_records_with_one_id_the_last_stays(subject: CollectionSubject) -> None:
    vector = random_vectors(1)[0]
    with subject.collection() as collection:
        collection.put([Record("a", b"%d" % number, {VECTOR: vector}, {}) for number in range(3)])
        assert collection.count() == 1
        assert collection.get(["a"]) == [b"2"]


@collection_check()
def putting_nothing_is_fine(subject: CollectionSubject) -> None:
    with subject.collection() as collection:
        collection.put([])
        assert collection.count() == 0


@collection_check()
def what_is_deleted_is_found_no_more(subject: CollectionSubject) -> None:
    records = numbered_records(6)
    with subject.collection(values=[TITLE]) as collection:
        collection.put([record._replace(values={"title": record.id}) for record in records])
        collection.delete(["r2", "none", "r4", "r2"])
        collection.delete([])
        assert collection.count() == 4
        assert collection.get(["r2", "r4", "r5"]) == [None, None, b"payload of r5"]
        assert collection.select(_titled("r2")) == []
        found = collection.nearest(VECTOR, records[2].vectors[VECTOR][None], 10)[0]
        assert sorted(hit.id for hit in found) == ["r0", "r1", "r3", "r5"]
        assert sorted(key for key, _ in collection.scan()) == ["r0", "r1", "r3", "r5"]


@collection_check()
def a_deleted_id_may_come_back(subject: CollectionSubject) -> None:
    records = numbered_records(3)
    with subject.collection() as collection:
        for _ in range(3):
            collection.put(records)
            collection.delete(["r0", "r1", "r2"])
        assert collection.count() == 0
        collection.put(records)
        assert collection.count() == 3
        assert len(collection.nearest(VECTOR, random_vectors(1), 5)[0]) == 3


@collection_check()
def a_scan_gives_every_record_once(subject: CollectionSubject) -> None:
    """More records than the pages of any database have."""
    records = numbered_records(2300)
    with subject.collection() as collection:
        collection.put(records)
        assert collection.count() == 2300
        scanned = list(collection.scan())
        assert len(scanned) == 2300
        assert dict(scanned) == {record.id: record.payload for record in records}


@collection_check()
def many_are_got_selected_and_deleted_at_once(subject: CollectionSubject) -> None:
    records = [record._replace(values={"title": "same"}) for record in numbered_records(1500)]
    with subject.collection(values=[TITLE]) as collection:
        collection.put(records)
        got = collection.get([record.id for record in records])
        assert got == [record.payload for record in records]
        assert len(collection.select(_titled("same"))) == 1500
        assert len(collection.select(_titled("same"), 37)) == 37
        collection.delete([record.id for record in records[:1400]])
        assert collection.count() == 100


@collection_check()
def a_collection_may_have_no_vectors(subject: CollectionSubject) -> None:
    with subject.collection(vectors=(), values=[TITLE]) as collection:
        collection.put([Record("a", b"A", {}, {"title": "one"}), Record("b", b"B", {}, {})])
        assert collection.select(_titled("one")) == [("a", b"A")]
        assert collection.count() == 2


@collection_check()
def a_large_payload_comes_back(subject: CollectionSubject) -> None:
    payload = bytes(range(256)) * 4096
    with subject.collection() as collection:
        collection.put([Record("large", payload, {VECTOR: random_vectors(1)[0]}, {}), Record("empty", b"", {}, {})])
        assert collection.get(["large", "empty"]) == [payload, b""]
        assert collection.nearest(VECTOR, random_vectors(1), 1)[0][0].payload == payload


@collection_check()
def two_collections_do_not_meet(subject: CollectionSubject) -> None:
    with subject.collection() as one, subject.collection() as other:
        one.put(numbered_records(3))
        other.put(numbered_records(2, first=10))
        assert one.count() == 3
        assert other.count() == 2
        assert one.get(["r10"]) == [None]
        assert {hit.id for hit in other.nearest(VECTOR, random_vectors(1), 9)[0]} == {"r10", "r11"}


@collection_check(lambda subject: subject.persistent)
def records_are_there_when_it_is_opened_again(subject: CollectionSubject) -> None:
    layout = subject.layout(values=[TITLE])
    records = [record._replace(values={"title": record.id}) for record in numbered_records(20)]
    with subject.kept(layout) as collection:
        collection.put(records)
        collection.delete(["r7"])
        before = collection.nearest(VECTOR, random_vectors(1, seed=3), 20)[0]
        collection.flush()
    with subject.kept(layout) as again:
        assert again.count() == 19
        assert again.get(["r3", "r7"]) == [b"payload of r3", None]
        assert again.select(_titled("r5")) == [("r5", b"payload of r5")]
        after = again.nearest(VECTOR, random_vectors(1, seed=3), 20)[0]
        assert [hit.id for hit in after] == [hit.id for hit in before]
        again.put(numbered_records(1, first=50))
        assert again.count() == 20
        again.drop()


@collection_check(lambda subject: subject.persistent)
def other_columns_than_it_was_made_with_are_refused(subject: CollectionSubject) -> None:
    layout = subject.layout(values=[TITLE])
    with subject.kept(layout) as collection:
        collection.put(numbered_records(1))
        collection.flush()
    larger = VectorColumn(VECTOR, SIZE + 1, layout.vectors[0].metric)
    others = [
        Layout(layout.name, (larger,), layout.values),
        Layout(layout.name, layout.vectors, (ValueColumn("title", int),)),
        Layout(layout.name, layout.vectors, ()),
    ]
    for other in others:
        try:
            subject.open(other).close()
        except LayoutMismatch:
            continue
        raise AssertionError(f"{other} was opened over {layout}")
    with subject.kept(layout) as again:
        assert again.count() == 1
        again.drop()


@collection_check(lambda subject: subject.persistent)
def what_is_dropped_is_gone(subject: CollectionSubject) -> None:
    layout = subject.layout()
    with subject.kept(layout) as collection:
        collection.put(numbered_records(3))
        collection.drop()
    with subject.kept(layout) as again:
        assert again.count() == 0
        again.drop()


@collection_check(lambda subject: bool(frozenset(Metric) - subject.kind().metrics))
def a_metric_that_it_lacks_is_refused(subject: CollectionSubject) -> None:
    for metric in frozenset(Metric) - subject.kind().metrics:
        try:
            with subject.collection(metric):
                pass
        except Unsupported:
            continue
        raise AssertionError(f"{metric} is not among its metrics, but was taken")


@collection_check(lambda subject: not subject.kind().many_vectors)
def a_second_vector_is_refused_where_there_can_be_one_only(subject: CollectionSubject) -> None:
    metric = subject.kind_metric()
    try:
        with subject.collection(vectors=[VectorColumn("one", SIZE, metric), VectorColumn("two", SIZE, metric)]):
            pass
    except Unsupported:
        return
    raise AssertionError("two vectors were taken")


@collection_check()
def closing_twice_is_fine(subject: CollectionSubject) -> None:
    with subject.collection() as collection:
        collection.put(numbered_records(1))
        collection.flush()
    collection.close()
