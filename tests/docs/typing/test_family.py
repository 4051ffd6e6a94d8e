"""The families of tensor types: names, type keys, subclasses, and what each accepts."""

import copy
import json
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from thalweg.docs import BaseDoc, DocList, typing
from thalweg.docs.codecs import columns
from thalweg.docs.typing import (
    AnyEmbedding,
    AnyTensor,
    AudioNdArray,
    AudioTensor,
    ImageNdArray,
    ImageTensor,
    ImageTorchTensor,
    NdArray,
    NdArrayEmbedding,
    TorchEmbedding,
    TorchTensor,
    VideoNdArray,
    VideoTensor,
)
from thalweg.docs.typing.media_array import AudioArray, ImageArray, VideoArray, WrappedArray
from thalweg.docs.typing.tensor import TensorType, tensor_type, tensor_type_of_key
from thalweg.docs.typing.type_key import FAMILIES, LIBRARIES, TENSOR_KEYS

TENSORS = {name: getattr(typing, name) for name in typing.__all__ if isinstance(getattr(typing, name), TensorType)}
NAMES = {
    "ndarray": "NdArray",
    "ndarray_embedding": "NdArrayEmbedding",
    "image_ndarray": "ImageNdArray",
    "audio_ndarray": "AudioNdArray",
    "video_ndarray": "VideoNdArray",
    "torch_tensor": "TorchTensor",
    "torch_embedding": "TorchEmbedding",
    "image_torch_tensor": "ImageTorchTensor",
    "audio_torch_tensor": "AudioTorchTensor",
    "video_torch_tensor": "VideoTorchTensor",
    "tensorflow_tensor": "TensorFlowTensor",
    "tensorflow_embedding": "TensorFlowEmbedding",
    "image_tensorflow_tensor": "ImageTensorFlowTensor",
    "audio_tensorflow_tensor": "AudioTensorFlowTensor",
    "video_tensorflow_tensor": "VideoTensorFlowTensor",
    "jaxarray": "JaxArray",
    "jaxarray_embedding": "JaxArrayEmbedding",
    "image_jaxarray": "ImageJaxArray",
    "audio_jaxarray": "AudioJaxArray",
    "video_jaxarray": "VideoJaxArray",
}


