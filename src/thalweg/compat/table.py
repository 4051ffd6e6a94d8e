"""Where each public name of DocArray 0.30 to 0.41 is now."""

from __future__ import annotations

from thalweg.compat.finder import Package
from thalweg.compat.modules import JINA
from thalweg.compat.typing import NAMES

_OLD = (
    "!DocArray's classes before 0.30 have no counterpart: describe the data as a subclass of BaseDoc, or take "
    "docarray.documents.legacy.LegacyDocument"
)
_DOCS = "thalweg.docs"
_CORE = {
    "BaseDoc": f"{_DOCS}:BaseDoc",
    "DocList": f"{_DOCS}:DocList",
    "DocVec": f"{_DOCS}:DocVec",
}
_TENSORS = {name: f"thalweg.compat.typing:{name}" for name in NAMES}
_ABSTRACT = {"AbstractTensor": "thalweg.compat.typing:AnyTensor"}
_URLS = {
    name: f"{_DOCS}.typing:{name}"
    for name in ("AnyUrl", "AudioUrl", "ImageUrl", "Mesh3DUrl", "PointCloud3DUrl", "TextUrl", "Url3D", "VideoUrl")
}
_BYTES = {name: f"{_DOCS}.typing:{name}" for name in ("AudioBytes", "ImageBytes", "VideoBytes")}
_ID = {"ID": f"{_DOCS}.typing:ID"}
_RESPONSE = {"DocArrayResponse": f"{_DOCS}.integrations.fastapi:DocArrayResponse"}
_DOCUMENT = {"BaseDoc": f"{_DOCS}:BaseDoc", "BaseDocWithoutId": f"{_DOCS}:BaseDocWithoutId"}
_ANY_DOC = {"AnyDoc": f"{_DOCS}:AnyDoc"}
_NODE = {"BaseNode": f"{_DOCS}:BaseDocWithoutId"}
_LEGACY = {"LegacyDocument": "thalweg.compat.documents:LegacyDocument"}
_CREATION = {
    name: f"{_DOCS}.documents:{name}" for name in ("create_doc", "create_doc_from_dict", "create_doc_from_typeddict")
}
_ARRAYS = {"AnyDocArray": "thalweg.compat.arrays:AnyDocArray"}

_PREDEFINED = {
    "audio": ("AudioDoc",),
    "image": ("ImageDoc",),
    "mesh": ("Mesh3D", "VerticesAndFaces"),
    "point_cloud": ("PointCloud3D", "PointsAndColors"),
    "text": ("TextDoc",),
    "video": ("VideoDoc",),
}
_BACKENDS = {
    "elastic": ("ElasticDocIndex",),
    "elasticv7": ("ElasticV7DocIndex",),
    "epsilla": ("EpsillaDocumentIndex",),
    "hnswlib": ("HnswDocumentIndex",),
    "in_memory": ("InMemoryExactNNIndex",),
    "milvus": ("MilvusDocumentIndex",),
    "mongodb_atlas": ("MongoDBAtlasDocumentIndex",),
    "qdrant": ("QdrantDocumentIndex",),
    "redis": ("RedisDocumentIndex",),
    "weaviate": ("WeaviateDocumentIndex",),
}
_NO_INDEX = {
    "ElasticV7DocIndex": "!Elasticsearch 7 has reached its end; ElasticDocIndex speaks to 8 and newer",
    "EpsillaDocumentIndex": "!Epsilla is not supported; QdrantDocumentIndex and PgVectorDocumentIndex are the nearest",
}
_LIBRARIES = {
    "jax": "JaxCompBackend",
    "numpy": "NumpyCompBackend",
    "tensorflow": "TensorFlowCompBackend",
    "torch": "TorchCompBackend",
}
_MESSAGES = (
    "DenseNdArrayProto",
    "DictOfAnyProto",
    "DocListProto",
    "DocProto",
    "DocVecProto",
    "ListOfAnyProto",
    "ListOfDocArrayProto",
    "ListOfDocVecProto",
    "NdArrayProto",
    "NodeProto",
)


_PROTO = {name: f"thalweg.compat.proto:{name}" for name in _MESSAGES}
_GENERATED = {**_PROTO, "DESCRIPTOR": "thalweg.compat.proto:DESCRIPTOR"}


def _index(name: str) -> str:
    return _NO_INDEX.get(name, f"{_DOCS}.index:{name}")


_INDEXES = {name: _index(name) for names in _BACKENDS.values() for name in names}
_FILE_STORE = {"FileDocStore": f"{_DOCS}.store:FileDocStore"}
_S3_STORE = {"S3DocStore": f"{_DOCS}.store:S3DocStore"}
_NO_CLOUD = {"JACDocStore": "!Jina's cloud storage is gone; push to an s3:// address"}

