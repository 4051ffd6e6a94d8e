"""What an index makes of a class of document."""

import warnings
from typing import Any, Literal, Optional

import numpy as np
import pytest
from pydantic import Field

from thalweg.docs import AnyDoc, BaseDoc, BaseDocWithoutId, DocList
from thalweg.docs.index import DocIndex, HnswDocumentIndex, InMemoryExactNNIndex, QdrantDocumentIndex, Unsupported
from thalweg.docs.index.collection import Collection, Layout, VectorColumn
from thalweg.docs.index.memory import MemoryCollection
from thalweg.docs.index.outline import Ability, outline_of
from thalweg.docs.query.metric import Metric
from thalweg.docs.typing import ID, AnyTensor, ImageUrl, NdArray, TorchTensor


class OneVector(MemoryCollection):
    many_vectors = False
    learns_sizes = False


class Sized(MemoryCollection):
    learns_sizes = False


def ability(collection: type[Collection] = Sized, **defaults: Any) -> Ability:
    return Ability(collection, Metric.COSINE, {np.ndarray: {}, **defaults})


def columns(doc_type: type[BaseDoc]) -> dict[str, Any]:
    layout = outline_of(doc_type, "name", ability()).layout
    return {column.name: (column.type, column.many, column.words) for column in layout.values} | {
        column.name: column.size for column in layout.vectors
    }


def test_fields_become_columns() -> None:
    class Everything(BaseDoc):
        text: str
        number: int = 0
        share: float = 0
        flag: bool = False
        maybe: Optional[int] = None  # noqa: UP045
        kind: Literal["a", "b"] = "a"
        other: ID = ""
        url: ImageUrl | None = None
        words: list[str] = Field(default_factory=list)
        numbers: tuple[int, ...] = ()
        tags: dict[str, Any] = Field(default_factory=dict)
        raw: bytes = b""
        anything: Any = None
        vector: NdArray[7]
        optional: Optional[NdArray[5]] = None  # noqa: UP045
        torch: TorchTensor[3] | None = None
        picture: NdArray[4, 4, 3] | None = None

    assert columns(Everything) == {
        "text": (str, False, True),
        "number": (int, False, False),
        "share": (float, False, False),
        "flag": (bool, False, False),
        "maybe": (int, False, False),
        "kind": (str, False, False),
        "other": (str, False, False),
        "url": (str, False, False),
        "words": (str, True, False),
        "numbers": (int, True, False),
        "tags": (dict, False, False),
        "vector": 7,
        "optional": 5,
        "torch": 3,
    }


def test_fields_of_nested_documents_are_columns_too() -> None:
    class Inner(BaseDoc):
        name: str
        vector: NdArray[4]

    class Middle(BaseDocWithoutId):
        inner: Inner | None = None

    class Outer(BaseDoc):
        middle: Middle
        vector: NdArray[2]

    found = columns(Outer)
    assert found["middle__inner__name"] == (str, False, True)
    assert found["middle__inner__id"] == (str, False, False)
    assert found["middle__inner__vector"] == 4
    assert found["vector"] == 2
    inner = Inner(name="deep", vector=np.ones(4))
    with InMemoryExactNNIndex[Outer]() as index:
        index.index([Outer(id="a", middle=Middle(inner=inner), vector=[1, 0])])
        index.index([Outer(id="b", middle=Middle(), vector=[1, 0])])
        assert index.filter({"middle__inner__name": {"$eq": "deep"}}).id == ["a"]
        assert index.find(np.ones(4), "middle__inner__vector").documents.id == ["a"]


def test_a_class_inside_of_itself_ends_somewhere() -> None:
    class Node(BaseDoc):
        name: str
        vector: NdArray[2] | None = None
        twin: Optional["Node"] = None
        children: DocList["Node"] = DocList()

    Node.model_rebuild(_types_namespace={"Node": Node})
    assert columns(Node).keys() == {"name", "vector"}
    with InMemoryExactNNIndex[Node]() as index:
        node = Node(id="a", name="a", twin=Node(name="b"), children=DocList[Node]([Node(name="c")]))
        index.index(node)
        assert index["a"] == node
        assert index["a"].children[0].name == "c"


@pytest.mark.parametrize("annotation", [int | str, str | int | None, BaseDoc | int])
def test_a_union_is_refused_by_name(annotation: Any) -> None:
    class Unclear(BaseDoc):
        value: annotation = None

    with pytest.raises(ValueError, match=r"Unclear\.value: an index needs one type"):
        InMemoryExactNNIndex[Unclear]()


def test_a_union_of_documents_is_refused_unless_it_is_only_kept() -> None:
    class One(BaseDoc):
        one: int = 1

    class Other(BaseDoc):
        other: int = 2

    class Unclear(BaseDoc):
        value: One | Other

    class Kept(BaseDoc):
        value: One | Other = Field(json_schema_extra={"index": False})

    with pytest.raises(ValueError, match=r"Unclear\.value"):
        InMemoryExactNNIndex[Unclear]()
    with InMemoryExactNNIndex[Kept]() as index:
        index.index(Kept(id="a", value=Other()))
        assert isinstance(index["a"].value, Other)


