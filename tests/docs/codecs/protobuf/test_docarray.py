"""What DocArray 0.40 wrote is read here, and what is written here, DocArray reads."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import create_model

from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.docs.codecs import protobuf
from thalweg.docs.typing import AnyTensor, NdArray, TorchTensor
from thalweg.docs.typing.type_key import TENSORS_BY_KEY

DATA = Path(__file__).with_name("data")
WRITTEN = DATA / "written"

spec = importlib.util.spec_from_file_location("protobuf_cases", DATA / "cases.py")
assert spec is not None
assert spec.loader is not None
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)
NAMES = sorted(cases.CASES)


def written(name: str) -> bytes:
    return (WRITTEN / f"{name}.bin").read_bytes()


def expected(name: str) -> Any:
    return json.loads((WRITTEN / f"{name}.json").read_text())


def encoded(docs: Any) -> bytes:
    if isinstance(docs, DocVec):
        return protobuf.encode_vec(docs)
    return protobuf.encode_list(docs) if isinstance(docs, DocList) else protobuf.encode_document(docs)


def decoded(data: bytes, like: Any) -> Any:
    if isinstance(like, DocVec):
        return protobuf.decode_vec(data, like.doc_type)
    return (
        protobuf.decode_list(data, like.doc_type)
        if isinstance(like, DocList)
        else protobuf.decode_document(data, type(like))
    )


def described(docs: Any) -> Any:
    return json.loads(json.dumps(cases.describe(docs)))


def message(docs: Any, data: bytes) -> Any:
    """The message object of either side's bytes, which compares as the messages do: without an order in maps."""
    name = "DocVecProto" if isinstance(docs, DocVec) else "DocListProto" if isinstance(docs, DocList) else "DocProto"
    return protobuf.message_type(name).FromString(data)


