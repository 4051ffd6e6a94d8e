"""What a user who runs `mypy --strict` sees."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "[mypy]\nstrict = true\nplugins = pydantic.mypy, thalweg.docs.mypy\n"
SCRIPT = """
from typing import Annotated

import numpy as np

from thalweg.docs import BaseDoc, DocList, DocVec
from thalweg.docs.documents import TextDoc
from thalweg.docs.typing import (
    AnyEmbedding,
    AnyTensor,
    ImageBytes,
    ImageJaxArray,
    ImageNdArray,
    ImageUrl,
    NdArray,
    NdArrayEmbedding,
    TensorFlowTensor,
    TorchEmbedding,
    VideoTorchTensor,
)


class Text(BaseDoc):
    text: str
    url: ImageUrl | None = None


class Embedded(Text):
    embedding: NdArray[384]
    pixels: NdArray["n", ..., 3] | None = None
    other: AnyTensor[2] | None = None
    bare: Annotated[np.ndarray, NdArray[3]] | None = None
    vector: NdArrayEmbedding["n"] | None = None
    image: ImageNdArray["h", "w", 3] | None = None
    film: VideoTorchTensor[..., 3] | None = None
    several: list[TorchEmbedding[3] | TensorFlowTensor[2] | ImageJaxArray[2, 2] | AnyEmbedding[1]] | None = None
    data: ImageBytes | None = None
    title: TextDoc = TextDoc("the river")


def embed(docs: DocList[Text], vec: DocVec[Embedded]) -> DocList[Embedded]:
    made = DocList[Embedded]([Embedded(text=doc.text, embedding=np.zeros(384)) for doc in docs])
    made.embedding = np.zeros((3, 384))
    reveal_type(vec[0].embedding)
    reveal_type(vec[0].vector)
    reveal_type(vec[0].image)
    reveal_type(ImageUrl("a.png").load())
    reveal_type(docs[1:][0])
    reveal_type(made + made)
    reveal_type(vec.to_doc_list().to_doc_vec())
    return made


embed(DocList[Embedded](), DocVec[Embedded]([]))
"""


def test_shapes_and_generics_are_understood(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "mypy.ini").write_text(CONFIG)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", tmp_path / "mypy.ini", tmp_path / "script.py"],
        cwd=ROOT,  # where the cache is
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    shown = [line.split('"')[1] for line in done.stdout.splitlines() if "Revealed type" in line]
    assert shown == [
        "numpy.ndarray[Any, numpy.dtype[Any]]",
        "numpy.ndarray[Any, numpy.dtype[Any]] | None",
        "thalweg.docs.typing.media_array.ImageArray | None",
        "thalweg.docs.typing.media_array.ImageArray",
        "script.Text",
        "thalweg.docs.doc_list.DocList[script.Embedded]",
        "thalweg.docs.doc_vec.DocVec[script.Embedded]",
    ]
    errors = [line for line in done.stdout.splitlines() if "error:" in line]
    assert len(errors) == 1
    assert 'expected "DocList[Text]"' in errors[0]
