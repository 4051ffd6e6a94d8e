"""DocList: one class of document, checked at the door."""

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.docs.typing import NdArray


class Text(BaseDoc):
    text: str
    count: int = 0


class Long(Text):
    more: str = ""


class Other(BaseDoc):
    x: int = 0


class Pair(BaseDoc):
    left: Text
    right: Text | None = None
    index: int = 0


def texts(*words: str) -> DocList[Text]:
    return DocList[Text](Text(text=word) for word in words)


def test_a_typed_list_is_a_class_made_once() -> None:
    assert DocList[Text] is DocList[Text]
    assert DocList[Text].__name__ == "DocList[Text]"
    assert DocList[Text].doc_type is Text
    assert issubclass(DocList[Text], DocList)
    assert isinstance(texts("a"), DocList[Text])
    assert isinstance(texts("a"), list)
    assert not isinstance(texts("a"), DocList[Other])
    assert repr(texts("a")) == "<DocList[Text] (length=1)>"
    assert DocList[Any] is DocList


@pytest.mark.parametrize("item", [int, Text | Other, 5, list[Text]])
def test_only_documents_type_a_list(item: Any) -> None:
    with pytest.raises(TypeError, match=r"DocList\[...\] takes a class of document"):
        DocList[item]
    with pytest.raises(TypeError, match="is typed already"):
        DocList[Text][item]  # type: ignore[misc]


def test_classes_of_the_same_name_stay_apart() -> None:
    def make() -> type[BaseDoc]:
        class Same(BaseDoc):
            pass

        return Same

    first, second = make(), make()
    assert DocList[first] is not DocList[second]  # type: ignore[valid-type]
    with pytest.raises(ValueError, match="Same"):
        DocList[first]([second()])  # type: ignore[valid-type]