def accept(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize("key", NAMES)
def test_every_type_knows_the_key_of_docarrays_messages(key: str) -> None:
    kind = TENSORS[NAMES[key]]
    assert kind.type_key == key
    assert repr(kind) == kind.__name__ == NAMES[key]
    assert tensor_type_of_key(key) is kind
    assert kind[3].type_key == key


def test_generic_types_learn_the_key_from_a_value() -> None:
    generic = [TENSORS[name] for name in ("AnyTensor", "AnyEmbedding", "ImageTensor", "AudioTensor", "VideoTensor")]
    assert {kind.type_key for kind in generic} == {None}
    assert [kind.type_key_of(np.zeros(3)) for kind in generic] == [TENSOR_KEYS["numpy", family] for family in FAMILIES]
    assert tensor_type_of_key("river") is None
    assert len(TENSORS) == 25 == (len(LIBRARIES) + 1) * len(FAMILIES)
    assert len(set(TENSORS.values())) == 25


@pytest.mark.parametrize("kind", [*TENSORS.values(), ImageTensor["h", 3], AnyEmbedding[3], NdArray[-1, 2]], ids=repr)
def test_a_type_is_one_object_wherever_it_goes(kind: Any) -> None:
    assert pickle.loads(pickle.dumps(kind)) is kind  # noqa: S301
    assert copy.deepcopy(kind) is kind
    assert tensor_type(kind.library, kind.shape, kind.family) is kind
    assert issubclass(kind, kind)
    assert issubclass(kind, AnyTensor)
    if kind.shape is None:
        assert issubclass(kind[3], kind)
        assert not issubclass(kind, kind[3])
        assert kind[3] is kind[3]
        assert hash(kind[3]) == hash(kind[3])
        assert kind[3] != kind


@pytest.mark.parametrize(
    "narrow, wide",
    [
        (ImageNdArray, NdArray),
        (ImageNdArray, ImageTensor),
        (ImageTorchTensor, TorchTensor),
        (TorchEmbedding, AnyEmbedding),
        (NdArrayEmbedding[3], NdArrayEmbedding),
        (ImageArray, ImageNdArray),
        (ImageArray, NdArray),
        (np.ndarray, NdArray),
        (np.ndarray, AnyTensor),
    ],
)
def test_subclasses(narrow: Any, wide: Any) -> None:
    assert issubclass(narrow, wide)
    assert isinstance(narrow, type) or not issubclass(wide, narrow)


def test_other_families_and_libraries_are_no_subclasses() -> None:
    assert not issubclass(ImageNdArray, AudioNdArray)
    assert not issubclass(TorchTensor, NdArray)
    assert not issubclass(np.ndarray, ImageNdArray)
    assert not issubclass(str, AnyTensor)
    assert not issubclass(NdArray[3], NdArray[4])


@pytest.mark.parametrize(
    "kind, array_class", [(ImageNdArray, ImageArray), (AudioNdArray, AudioArray), (VideoNdArray, VideoArray)]
)
def test_media_of_numpy_know_what_they_are_and_share_memory(kind: Any, array_class: Any) -> None:
    given = np.zeros((2, 2, 3), np.uint8)
    found = accept(kind, given)
    given[0, 0, 0] = 7
    assert type(found) is array_class
    assert found[0, 0, 0] == 7
    assert type(found[0]) is array_class
    assert type(found + 1) is array_class
    assert isinstance(found.sum(), np.integer)
    assert isinstance(np.max(found), np.integer)
    assert isinstance(found[0, 0, 0], np.uint8)
    assert isinstance(found, (kind, NdArray, AnyTensor))
    assert isinstance(found, kind["h", "w", 3])
    assert not isinstance(given, kind)
    assert accept(kind, found) is found
    assert accept(NdArray, found).base is not None
    assert type(accept(NdArray, found)) is np.ndarray
    assert type(found.unwrap()) is np.ndarray
    assert np.shares_memory(found.unwrap(), given)
    assert type(pickle.loads(pickle.dumps(found))) is array_class  # noqa: S301


def test_generic_media_of_numpy_know_what_they_are_too() -> None:
    assert type(accept(ImageTensor, [[1, 2]])) is ImageArray
    assert type(accept(AudioTensor, [0.5])) is AudioArray
    assert type(accept(AnyEmbedding, np.zeros(3))) is np.ndarray


@pytest.mark.parametrize("shape", [(3, 4), (..., 3), ("n", "m"), ()])
def test_an_embedding_has_one_dimension(shape: Any) -> None:
    for kind in (NdArrayEmbedding, AnyEmbedding, TorchEmbedding):
        with pytest.raises(ValueError, match="an embedding has one dimension"):
            kind[shape]


def test_embeddings() -> None:
    assert accept(AnyEmbedding[3], [1, 2, 3]).shape == (3,)
    assert accept(NdArrayEmbedding["n"], [1]).shape == (1,)
    assert accept(NdArrayEmbedding, np.zeros((3, 4))).shape == (3, 4)
    with pytest.raises(ValidationError, match="shape"):
        accept(AnyEmbedding[3], [1, 2])


@pytest.mark.parametrize("kind", [VideoNdArray, VideoTensor])
def test_films(kind: Any) -> None:
    for shape in ((2, 4, 4, 3), (4, 4, 3)):
        assert accept(kind, np.zeros(shape)).shape == shape
    assert accept(kind, [[[1, 2, 3]]]).shape == (1, 1, 3)
    for shape in ((4, 3), (4, 4, 4), (1, 2, 4, 4, 3), ()):
        assert not isinstance(np.zeros(shape).view(VideoArray), kind)
        with pytest.raises(ValidationError, match="Expected frames of shape"):
            accept(kind, np.zeros(shape))
    with pytest.raises(ValidationError, match="Expected frames of shape"):
        accept(kind[2, 2], np.zeros((2, 2)))


@pytest.mark.parametrize("kind", [AnyEmbedding, ImageTensor, AudioNdArray, VideoNdArray])
@pytest.mark.parametrize("given", [["a"], np.zeros(3, "M8[s]"), np.array([b"a"]), np.zeros(2, "i4,i4")])
def test_what_is_no_plain_tensor_holds_numbers(kind: Any, given: Any) -> None:
    with pytest.raises(ValidationError, match="A tensor holds booleans, integers, floats or complex numbers"):
        accept(kind, given)


class Media(BaseDoc):
    image: ImageTensor | None = None
    audio: AudioNdArray | None = None
    video: VideoNdArray | None = None
    embedding: AnyEmbedding | None = None
    any: AnyTensor | None = None


def test_columns_keep_what_tensors_stand_for() -> None:
    doc = Media(image=np.zeros((2, 2, 3), np.uint8), audio=[0.5], video=np.zeros((2, 2, 3)), embedding=[1], any=["a"])
    docs = DocList[Media]([doc, doc])
    vec = docs.to_doc_vec()
    for back in columns.decode(columns.encode(docs), Media)[1], columns.decode_vec(columns.encode(vec), Media)[1]:
        assert back == doc
        assert [type(back.image), type(back.audio), type(back.video)] == [ImageArray, AudioArray, VideoArray]
        assert type(back.embedding) is type(back.any) is np.ndarray
    assert type(vec.image) is type(vec[0].image) is ImageArray
    assert Media.from_json(doc.to_json()) == doc


@pytest.mark.parametrize(
    "dtype", ["<U3", ">U3", "S2", "M8[s]", ">M8[25ns]", "m8[D]", "m8", "?", ">f2", "<c8", "U", "S"]
)
@pytest.mark.parametrize("shape", [(2,), (0,), (), (2, 2)])
def test_columns_keep_every_dtype(dtype: str, shape: Any) -> None:
    array = np.array([["ab", "c"], ["", "ü"]]) if "U" in dtype else np.arange(4).reshape(2, 2)
    array = np.resize(array, shape).astype(dtype) if np.prod(shape) else np.zeros(shape, dtype)
    docs = DocList[Media]([Media(any=array), Media(any=None), Media(any=array[..., None])])
    for chosen in (docs, docs[:1], docs[::2]):
        for back in columns.decode(columns.encode(chosen), Media), columns.decode(columns.encode(chosen), None):
            assert back == chosen
            assert back[0].any.dtype == (array.dtype if array.dtype.itemsize else np.dtype(f"{array.dtype.kind}1"))


@pytest.mark.parametrize("array", [np.zeros(1, np.longdouble), np.zeros(1, "i4,f4"), np.zeros(1, "V2")])
def test_what_differs_between_machines_does_not_travel(array: Any) -> None:
    for docs in (DocList[Media]([Media(any=array)]), DocList[Media]([Media(any=array), Media(any=array[:0])])):
        with pytest.raises(ValueError, match="cannot travel"):
            columns.encode(docs)


def test_text_that_is_none_does_not_travel() -> None:
    with pytest.raises(ValueError, match="no character"):
        columns.encode(DocList[Media]([Media(any=np.array(["\ud800"]))]))


def test_columns_reshape_as_fields_do() -> None:
    class Flat(BaseDoc):
        tensor: NdArray

    class Shaped(BaseDoc):
        tensor: NdArray[2, 2]

    body = columns.encode(DocList[Flat]([Flat(tensor=np.arange(4)), Flat(tensor=np.arange(4))]))
    with pytest.warns(UserWarning, match="reshaped"):
        assert columns.decode(body, Shaped)[1].tensor.tolist() == [[0, 1], [2, 3]]
    with pytest.warns(UserWarning, match="reshaped"):
        assert columns.decode_vec(body, Shaped).tensor.shape == (2, 2, 2)
    vec = DocList[Shaped]([Shaped(tensor=np.zeros((2, 2)))]).to_doc_vec()
    with pytest.warns(UserWarning, match="reshaped"):
        vec.tensor = np.ones((1, 4))
    assert vec.tensor.shape == (1, 2, 2)
    with pytest.raises(ValueError, match="Expected a tensor of shape"):
        vec.tensor = np.ones((1, 5))


def test_wrapped_arrays_have_what_docarrays_have() -> None:
    kind = tensor_type("numpy", None, "tensor", wrapped=True)
    found = accept(kind[2], [1, 2])
    assert type(found) is WrappedArray
    assert type(found.unwrap()) is np.ndarray
    assert found.get_comp_backend().to_numpy(found).tolist() == [1, 2]
    assert isinstance(found, NdArray)
    assert repr(kind[2]) == "NdArray[2]"
    assert kind != NdArray


def test_every_type_has_a_schema() -> None:
    for kind in TENSORS.values():
        for shaped in (kind, kind["n"], kind[3]):
            found = TypeAdapter(shaped).json_schema()
            assert found["type"] == "array"
            assert json.dumps(found)
    for shape in (("n", ..., 3), (..., "n"), (-1, 3)):
        assert TypeAdapter(ImageTensor[shape]).json_schema()["type"] == "array"


def test_types_load_none_of_the_libraries() -> None:
    code = (
        "import sys; import thalweg.docs, thalweg.docs.typing, thalweg.docs.documents as d;"
        "d.ImageDoc(tensor=[[1]], embedding=[1], url='a.png'); d.TextDoc('a').to_json();"
        "print(*{'torch', 'tensorflow', 'jax', 'PIL', 'av', 'trimesh', 'fsspec', 'IPython', 'ml_dtypes',"
        " 'urllib.request', 'http.client'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