@pytest.mark.parametrize("name", NAMES)
def test_what_docarray_wrote_is_read(name: str) -> None:
    docs = decoded(written(name), cases.CASES[name])
    assert type(docs) is type(cases.CASES[name])
    assert docs == cases.CASES[name]
    assert described(docs) == expected(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_is_written_as_docarray_wrote(name: str) -> None:
    docs = cases.CASES[name]
    ours, theirs = message(docs, encoded(docs)), message(docs, written(name))
    if isinstance(docs, DocVec):
        without_ours(ours)
    assert ours == theirs


def without_ours(vec: Any) -> None:
    """Take the number of documents, which is told to ourselves alone, out of the message of a DocVec."""
    vec.ClearField("count")
    for inner in vec.doc_columns.values():
        without_ours(inner)
    for lists in vec.docs_vec_columns.values():
        for inner in lists.data:
            without_ours(inner)


def test_docarray_reads_what_is_written(tmp_path: Path, docarray_python: str) -> None:
    everything = {**cases.CASES, **cases.OURS}
    for name, docs in everything.items():
        (tmp_path / f"{name}.bin").write_bytes(encoded(docs))
    command = [docarray_python, "-W", "ignore", DATA / "corpus.py", "read", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.keys() == everything.keys()
    for name in found:
        assert found[name] == expected(name), name


def test_what_docarray_cannot_write_is_written_as_it_was_seen_to_read() -> None:
    docs = cases.OURS["beyond"]
    assert message(docs, encoded(docs)) == message(docs, written("beyond"))
    assert decoded(written("beyond"), docs) == docs


@pytest.mark.parametrize("name", NAMES)
def test_a_document_without_a_schema_is_written_as_it_was_read(name: str) -> None:
    docs = cases.CASES[name]
    if isinstance(docs, DocVec):
        return
    unknown = (
        protobuf.decode_list(written(name), None)
        if isinstance(docs, DocList)
        else protobuf.decode_document(written(name), AnyDoc)
    )
    assert message(docs, encoded(unknown)) == message(docs, written(name))


# --- the libraries of tensors

FOREIGN = [key for key, (library, _) in TENSORS_BY_KEY.items() if library != "numpy"]


def test_tensors_of_libraries_that_are_not_loaded_are_numpy_arrays() -> None:
    script = """
import sys
import numpy as np
from pathlib import Path
from thalweg.docs import AnyDoc, BaseDoc
from thalweg.docs.codecs import protobuf
from thalweg.docs.typing import AnyTensor, ImageTensor, NdArray
data = Path(sys.argv[1]).read_bytes()
class Foreign(BaseDoc):
    torch_tensor: NdArray
    jaxarray: AnyTensor
    image_torch_tensor: ImageTensor
    tensorflow_tensor: list[float] | NdArray
doc = protobuf.decode_document(data, Foreign)
values = np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3)
for name in Foreign.model_fields.keys() - {"id"}:
    tensor = getattr(doc, name)
    assert isinstance(tensor, np.ndarray) and tensor.dtype == np.float32 and np.array_equal(tensor, values), name
unknown = protobuf.decode_document(data, AnyDoc)
assert all(np.array_equal(tensor, values) for name, tensor in unknown.__pydantic_extra__.items() if name != "url3d")
message = protobuf.message_type("DocProto").FromString
assert message(protobuf.encode_document(unknown)) == message(data)
assert not {"torch", "jax", "tensorflow"} & sys.modules.keys()
"""
    command = [sys.executable, "-c", script, WRITTEN / "foreign_keys.bin"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("key", FOREIGN)
def test_every_type_key_of_other_libraries_is_read_into_any_field(key: str) -> None:
    doc_type = create_model("Foreign", __base__=BaseDoc, **{key: (NdArray, ...)})
    tensor = getattr(protobuf.decode_document(written("foreign_keys"), doc_type), key)
    assert type(tensor) is np.ndarray
    assert tensor.shape == (2, 2, 2, 3)
    assert tensor.flags.writeable


def test_tensors_of_torch() -> None:
    torch = pytest.importorskip("torch")
    from thalweg.docs.typing import ImageTorchTensor, TorchEmbedding

    class Torch(BaseDoc):
        tensor: TorchTensor[2]
        embedding: TorchEmbedding
        image: ImageTorchTensor
        any: AnyTensor

    doc = protobuf.decode_document(written("torch"), Torch)
    assert torch.equal(doc.tensor, torch.tensor([1.0, 2.0]))
    assert torch.equal(doc.embedding, torch.tensor([1, 2, 3]))
    assert (doc.image.shape, doc.image.dtype) == ((2, 2, 3), torch.uint8)
    assert torch.equal(doc.any, torch.tensor([True, False]))
    assert message(doc, protobuf.encode_document(doc)) == message(doc, written("torch"))
    many = DocList[Torch]([doc] * 30)
    assert protobuf.decode_list(protobuf.encode_list(many), Torch) == many


def test_bfloat16_comes_back_and_is_float32_to_docarray() -> None:
    torch = pytest.importorskip("torch")

    class Half(BaseDoc):
        tensor: TorchTensor

    for count in (1, 40):
        docs = DocList[Half]([Half(tensor=torch.tensor([1.5, -2.0], dtype=torch.bfloat16))] * count)
        sent = docs.to_protobuf()
        assert sent.docs[0].data["tensor"].ndarray.dense.dtype == "<f4"
        back = DocList[Half].from_protobuf(sent)
        assert back[-1].tensor.dtype is torch.bfloat16
        assert torch.equal(back[-1].tensor, docs[0].tensor)


def test_tensors_of_jax_and_tensorflow() -> None:
    jax = pytest.importorskip("jax")
    tensorflow = pytest.importorskip("tensorflow")
    from thalweg.docs.typing import JaxArray, TensorFlowTensor

    class Both(BaseDoc):
        jaxarray: JaxArray
        half: JaxArray
        tensorflow_tensor: TensorFlowTensor
        any: AnyTensor

    doc = Both(
        jaxarray=jax.numpy.arange(3.0),
        half=jax.numpy.ones(2, "bfloat16"),
        tensorflow_tensor=tensorflow.constant([1, 2]),
        any=jax.numpy.zeros((2, 2)),
    )
    sent = doc.to_protobuf()
    assert [sent.data[name].type for name in ("jaxarray", "tensorflow_tensor", "any")] == [
        "jaxarray",
        "tensorflow_tensor",
        "jaxarray",
    ]
    for back in (Both.from_protobuf(sent), protobuf.decode_list(protobuf.encode_list([doc] * 30), Both)[-1]):
        assert back == doc
        assert [type(getattr(back, name)) for name in Both.model_fields] == [
            type(getattr(doc, name)) for name in Both.model_fields
        ]
        assert back.half.dtype == doc.half.dtype
    unknown = AnyDoc.from_protobuf(sent)
    assert unknown.to_protobuf() == sent
    vec = DocVec[Both]([doc] * 3)
    assert protobuf.decode_vec(protobuf.encode_vec(vec), Both) == vec