def test_a_vector_of_unknown_size_is_refused_with_what_to_write() -> None:
    class Loose(BaseDoc):
        vector: NdArray

    class Symbolic(BaseDoc):
        vector: NdArray["n"]  # noqa: F821

    class Told(BaseDoc):
        vector: AnyTensor = Field(json_schema_extra={"dim": 6})

    class Kept(BaseDoc):
        vector: NdArray = Field(json_schema_extra={"index": False})

    for doc_type in (Loose, Symbolic):
        with pytest.raises(ValueError, match=rf"{doc_type.__name__}\.vector: .*`vector: NdArray\[128\]`"):
            outline_of(doc_type, "name", ability())
    assert columns(Told) == {"vector": 6}
    assert columns(Kept) == {}


def test_a_size_that_contradicts_the_shape_is_refused() -> None:
    class Wrong(BaseDoc):
        vector: NdArray[3] = Field(json_schema_extra={"dim": 4})

    class Flattened(BaseDoc):
        vector: NdArray[2, 3] = Field(json_schema_extra={"dim": 6})

    with pytest.raises(ValueError, match="`dim` is 4, but its shape is"):
        outline_of(Wrong, "name", ability())
    assert columns(Flattened) == {"vector": 6}
    with InMemoryExactNNIndex[Flattened]() as index:
        index.index(Flattened(id="a", vector=np.ones((2, 3))))
        assert index["a"].vector.shape == (2, 3)
        assert index.find(np.ones(6)).documents.id == ["a"]


def test_options_of_a_field_serve_many_indexes() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydantic prefers json_schema_extra; DocArray's programs write this

        class Thing(BaseDoc):
            vector: NdArray = Field(dim=8, space="l2", M=7, col_type="float_vector")

    offered = ability(float_vector={"on_disk": True, "M": 1})
    expected = VectorColumn("vector", 8, Metric.EUCLIDEAN, {"on_disk": True, "M": 7})
    for _ in range(3):
        assert outline_of(Thing, "name", offered).layout == Layout("name", (expected,), ())
    with pytest.raises(ValueError, match="no type 'float_vector'"):
        outline_of(Thing, "name", ability())


def test_options_of_a_type_are_defaults() -> None:
    class Thing(BaseDoc):
        one: NdArray[2]
        two: NdArray[2] = Field(json_schema_extra={"space": "dot"})

    defaults = Ability(Sized, Metric.EUCLIDEAN, {np.ndarray: {"space": "sqeuclidean_dist"}})
    metrics = {column.name: column.metric for column in outline_of(Thing, "name", defaults).layout.vectors}
    assert metrics == {"one": Metric.SQEUCLIDEAN, "two": Metric.DOT}
    plain = {column.metric for column in outline_of(Thing, "name", Ability(Sized, Metric.EUCLIDEAN, {})).layout.vectors}
    assert plain == {Metric.EUCLIDEAN, Metric.DOT}


def test_a_database_of_one_vector_must_know_which() -> None:
    class Two(BaseDoc):
        one: NdArray[2]
        two: NdArray[3]

    class Marked(BaseDoc):
        one: NdArray[2]
        two: NdArray[3] = Field(json_schema_extra={"is_embedding": True})

    with pytest.raises(Unsupported, match="is_embedding"):
        outline_of(Two, "name", ability(OneVector))
    assert [column.name for column in outline_of(Marked, "name", ability(OneVector)).layout.vectors] == ["two"]


def test_an_index_needs_a_class_of_document_with_an_id() -> None:
    class WithoutId(BaseDocWithoutId):
        text: str

    for kind in (InMemoryExactNNIndex, HnswDocumentIndex, QdrantDocumentIndex):
        with pytest.raises(ValueError, match=rf"{kind.__name__}\[MyDoc\]"):
            kind()
        for wrong in (WithoutId, AnyDoc, int, "text"):
            with pytest.raises(ValueError, match="subclass of BaseDoc"):
                kind[wrong]  # type: ignore[valid-type]


def test_subscribing_twice_gives_one_class() -> None:
    class Thing(BaseDoc):
        text: str

    assert InMemoryExactNNIndex[Thing] is InMemoryExactNNIndex[Thing]
    assert issubclass(InMemoryExactNNIndex[Thing], DocIndex)
    assert InMemoryExactNNIndex[Thing].__name__ == "InMemoryExactNNIndex[Thing]"
    with pytest.raises(TypeError, match="already"):
        InMemoryExactNNIndex[Thing][Thing]  # type: ignore[index]


def test_unknown_options_are_named() -> None:
    class Thing(BaseDoc):
        text: str

    with pytest.raises(TypeError, match="'pathh' is no option"):
        InMemoryExactNNIndex[Thing](pathh="x")
    with InMemoryExactNNIndex[Thing](db_config=InMemoryExactNNIndex.DBConfig(index_name="mine")) as index:
        assert index.index_name == "mine"
        index.configure(batch_size=3)
        assert index.runtime_config.batch_size == 3
        with pytest.raises(TypeError, match="'size' is no option"):
            index.configure(size=3)
