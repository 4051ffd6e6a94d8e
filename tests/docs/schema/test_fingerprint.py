"""What identifies a schema, and what does not count."""

import subprocess
import sys
from collections.abc import Callable
from typing import Annotated, Any, Optional

import pytest
from pydantic import Field, PlainValidator, create_model

from thalweg.docs import BaseDoc, BaseDocWithoutId, DocList, DocVec
from thalweg.docs.schema import fingerprint
from thalweg.docs.typing import AnyTensor, ImageUrl, NdArray, TextUrl, TorchTensor

CODE = """
from typing import Optional
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.schema import fingerprint
from thalweg.docs.typing import ImageUrl, NdArray

class Node(BaseDoc):
    name: str
    tags: set[str] = {"b", "a", "c"}
    point: NdArray["n", 3] | None = None
    url: ImageUrl | None = None
    children: DocList["Node"] | None = None
    parent: Optional["Node"] = None

print(fingerprint(Node))
"""


def made(**fields: Any) -> Any:
    return create_model("Made", __base__=BaseDoc, **fields)


def test_it_is_the_same_in_every_process() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert len(found.pop()) == 64


def test_titles_descriptions_defaults_and_order_do_not_count() -> None:
    class Other(BaseDoc):
        """Told."""

        b: int = Field(3, title="B", description="told", examples=[1])
        a: str

    assert fingerprint(Other) == fingerprint(made(a=(str, ...), b=(int, 0)))


KINDS: list[Any] = [
    str,
    int,
    float,
    bytes,
    list[int],
    list[float],
    set[int],
    dict[str, int],
    str | None,
    ImageUrl,
    TextUrl,
    NdArray,
    AnyTensor,
    TorchTensor,
    NdArray[3],
    NdArray["n"],
    NdArray["n", 3],
    Annotated[int, Field(ge=0)],
    Annotated[Any, PlainValidator(lambda value: value)],
]


def test_another_type_is_another_fingerprint() -> None:
    kinds = [fingerprint(made(x=(kind, ...))) for kind in KINDS]
    assert len(set(kinds)) == len(KINDS)
    assert fingerprint(made(x=(int, ...))) != fingerprint(made(x=(int, 0)))
    assert fingerprint(made(x=(int, ...))) != fingerprint(made(y=(int, ...)))
    assert fingerprint(create_model("Made", __base__=BaseDocWithoutId, x=(int, ...))) != fingerprint(made(x=(int, ...)))


@pytest.mark.parametrize("around", [lambda doc: doc, lambda doc: DocList[doc], lambda doc: DocVec[doc] | None])
def test_the_documents_in_it_count(around: Callable[[Any], Any]) -> None:
    def holder(kind: Any) -> str:
        return fingerprint(made(doc=(around(made(x=(kind, ...))), ...)))

    assert holder(int) == holder(int)
    assert holder(int) != holder(str)


def test_documents_that_hold_themselves() -> None:
    class Node(BaseDoc):
        next: Optional["Node"] = None

    class Longer(BaseDoc):
        next: Optional["Longer"] = None
        name: str = ""

    assert fingerprint(Node) == fingerprint(Node)
    assert fingerprint(Node) != fingerprint(Longer)
