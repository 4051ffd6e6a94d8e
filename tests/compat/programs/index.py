"""A document index as a program written for DocArray 0.40 uses it."""

import os
import tempfile


import numpy as np
from docarray import BaseDoc, DocList
from docarray.index import InMemoryExactNNIndex
from docarray.typing import NdArray


class Film(BaseDoc):
    title: str
    year: int
    embedding: NdArray[4]


class Shelf(BaseDoc):
    name: str
    films: DocList[Film]


films = DocList[Film]([Film(id=str(i), title=f"film {i}", year=1990 + i, embedding=np.eye(4)[i]) for i in range(4)])
index = InMemoryExactNNIndex[Film]()
index.index(films)
print(len(index), index.num_docs(), index["2"].title, [doc.title for doc in index[["0", "3"]]])

query = np.array([0.1, 0.9, 0.2, 0.0])
documents, scores = index.find(query, search_field="embedding", limit=2)
print(documents.title, [round(float(score), 3) for score in scores])
found = index.find(films[3], search_field="embedding", limit=1)
print(found.documents[0].title, round(float(found.scores[0]), 3))
batched = index.find_batched(np.eye(4)[:2], search_field="embedding", limit=1)
print([docs[0].title for docs in batched.documents])
print([doc.title for doc in index.filter({"year": {"$lt": 1992}})])

built = (
    index.build_query()
    .filter(filter_query={"year": {"$gte": 1991}})
    .find(query=query, search_field="embedding", limit=2)
    .build()
)
print([doc.title for doc in index.execute_query(built).documents])

del index["0"]
print(len(index), films[1] in index, films[0] in index)
try:
    index["0"]
except KeyError:
    print("no such film")

with tempfile.TemporaryDirectory() as folder:
    file = os.path.join(folder, "films.bin")
    index.persist(file)
    again = InMemoryExactNNIndex[Film](index_file_path=file)
    print(len(again), again.find(query, search_field="embedding", limit=1).documents.title)

shelves = InMemoryExactNNIndex[Shelf]()
shelves.index(DocList[Shelf]([Shelf(id="s", name="all", films=films), Shelf(id="t", name="none", films=films[:1])]))
roots, subs, scores = shelves.find_subindex(query, subindex="films", search_field="embedding", limit=1)
print([doc.name for doc in roots], [doc.title for doc in subs], [round(float(score), 3) for score in scores])
