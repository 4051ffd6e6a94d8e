"""Documents made without pydantic are those that pydantic makes."""

import gc
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Optional

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from thalweg.docs import BaseDoc, BaseDocWithoutId, DocList
from thalweg.docs.garbage import MANY, uncollected
from thalweg.docs.typing import NdArray


class Inner(BaseDoc):
    name: str = "x"


class Plain(BaseDoc):
    text: str
    size: int = 0
    ratio: float | None = None
    flag: bool = False
    blob: bytes = b""
    vector: NdArray[2] | None = None
    inner: Inner | None = None
    inners: Optional[DocList[Inner]] = None  # noqa: UP045


class Bare(BaseDocWithoutId):
    text: str


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.just(np.zeros(2)),
    st.just(np.zeros(3)),
    st.just(np.array(["a", "b"])),
    st.just([1.0, 2.0]),
    st.just(Inner(id="i")),
    st.just(Bare(text="a")),
    st.just({"id": "j", "name": "b"}),
    st.just(DocList[Inner]([Inner(id="k")])),
    st.just([{"id": "l"}]),
)


def found(error: ValidationError) -> list[Any]:
    return error.errors(include_url=False, include_input=False, include_context=False)


@given(st.dictionaries(st.sampled_from([*Plain.model_fields, "unknown"]), VALUES))
def test_a_constructor_accepts_and_makes_what_pydantic_does(data: dict[str, Any]) -> None:
    try:
        expected = Plain.model_validate(data)
    except ValidationError as error:
        with pytest.raises(ValidationError) as raised:
            Plain(**data)
        assert found(raised.value) == found(error)  # noqa: PT017
        return
    made = Plain(**data)
    assert made == expected
    assert {k: type(v) for k, v in made.__dict__.items()} == {k: type(v) for k, v in expected.__dict__.items()}
    assert made.model_fields_set - {"id"} == expected.model_fields_set - {"id"}
    assert list(made.__dict__) == list(expected.__dict__)
    if "id" in data:
        assert made.id == expected.id


def test_what_is_given_is_kept_as_it_is() -> None:
    vector = np.zeros(2, np.float32)
    assert Plain(text="a", vector=vector).vector is vector


def test_documents_that_have_all_fields_share_the_set_of_them_and_others_do_not() -> None:
    one, two = Bare(text="a"), Bare(text="b")
    assert one.model_fields_set is two.model_fields_set
    first, second = Plain(text="a"), Plain(text="b")
    first.size = 3
    assert (first.model_fields_set, second.model_fields_set) == ({"text", "size"}, {"text"})


class Checked(BaseDoc):
    text: str

    @field_validator("text")
    @classmethod
    def _upper(cls, value: str) -> str:
        return value.upper()


class Watched(BaseDoc):
    text: str

    @model_validator(mode="after")
    def _mark(self) -> "Watched":
        self.__dict__["text"] += "!"
        return self


class Hooked(BaseDoc):
    text: str
    _seen: list[str] = []  # noqa: RUF012

    def model_post_init(self, context: Any) -> None:
        self._seen = [self.text]


class Stripped(BaseDoc):
    model_config = ConfigDict(str_strip_whitespace=True)
    text: str


class Named(BaseDoc):
    text: str = Field(alias="t")


class Constrained(BaseDoc):
    text: Annotated[str, Field(min_length=2)]
    kind: Literal["a"] = "a"


class Own(BaseDoc):
    text: str

    def __init__(self, text: str) -> None:
        super().__init__(text=text + "?")


def test_what_a_class_adds_still_happens() -> None:
    assert Checked(text="a").text == "A"
    assert Watched(text="a").text == "a!"
    assert Hooked(text="a")._seen == ["a"]
    assert Stripped(text=" a ").text == "a"
    assert Named(t="a").text == "a"
    assert Own("a").text == "a?"
    with pytest.raises(ValidationError):
        Constrained(text="a")
    with pytest.raises(ValidationError):
        Constrained(text="ab", kind="b")


def test_a_subclass_that_forgets_its_parents_is_filled_right() -> None:
    class Parent(BaseDoc):
        text: str

    Parent(text="a")

    class Child(Parent):
        more: int

        @classmethod
        def __pydantic_init_subclass__(cls, **options: Any) -> None:
            pass

    class Grandchild(Child):
        most: int = 1

    Child(text="a", more=1)
    assert Grandchild(text="a", more=2).model_dump(exclude={"id"}) == {"text": "a", "more": 2, "most": 1}


def test_a_class_whose_references_come_later_is_filled_once_they_are_there() -> None:
    class Tree(BaseDoc):
        name: str
        children: "DocList[Tree] | None" = None

    tree = Tree(name="a", children=DocList[Tree]([Tree(name="b")]))
    assert tree.children is not None
    assert tree.children.name == ["b"]


def test_a_default_factory_makes_a_value_for_each() -> None:
    class Tagged(BaseDoc):
        text: str
        tags: DocList[Inner] = Field(default_factory=DocList[Inner])

    one, two = Tagged(text="a"), Tagged(text="a")
    assert one.tags is not two.tags


def test_a_mutable_default_is_not_shared() -> None:
    class Tagged(BaseDoc):
        inner: Inner = Inner()

    one, two = Tagged(), Tagged()
    one.inner.name = "changed"
    assert two.inner.name == "x"


def test_a_document_made_by_a_plain_model_may_be_a_field_of_it() -> None:
    class Around(BaseModel):
        doc: Plain

    assert Around(doc=Plain(text="a")).doc.text == "a"
    assert Around(doc={"text": "a"}).doc.text == "a"


@pytest.fixture
def collector() -> Iterator[None]:
    yield
    gc.enable()


def test_the_garbage_collector_is_left_as_it_was(collector: None) -> None:
    def inside(count: int) -> bool:
        with uncollected(count):
            return gc.isenabled()

    assert (inside(MANY - 1), inside(MANY), gc.isenabled()) == (True, False, True)
    with pytest.raises(KeyError), uncollected(MANY):
        raise KeyError
    assert gc.isenabled()
    gc.disable()
    assert (inside(MANY), gc.isenabled()) == (False, False)
