# ruff: noqa: PLR0402
"""What DocArray writes, and what it reads of ours: run with the Python of an environment that has DocArray 0.40.

    pip install docarray==0.40.0 pydantic==2.9.2 numpy==2.2.6 protobuf==5.29.6
    python corpus.py write          # the files in `written`, and what is in them, as JSON
    python corpus.py read FOLDER    # prints, as JSON, what DocArray finds in the files NAME.bin of a folder

What `read` prints of the file `written/beyond.bin`, which DocArray cannot write itself, is kept in `written/beyond.json`.

`python corpus.py write torch` adds the tensors of PyTorch, where it is installed too. The type keys of TensorFlow and JAX
are put into messages by hand: DocArray writes the same for its own classes.
"""

import json
import sys
from pathlib import Path

import docarray.proto as proto
import numpy as np
from cases import CASES, OURS, DocList, DocVec, describe

FOLDER = Path(__file__).with_name("written")


def message_of(docs):
    return docs.to_protobuf().SerializeToString()


def read(docs, data):
    kind = (
        proto.DocListProto
        if isinstance(docs, DocList)
        else proto.DocVecProto
        if isinstance(docs, DocVec)
        else proto.DocProto
    )
    return type(docs).from_protobuf(kind.FromString(data))


def foreign_keys():
    """A document with a tensor under each type key of the other libraries."""
    doc = proto.DocProto()
    for library in ("torch_tensor", "tensorflow_tensor", "jaxarray"):
        plain = {"torch_tensor": "torch_embedding", "tensorflow_tensor": "tensorflow_embedding"}
        keys = [
            library,
            plain.get(library, "jaxarray_embedding"),
            *(f"{kind}_{library}" for kind in ("image", "audio", "video")),
        ]
        for key in keys:
            node = doc.data[key]
            node.type = key
            node.ndarray.dense.buffer = np.arange(24, dtype="<f4").tobytes()
            node.ndarray.dense.shape.extend((2, 2, 2, 3))
            node.ndarray.dense.dtype = "<f4"
    doc.data["url3d"].text = "x.obj"
    doc.data["url3d"].type = "url3d"
    doc.data["id"].text = "f"
    doc.data["id"].type = "id"
    return doc.SerializeToString()


def torch_tensors():
    import torch
    from docarray import BaseDoc
    from docarray.typing import AnyTensor, ImageTorchTensor, TorchEmbedding, TorchTensor

    class Torch(BaseDoc):
        tensor: TorchTensor[2]
        embedding: TorchEmbedding
        image: ImageTorchTensor
        any: AnyTensor

    return message_of(
        Torch(
            id="p",
            tensor=torch.tensor([1.0, 2.0]),
            embedding=torch.tensor([1, 2, 3]),
            image=torch.zeros((2, 2, 3), dtype=torch.uint8),
            any=torch.tensor([True, False]),
        )
    )


def write(names):
    (FOLDER / "foreign_keys.bin").write_bytes(foreign_keys())
    if "torch" in names:
        (FOLDER / "torch.bin").write_bytes(torch_tensors())
    for name, docs in CASES.items():
        data = message_of(docs)
        found = read(docs, data)
        (FOLDER / f"{name}.bin").write_bytes(data)
        (FOLDER / f"{name}.json").write_text(json.dumps(describe(found), indent=1) + "\n")


def answer(folder):
    found = {}
    for name, docs in {**CASES, **OURS}.items():
        path = Path(folder) / f"{name}.bin"
        if path.exists():
            found[name] = describe(read(docs, path.read_bytes()))
    print(json.dumps(found))


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2:])
    else:
        answer(sys.argv[2])