_MODULES: dict[str, dict[str, str]] = {
    "docarray": {
        **_CORE,
        "__version__": "thalweg.compat.version:VERSION",
        "Document": _OLD,
        "DocumentArray": _OLD,
    },
    "docarray.array": {**_ARRAYS, "DocList": _CORE["DocList"], "DocVec": _CORE["DocVec"]},
    "docarray.array.any_array": _ARRAYS,
    "docarray.array.doc_list": {"DocList": _CORE["DocList"]},
    "docarray.array.doc_list.doc_list": {"DocList": _CORE["DocList"]},
    "docarray.array.doc_vec": {"DocVec": _CORE["DocVec"]},
    "docarray.array.doc_vec.doc_vec": {"DocVec": _CORE["DocVec"]},
    "docarray.base_doc": {**_DOCUMENT, **_ANY_DOC, **_NODE, **_RESPONSE},
    "docarray.base_doc.any_doc": _ANY_DOC,
    "docarray.base_doc.base_node": _NODE,
    "docarray.base_doc.doc": _DOCUMENT,
    "docarray.base_doc.docarray_response": _RESPONSE,
    "docarray.base_doc.io": {},
    "docarray.base_doc.io.json": {"orjson_dumps": "thalweg.compat.arrays:orjson_dumps"},
    "docarray.computation": {"AbstractComputationalBackend": f"{_DOCS}.computation:Backend"},
    "docarray.computation.abstract_comp_backend": {"AbstractComputationalBackend": f"{_DOCS}.computation:Backend"},
    **{
        f"docarray.computation.{library}_backend": {name: f"thalweg.compat.computation:{name}"}
        for library, name in _LIBRARIES.items()
    },
    "docarray.data": {"MultiModalDataset": f"{_DOCS}.integrations.torch:MultiModalDataset"},
    "docarray.data.torch_dataset": {"MultiModalDataset": f"{_DOCS}.integrations.torch:MultiModalDataset"},
    "docarray.documents": {
        name: f"thalweg.compat.documents:{name}" for names in _PREDEFINED.values() for name in names
    },
    **{
        f"docarray.documents.{module}": {name: f"thalweg.compat.documents:{name}" for name in names}
        for module, names in _PREDEFINED.items()
    },
    "docarray.documents.helper": _CREATION,
    "docarray.documents.legacy": _LEGACY,
    "docarray.documents.legacy.legacy_document": _LEGACY,
    "docarray.helper": {"get_paths": f"{_DOCS}.paths:get_paths"},
    "docarray.index": {**_INDEXES, "BaseDocIndex": f"{_DOCS}.index:DocIndex"},
    "docarray.index.abstract": {"BaseDocIndex": f"{_DOCS}.index:DocIndex"},
    "docarray.index.backends": _INDEXES,
    **{
        f"docarray.index.backends.{module}": {name: _index(name) for name in names}
        for module, names in _BACKENDS.items()
    },
    "docarray.proto": _PROTO,
    "docarray.proto.pb": {},
    "docarray.proto.pb.docarray_pb2": _GENERATED,
    "docarray.proto.pb2": {},
    "docarray.proto.pb2.docarray_pb2": _GENERATED,
    "docarray.store": {**_FILE_STORE, **_S3_STORE, **_NO_CLOUD},
    "docarray.store.file": _FILE_STORE,
    "docarray.store.s3": _S3_STORE,
    "docarray.typing": {**_TENSORS, **_URLS, **_BYTES, **_ID},
    "docarray.typing.bytes": _BYTES,
    "docarray.typing.id": _ID,
    "docarray.typing.tensor": {**_TENSORS, **_ABSTRACT},
    "docarray.typing.tensor.abstract_tensor": _ABSTRACT,
    "docarray.typing.tensor.audio": {name: home for name, home in _TENSORS.items() if name.startswith("Audio")},
    "docarray.typing.tensor.embedding": {name: home for name, home in _TENSORS.items() if name.endswith("Embedding")},
    "docarray.typing.tensor.image": {name: home for name, home in _TENSORS.items() if name.startswith("Image")},
    "docarray.typing.tensor.jaxarray": {"JaxArray": _TENSORS["JaxArray"]},
    "docarray.typing.tensor.ndarray": {"NdArray": _TENSORS["NdArray"]},
    "docarray.typing.tensor.tensor": {"AnyTensor": _TENSORS["AnyTensor"]},
    "docarray.typing.tensor.tensorflow_tensor": {"TensorFlowTensor": _TENSORS["TensorFlowTensor"]},
    "docarray.typing.tensor.torch_tensor": {"TorchTensor": _TENSORS["TorchTensor"]},
    "docarray.typing.tensor.video": {name: home for name, home in _TENSORS.items() if name.startswith("Video")},
    "docarray.typing.url": _URLS,
    "docarray.typing.url.any_url": {"AnyUrl": _URLS["AnyUrl"]},
    "docarray.utils": {},
    "docarray.utils.create_dynamic_doc_class": {
        name: f"{_DOCS}.schema:{name}" for name in ("create_base_doc_from_schema", "create_pure_python_type_model")
    },
    "docarray.utils.filter": {"filter_docs": f"{_DOCS}.query:filter_docs"},
    "docarray.utils.find": {
        name: f"{_DOCS}.query:{name}" for name in ("FindResult", "FindResultBatched", "find", "find_batched")
    },
    "docarray.utils._internal": {},
    "docarray.utils._internal._typing": {"safe_issubclass": "thalweg.compat.annotations:safe_issubclass"},
    "docarray.utils.map": {name: f"{_DOCS}.parallel:{name}" for name in ("map_docs", "map_docs_batched")},
    "docarray.utils.reduce": {name: f"{_DOCS}:{name}" for name in ("reduce", "reduce_all")},
}

for _module in list(_MODULES):
    _parent, _, _name = _module.rpartition(".")
    if _parent:
        _MODULES[_parent] = {**_MODULES[_parent], _name: _MODULES[_parent].get(_name, f"{_module}")}

_REMOVED = {
    "docarray.display": "DocArray's own modules have no counterpart; `summary()` of documents and lists shows them",
    "docarray.store.jac": "Jina's cloud storage is gone; push to an s3:// address",
    "docarray.utils._internal.misc": "DocArray's own modules have no counterpart",
}

_LOADED = {
    **{name: "thalweg.compat.proto" for name in _MODULES if name.startswith("docarray.proto.")},
    "docarray.utils._internal._typing": "thalweg.compat.jina",
}

PACKAGES = {"docarray": Package(_MODULES, _REMOVED, _LOADED), "jina": JINA}
