"""Lists of documents, files and stores as a program written for DocArray 0.40 uses them."""

import os
import tempfile
from typing import Optional

import numpy as np
from docarray import BaseDoc, DocList
from docarray.store import FileDocStore
from docarray.typing import NdArray
from docarray.utils.filter import filter_docs
from docarray.utils.find import find, find_batched
from docarray.utils.map import map_docs, map_docs_batched
from docarray.utils.reduce import reduce, reduce_all


class Inner(BaseDoc):
    number: int


class Item(BaseDoc):
    text: str
    price: float = 0.0
    embedding: Optional[NdArray[2]] = None
    inner: Inner


docs = DocList[Item](
    [Item(id=str(i), text=f"t{i}", price=i, embedding=np.array([1.0, i]), inner=Inner(number=i)) for i in range(5)]
)
print(docs, len(docs), type(docs).__name__, DocList[Item] is type(docs), docs.doc_type is Item)
print(docs.text, docs.inner.number, docs[1:3].text, docs[[0, 4]].text, docs[[True, False, True, False, False]].text)
docs.price = [float(10 * i) for i in range(5)]
print(docs.price, docs.traverse_flat("inner__number"))
docs.append(Item(id="5", text="t5", embedding=np.array([1.0, 5.0]), inner=Inner(number=5)))
try:
    docs.append(Inner(number=1))
except ValueError:
    print("refused")
docs.insert(0, docs.pop())
print(docs.text, docs.index(docs[2]), docs[0] in docs)
docs.sort(key=lambda doc: doc.id)

result = find(docs, np.array([0.0, 1.0]), search_field="embedding", metric="euclidean_dist", limit=2)
print(result.documents.text, [round(float(score), 4) for score in result.scores])
batched = find_batched(docs, np.array([[0.0, 1.0], [1.0, 5.0]]), search_field="embedding", limit=1)
print([found.text for found in batched.documents])
print(filter_docs(docs, {"price": {"$gte": 20.0}}).text, filter_docs(docs, {"inner__number": {"$in": [1, 2]}}).text)
print(filter_docs(docs, {"$or": {"text": {"$eq": "t0"}, "price": {"$gt": 30.0}}}).text)


def shout(doc: Item) -> Item:
    doc.text = doc.text.upper()
    return doc


print([doc.text for doc in map_docs(docs, shout)][:3])
print([len(batch) for batch in map_docs_batched(docs, lambda batch: batch, batch_size=4)])

left, right = (
    DocList[Inner]([Inner(id="a", number=1)]),
    DocList[Inner]([Inner(id="a", number=2), Inner(id="b", number=3)]),
)
print(sorted(reduce(left, right).number), len(reduce_all([DocList[Inner](), right, DocList[Inner]()])))

assert DocList[Item].from_json(docs.to_json()).text == docs.text
for protocol in ("protobuf-array", "json-array", "protobuf"):
    for compress in (None, "gzip", "bz2", "lzma"):
        assert DocList[Item].from_bytes(docs.to_bytes(protocol, compress), protocol, compress).text == docs.text
assert DocList[Item].from_base64(docs.to_base64()).text == docs.text
assert DocList[Item].from_protobuf(docs.to_protobuf()).inner.number == docs.inner.number

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "docs.protobuf.gzip")
    docs.save_binary(path)
    print(DocList[Item].load_binary(path).text, next(DocList[Item].load_binary(path, streaming=True)).text)
    url = f"file://{folder}/stored"
    docs.push(url)
    print(DocList[Item].pull(url, local_cache=False).text, [doc.id for doc in DocList[Item].pull_stream(url)])
    DocList.push_stream(iter(docs), f"file://{folder}/streamed")
    print(sorted(FileDocStore.list(folder, show_table=False)), FileDocStore.delete(f"{folder}/stored"))
    csv = os.path.join(folder, "docs.csv")
    flat = DocList[Inner]([Inner(id=str(n), number=n) for n in range(3)])
    flat.to_csv(csv)
    print(DocList[Inner].from_csv(csv).number, open(csv).read().splitlines()[0])
