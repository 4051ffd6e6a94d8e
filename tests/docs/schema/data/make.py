# ruff: noqa: RUF012
"""Write the JSON schemas, and JSON of a document, that DocArray 0.40 makes: `python make.py NAME`, with DocArray installed.

pip install docarray==0.40.0 'pydantic<2' 'numpy<2' && python make.py docarray_pydantic1
pip install docarray==0.40.0 'pydantic==2.9.2' 'numpy==2.2.6' && python make.py docarray_pydantic2
"""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from docarray import BaseDoc, DocList
from docarray.base_doc.doc import BaseDocWithoutId
from docarray.documents import AudioDoc, ImageDoc, TextDoc
from docarray.documents.legacy import LegacyDocument
from docarray.typing import AnyEmbedding, AnyTensor, ImageBytes, ImageNdArray, ImageUrl, NdArray
from docarray.utils.create_dynamic_doc_class import create_pure_python_type_model
from pydantic import Field

OWN = ("All kinds of fields.", "between 0 and 1")
"""Descriptions that stand in this file."""


class Inner(BaseDoc):
    name: str
    vec: NdArray[2]


class Bare(BaseDocWithoutId):
    score: float


class Everything(BaseDoc):
    __doc__ = OWN[0]

    text: str = "a"
    number: int
    share: float = Field(0.5, description=OWN[1])
    flag: bool = True
    blob: bytes = b"x"
    maybe: str | None = None
    tensor: NdArray
    three: NdArray[3]
    matrix: NdArray[2, 3] | None = None
    free: AnyTensor | None = None
    embedding: AnyEmbedding | None = None
    pixels: ImageNdArray | None = None
    url: ImageUrl | None = None
    picture: ImageBytes | None = None
    words: list[str] = []
    rows: list[list[float]] = []
    members: set[int] = set()
    pair: tuple[int, str] = (1, "a")
    tags: dict[str, Any] = {}
    shares: dict[str, float] = {}
    by_name: dict[str, Inner] = {}
    inner: Inner
    bare: Bare | None = None
    docs: DocList[Inner]
    more: list[Inner] | None = None
    either: int | str = 1
    anything: Any = None


class Tree(BaseDoc):
    name: str
    children: list["Tree"] | None = None


def inner(name: str) -> Inner:
    return Inner(id=name, name=name, vec=[1, 2])


PYDANTIC_1 = not hasattr(Tree, "model_fields")
if PYDANTIC_1:
    Tree.update_forward_refs()

DOCUMENTS = [
    Everything(
        id="everything",
        number=7,
        blob=b"some text",
        tensor=np.zeros((2, 1)),
        three=[1, 2, 3],
        matrix=np.ones((2, 3)),
        words=["a", "b"],
        rows=[[1.5], []],
        members={1, 2},
        tags={"page": 1, "deep": {"x": [None]}},
        shares={"a": 0.25},
        by_name={"k": inner("k")},
        inner=inner("i"),
        bare=Bare(score=2),
        docs=DocList[Inner]([inner("d"), inner("e")]),
        more=[inner("m")],
        either="text",
        anything={"x": 1},
    ),
    Tree(id="tree", name="root", children=[Tree(id="leaf", name="leaf")]),
    TextDoc(id="text", text="a", embedding=np.zeros(3)),
    ImageDoc(id="image", url="a.png", tensor=np.zeros((1, 1, 3))),
    AudioDoc(id="audio", frame_rate=8000),
]

if PYDANTIC_1:  # the class cannot be described under pydantic 2
    chunks = DocList[LegacyDocument]([LegacyDocument(id="chunk")])
    DOCUMENTS.append(LegacyDocument(id="legacy", text="a", tags={"a": 1}, chunks=chunks))


def described(doc: BaseDoc) -> dict[str, Any]:
    # DocArray's own functions fail on classes that hold themselves.
    model = type(doc) if isinstance(doc, (Tree, LegacyDocument)) else create_pure_python_type_model(type(doc))
    schema = _without_prose(model.schema())
    return {"name": type(doc).__name__, "schema": schema, "data": _arrays(json.loads(doc.json()))}


def _without_prose(value: Any) -> Any:
    """Without DocArray's own docstrings, and without the random ids of its examples."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key != "example" or not isinstance(item, str)}
        if kept.get("description", OWN[0]) not in OWN:
            del kept["description"]
        return {key: _without_prose(item) for key, item in kept.items()}
    return [_without_prose(item) for item in value] if isinstance(value, list) else value


def _arrays(value: Any) -> Any:
    """Tensors are text in the JSON of a document under pydantic 2, and arrays everywhere else."""
    if isinstance(value, dict):
        return {key: _arrays(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_arrays(item) for item in value]
    if isinstance(value, str) and value.startswith("["):
        return json.loads(value)
    return value


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    made = [described(doc) for doc in DOCUMENTS]
    (Path(__file__).parent / f"{sys.argv[1]}.json").write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