def test_threads_get_the_same_class() -> None:
    class Fresh(BaseDoc):
        pass

    start = threading.Barrier(8)
    found: list[Any] = []

    def subscribe() -> None:
        start.wait()
        found.append(DocList[Fresh])

    threads = [threading.Thread(target=subscribe) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


@pytest.mark.parametrize("wrong", [Other(), "text", {"text": "a"}, None, 5])
def test_what_is_no_document_of_the_class_stays_outside(wrong: Any) -> None:
    docs = texts("a", "b")

    def assign(index: Any, value: Any) -> None:
        docs[index] = value

    ways = [
        lambda: DocList[Text]([wrong]),
        lambda: docs.append(wrong),
        lambda: docs.extend([wrong]),
        lambda: docs.insert(0, wrong),
        lambda: assign(0, wrong),
        lambda: assign(slice(0, 1), [wrong]),
        lambda: assign([0], [wrong]),
        lambda: docs.__iadd__([wrong]),
        lambda: docs + [wrong],  # noqa: RUF005
    ]
    for way in ways:
        with pytest.raises(ValueError, match=r"DocList\[Text\] holds documents of type Text, not"):
            way()
    assert docs.text == ["a", "b"]


@pytest.mark.parametrize("wrong", [Text(text="a"), {"text": "a"}, "text", b"text"])
def test_one_document_is_no_list(wrong: Any) -> None:
    with pytest.raises(ValueError, match="takes several documents, not one"):
        DocList[Text](wrong)


def test_documents_of_a_subclass_come_in() -> None:
    docs = DocList[Text]([Long(text="a", more="b")])
    assert type(docs[0]) is Long
    assert DocList[Text](DocList[Long](docs))[0] is docs[0]


def test_an_untyped_list_holds_any_document() -> None:
    docs = DocList([Text(text="a"), Other(), AnyDoc(x=1)])
    assert len(docs) == 3
    with pytest.raises(ValueError, match="holds documents, not str"):
        docs.append("x")  # type: ignore[arg-type]
    with pytest.raises(AttributeError, match="need a typed list"):
        _ = docs.text
    with pytest.raises(AttributeError, match="need a typed list"):
        docs.text = ["a"]
    with pytest.raises(TypeError, match="need a typed list"):
        docs.to_doc_vec()


def test_operators_keep_the_type() -> None:
    docs = texts("a", "b")
    longer = docs + [Text(text="c")]  # noqa: RUF005
    for made in (docs + docs, longer, docs * 2, 2 * docs, docs.copy(), copy.copy(docs), docs[:1]):
        assert type(made) is DocList[Text]
    before = docs
    docs += texts("c")
    docs *= 2
    docs.extend(docs)
    assert docs is before
    assert len(docs) == 12
    assert type(copy.deepcopy(docs)) is DocList[Text]


def test_the_list_protocol() -> None:
    docs = texts("b", "a", "c")
    docs.sort(key=lambda doc: doc.text)
    docs.reverse()
    assert docs.text == ["c", "b", "a"]
    assert docs.pop().text == "a"
    assert docs.index(Text(text="b")) == 1
    assert Text(text="c") in docs
    docs.remove(Text(text="c"))
    docs.insert(0, Text(text="z"))
    assert docs.text == ["z", "b"]
    assert [doc.text for doc in reversed(docs)] == ["b", "z"]
    assert docs == [Text(text="z"), Text(text="b")]
    docs.clear()
    assert docs == DocList[Text]()


@pytest.mark.parametrize(
    "index, expected",
    [
        (slice(1, None), "bcd"),
        (slice(None, None, -2), "db"),
        ([0, 2], "ac"),
        ((3, 3, -4), "dda"),
        ([], ""),
        ([True, False, False, True], "ad"),
        (np.array([0, 2]), "ac"),
        (np.array([], int), ""),
        (np.array([False, True, False, False]), "b"),
        ([np.int64(1)], "b"),
        ([np.bool_(True)] * 4, "abcd"),
    ],
)
def test_several_documents_are_selected(index: Any, expected: str) -> None:
    found = texts(*"abcd")[index]
    assert type(found) is DocList[Text]
    assert "".join(found.text) == expected


@pytest.mark.parametrize(
    "index, error, reason",
    [
        (4, IndexError, "range"),
        ([4], IndexError, "document 4 of 4"),
        ([-5], IndexError, "document -5 of 4"),
        ([True], IndexError, "a mask needs one value for each of the 4 documents, but has 1"),
        (np.ones(5, bool), IndexError, "a mask needs one value"),
        ([True, 1, 0, False], TypeError, "mixed"),
        (["a"], TypeError, "integers or booleans"),
        (np.zeros((1, 1), int), TypeError, "one dimension"),
        (np.zeros(1), TypeError, "integers or booleans, not float64"),
        ("a", TypeError, "str"),
    ],
)
def test_what_selects_nothing(index: Any, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        texts(*"abcd")[index]


def test_one_document_is_selected_by_any_integer() -> None:
    docs = texts(*"abcd")
    assert docs[np.int8(1)].text == docs[1].text == docs[True].text == "b"
    assert docs[-1].text == "d"


def test_several_documents_are_assigned_and_deleted() -> None:
    docs = texts(*"abcd")
    docs[[0, 2]] = texts("x", "y")
    docs[[False, False, False, True]] = [Text(text="z")]
    assert docs.text == ["x", "b", "y", "z"]
    docs[1:3] = texts("one")
    assert docs.text == ["x", "one", "z"]
    with pytest.raises(ValueError, match="2 documents are selected, but 1 are given"):
        docs[[0, 1]] = texts("x")
    del docs[np.array([True, False, True])]
    assert docs.text == ["one"]
    del docs[0]
    assert not docs


def test_a_field_of_all_documents_is_read_and_set() -> None:
    docs = texts("a", "b")
    docs.text = ("x", "y")
    docs.count = np.array([3, 4])
    assert docs.text == ["x", "y"]
    assert docs.count(Text(text="x", count=3)) == 1  # the method of lists wins
    assert [doc.count for doc in docs] == [3, 4]
    with pytest.raises(ValueError, match="text: 1 values for 2 documents"):
        docs.text = ["x"]
    with pytest.raises(ValidationError, match="text"):
        docs.text = [1, 2]
    with pytest.raises(AttributeError, match="no field of Text"):
        docs.size = [1, 2]
    with pytest.raises(AttributeError, match="no field of Text"):
        _ = docs.size
    assert not hasattr(docs, "size")


def test_a_nested_document_that_is_always_there_gives_a_list_again() -> None:
    pairs = DocList[Pair]([Pair(left=Text(text="a")), Pair(left=Text(text="b"), right=Text(text="c"))])
    assert type(pairs.left) is DocList[Text]
    assert pairs.left.text == ["a", "b"]
    assert pairs.right == [None, Text(text="c")]


def test_json_both_ways() -> None:
    docs = texts("a", "b")
    back = DocList[Text].from_json(docs.to_json())
    assert type(back) is DocList[Text]
    assert back == docs
    assert [doc.id for doc in back] == [doc.id for doc in docs]
    mixed = DocList([Text(text="a"), AnyDoc(x=[1])])
    assert DocList.from_json(mixed.to_json())[1].x == [1]  # type: ignore[attr-defined]
    assert DocList[Text].from_json(DocList[Text]().to_json()) == []
    with pytest.raises(ValidationError, match=r"1\.text"):
        DocList[Text].from_json('[{"text": "a"}, {}]')


class Shelf(BaseDoc):
    books: DocList[Text] = DocList[Text]()
    mixed: DocList = DocList()


@pytest.mark.parametrize(
    "given", [[{"text": "a"}], [Text(text="a")], texts("a"), texts("a").to_doc_vec(), DocList[Long]([Long(text="a")])]
)
def test_as_a_field_it_takes_dicts_documents_and_arrays(given: Any) -> None:
    shelf = Shelf(books=given)
    assert type(shelf.books) is DocList[Text]
    assert shelf.books.text == ["a"]
    assert Shelf.from_json(shelf.to_json()).books == DocList[Text].from_json(shelf.books.to_json())


def test_as_a_field_it_is_kept_by_reference_and_its_default_is_not_shared() -> None:
    docs = texts("a")
    assert Shelf(books=docs).books is docs
    Shelf().books.append(Text(text="x"))
    assert len(Shelf().books) == 0


def test_as_a_field_it_names_what_is_wrong() -> None:
    with pytest.raises(ValidationError, match=r"books\.0\.text"):
        Shelf(books=[{"text": 1}])  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="books"):
        Shelf(books=5)  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="books"):
        Shelf(books=[Other()])  # type: ignore[arg-type]


