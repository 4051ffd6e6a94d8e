"""Classes made at run time as a program written for DocArray 0.40 uses them, Jina first of all."""

import json
from typing import List, Optional

from docarray import BaseDoc, DocList
from docarray.base_doc.doc import BaseDocWithoutId
from docarray.computation.numpy_backend import NumpyCompBackend
from docarray.proto import DocListProto, DocProto
from docarray.typing import NdArray
from docarray.utils.create_dynamic_doc_class import create_base_doc_from_schema, create_pure_python_type_model
import numpy as np


class Part(BaseDoc):
    text: str
    weights: Optional[List[float]] = None


class Whole(BaseDoc):
    title: str
    parts: DocList[Part]
    embedding: NdArray[3]


schema = json.loads(json.dumps(create_pure_python_type_model(Whole).schema()))
Rebuilt = create_base_doc_from_schema(schema, "Whole", {})
made = Whole(id="w", title="a", parts=DocList[Part]([Part(text="b")]), embedding=np.ones(3))
again = Rebuilt.from_protobuf(made.to_protobuf())
print(again.title, again.parts[0].text, again.embedding.tolist(), again.id)
print(sorted(Rebuilt.model_fields), issubclass(Rebuilt, BaseDoc))


class Bare(BaseDocWithoutId):
    text: str


print(hasattr(Bare(text="a"), "id"), Bare.from_bytes(Bare(text="a").to_bytes()).text)
message = DocProto()
message.ParseFromString(made.to_protobuf().SerializeToString())
print(Whole.from_protobuf(message).title, message.data["title"].text)
several = DocListProto()
several.ParseFromString(DocList[Whole]([made]).to_protobuf().SerializeToString())
print(len(several.docs), DocList[Whole].from_protobuf(several)[0].title)

x = np.array([[1.0, 0.0], [0.0, 2.0]])
print(NumpyCompBackend.shape(x), NumpyCompBackend.Metrics.euclidean_dist(x, x).round(3).tolist())
values, rows = NumpyCompBackend.Retrieval.top_k(np.array([3.0, 1.0, 2.0]), k=2)
print(values.tolist(), rows.tolist())
