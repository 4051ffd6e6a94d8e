import random
from typing import Literal

import jsonschema
import pytest
from pydantic import Field

from thalweg.cli.load.generation import Generator
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.typing import ImageBytes, ImageUrl, NdArray


class Part(BaseDoc):
    text: str
    children: DocList["Part"] | None = None


class Everything(BaseDoc):
    text: str = Field(min_length=60, max_length=80)
    kind: Literal["a", "b"]
    number: int = Field(ge=3, lt=5)
    share: float = Field(gt=0, lt=0.001)
    flag: bool
    vector: NdArray[3, 4]
    loose: NdArray
    image: ImageBytes
    link: ImageUrl | None
    words: list[str] = Field(min_length=2)
    counts: dict[str, int]
    parts: DocList[Part]
    left_out: int = 3


@pytest.mark.parametrize("seed", range(20))
def test_documents_fit_the_schema_and_the_class_it_came_from(seed: int) -> None:
    schema = Everything.model_json_schema()
    document = Generator(schema, seed)()
    jsonschema.validate(document, schema)
    made = Everything.model_validate(document)
    assert made.vector.shape == (3, 4)
    assert "left_out" not in document


def test_a_seed_gives_the_same_documents_and_another_one_others() -> None:
    schema = Everything.model_json_schema()
    first, again, other = (Generator(schema, seed) for seed in (1, 1, 2))
    documents = [first() for _ in range(3)]
    assert documents == [again() for _ in range(3)]
    assert documents != [other() for _ in range(3)]
    assert documents[0] != documents[1]


def test_references_into_a_whole_document_are_followed() -> None:
    document = {
        "components": {"schemas": {"A": {"type": "object", "properties": {"n": {"const": 7}}, "required": ["n"]}}}
    }
    assert Generator({"$ref": "#/components/schemas/A"}, document=document)() == {"n": 7}


def test_what_cannot_be_made_up_is_named() -> None:
    schema = {"type": "object", "properties": {"code": {"type": "string", "pattern": "^[A-Z]{3}$"}}}
    with pytest.raises(ValueError, match=r"document\.code: text that matches"):
        Generator(schema)()


def test_a_schema_that_says_nothing_is_any_text() -> None:
    random.seed(0)
    assert isinstance(Generator({})(), str)
