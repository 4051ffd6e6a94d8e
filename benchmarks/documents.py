"""What documents cost, in microseconds of processor time: `python -m benchmarks.documents`.

Each figure is the best of many rounds, so that a busy machine changes it little.
"""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from timeit import repeat
from typing import Any

import numpy as np

from thalweg.docs import BaseDoc, DocList
from thalweg.docs.codecs import columns, json, protobuf
from thalweg.docs.typing import NdArray

ROUNDS = 30


class Text(BaseDoc):
    text: str


class Embedded(Text):
    embedding: NdArray[384]


class Constrained(Embedded):
    tags: dict[str, Any]
    words: list[str]


def microseconds(work: Callable[[], Any]) -> float:
    """The least that one call of `work` took."""
    once = min(repeat(work, number=1, repeat=5, timer=process_time))
    calls = max(1, int(0.01 / max(once, 1e-6)))
    return min(repeat(work, number=calls, repeat=ROUNDS, timer=process_time)) / calls * 1e6


def embedded(count: int) -> DocList[Embedded]:
    vectors = np.random.default_rng(0).random((count, 384), np.float32)
    return DocList[Embedded](Embedded(text=f"the river {i}", embedding=v.copy()) for i, v in enumerate(vectors))


def constrained(count: int) -> DocList[Constrained]:
    return DocList[Constrained](
        Constrained(text=doc.text, embedding=doc.embedding, tags={"page": 1}, words=["a", "b"])
        for doc in embedded(count)
    )


def work() -> dict[str, Callable[[], Any]]:
    """What is measured, by name."""
    text = DocList[Text]([Text(text="the river")])
    body, bare = json.encode(text, {}), b'{"data":[{"text":"the river"}]}'
    one, many, other = embedded(1), embedded(100), constrained(100)
    vec = many.to_doc_vec()
    text_columns, one_columns, many_columns = columns.encode(text), columns.encode(one), columns.encode(many)
    other_columns = columns.encode(other)
    one_message, list_message = protobuf.encode_document(one[0]), protobuf.encode_list(many)
    vec_message, other_message = protobuf.encode_vec(vec), protobuf.encode_list(other)
    return {
        "make one document": lambda: Text(text="the river"),
        "JSON, read one document": lambda: json.decode(body, Text),
        "JSON, read one document without an id": lambda: json.decode(bare, Text),
        "JSON, write one document": lambda: json.encode(text, {}),
        "columns, read one document": lambda: columns.decode(text_columns, Text),
        "columns, write one document": lambda: columns.encode(text),
        "columns, read one document with a tensor": lambda: columns.decode(one_columns, Embedded),
        "columns, write one document with a tensor": lambda: columns.encode(one),
        "columns, read 100 documents as a DocList": lambda: columns.decode(many_columns, Embedded),
        "columns, read 100 documents as a DocVec": lambda: columns.decode_vec(many_columns, Embedded),
        "columns, write a DocList of 100": lambda: columns.encode(many),
        "columns, write a DocVec of 100": lambda: columns.encode(vec),
        "columns, read 100 with dicts and lists": lambda: columns.decode(other_columns, Constrained),
        "columns, write 100 with dicts and lists": lambda: columns.encode(other),
        "protobuf, read one document with a tensor": lambda: protobuf.decode_document(one_message, Embedded),
        "protobuf, write one document with a tensor": lambda: protobuf.encode_document(one[0]),
        "protobuf, read 100 documents as a DocList": lambda: protobuf.decode_list(list_message, Embedded),
        "protobuf, read 100 documents as a DocVec": lambda: protobuf.decode_vec(vec_message, Embedded),
        "protobuf, read 100 documents without a schema": lambda: protobuf.decode_list(list_message, None),
        "protobuf, write a DocList of 100": lambda: protobuf.encode_list(many),
        "protobuf, write a DocVec of 100": lambda: protobuf.encode_vec(vec),
        "protobuf, read 100 with dicts and lists": lambda: protobuf.decode_list(other_message, Constrained),
        "protobuf, write 100 with dicts and lists": lambda: protobuf.encode_list(other),
        "stack 100 documents": many.to_doc_vec,
        "unstack 100 documents": vec.to_doc_list,
        "read a field of 100 documents": lambda: many.text,
    }


def main() -> None:
    for name, call in work().items():
        print(f"{name:45s}{microseconds(call):10.1f} us")


if __name__ == "__main__":
    main()