def test_an_untyped_field_keeps_each_class() -> None:
    shelf = Shelf(mixed=[Text(text="a"), {"x": 1}])  # type: ignore[arg-type]
    assert [type(doc) for doc in shelf.mixed] == [Text, AnyDoc]
    assert shelf.model_dump()["mixed"][0]["text"] == "a"
    assert Shelf.from_json(shelf.to_json()) == shelf


def test_include_and_exclude_reach_the_items() -> None:
    dumped = Shelf(books=texts("a")).model_dump(include={"books": {0: {"text"}}})
    assert dumped == {"books": [{"text": "a"}]}


def test_its_schema_shows_the_items() -> None:
    schema = Shelf.model_json_schema()
    assert schema["properties"]["books"]["items"] == {"$ref": "#/$defs/Text"}
    assert TypeAdapter(DocList[Text]).json_schema()["items"] == {"$ref": "#/$defs/Text"}


def test_it_serves_in_ordinary_models_and_adapters() -> None:
    class Answer(BaseModel):
        docs: DocList[Text]

    assert TypeAdapter(DocList[Text]).validate_python([{"text": "a"}]).text == ["a"]
    assert TypeAdapter(DocList[Text]).validate_json('[{"text": "a"}]').text == ["a"]
    assert Answer(docs=[{"text": "a"}]).docs.text == ["a"]  # type: ignore[arg-type]


def test_pickles() -> None:
    docs = texts("a", "b")
    back = pickle.loads(pickle.dumps(docs))  # noqa: S301
    assert type(back) is DocList[Text]
    assert back == docs
    assert pickle.loads(pickle.dumps(DocList[Text])) is DocList[Text]  # noqa: S301
    assert pickle.loads(pickle.dumps(DocList)) is DocList  # noqa: S301


def test_a_class_of_ones_own() -> None:
    class Poems(DocList[Text]):
        def titles(self) -> list[str]:
            return [doc.text.title() for doc in self]

    poems = Poems([Text(text="a river")])
    assert poems.titles() == ["A River"]
    assert type(poems[:1]) is Poems
    with pytest.raises(ValueError, match="Poems holds documents of type Text"):
        poems.append(Other())  # type: ignore[arg-type]


def test_a_doc_vec_becomes_a_list() -> None:
    class Vector(BaseDoc):
        tensor: NdArray[2]

    vec = DocVec[Vector]([Vector(tensor=[1, 2])])
    docs = DocList[Vector](vec)
    assert docs == vec
    assert type(docs[0]) is Vector


def test_none_selects_the_list_itself() -> None:
    docs = DocList[Text]([Text(text="a")])
    assert docs[None] is docs
    del docs[None]
    assert len(docs) == 1
    with pytest.raises(TypeError):
        docs[None] = docs[0]


@pytest.mark.parametrize("library", ["torch", "tensorflow", "jax.numpy"])
def test_tensors_of_any_library_select(library: str) -> None:
    module = pytest.importorskip(library)
    make = getattr(module, "tensor", None) or getattr(module, "constant", None) or module.array
    docs = DocList[Text](Text(text=text) for text in "abc")
    assert docs[make([2, 0])].text == ["c", "a"]
    assert docs[make([True, False, True])].text == ["a", "c"]
    assert docs[make(1)].text == "b"
    assert docs.to_doc_vec()[make([2, 0])].text == ["c", "a"]
