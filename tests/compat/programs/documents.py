"""Documents as a program written for DocArray 0.40 uses them."""

from typing import Dict, List, Optional

import numpy as np
from docarray import BaseDoc, DocList
from docarray.base_doc import AnyDoc
from docarray.documents import ImageDoc, TextDoc
from docarray.documents.helper import create_doc
from docarray.documents.legacy import LegacyDocument
from docarray.typing import ID, AnyTensor, ImageUrl, NdArray


class Author(BaseDoc):
    name: str
    age: Optional[int] = None


class Page(BaseDoc):
    title: str
    embedding: NdArray[3]
    cover: Optional[ImageUrl] = None
    author: Author
    tags: Dict[str, int] = {}
    lines: List[str] = []
    tensor: Optional[AnyTensor] = None


page = Page(title="rivers", embedding=np.arange(3), author=Author(name="Ada"), tags={"a": 1}, lines=["x"])
print(page.title, page.embedding.unwrap(), page.embedding.shape, isinstance(page.embedding, NdArray))
print(len(page.id), page.id == page.id.lower(), isinstance(page.id, str))

page.title = "lakes"
page.embedding = [1, 2, 3]
print(page.title, page.embedding.tolist(), page.embedding.get_comp_backend().n_dim(page.embedding))
for wrong in ({"embedding": [1, 2]}, {"author": "nobody"}):
    try:
        Page(**{**page.dict(), **wrong})
    except ValueError as error:
        print(type(error).__name__, sorted(wrong))

other = Page(title="seas", embedding=np.ones(3), author=Author(name="Bea", age=3), tags={"b": 2}, lines=["y"])
page.update(other)
print(page.title, page.author.name, page.author.age, sorted(page.tags.items()), page.lines)

copied = page.copy()
print(copied == page, copied.id == page.id, Page.from_json(page.to_json()).title)
print(Page.parse_obj(page.dict()).title, Page.construct(title="made").title)
print(Page.from_bytes(page.to_bytes()).embedding.tolist(), Page.from_protobuf(page.to_protobuf()).author.name)
print(Page.from_base64(page.to_base64("protobuf"), "protobuf").title)

loose = AnyDoc(hello="world", n=3)
print(loose.hello, loose.n, AnyDoc.from_protobuf(page.to_protobuf()).title)

print(TextDoc("hello") == "hello", "ell" in TextDoc("hello"), TextDoc(text="a").text)
image = ImageDoc(url="picture.png", tensor=np.zeros((2, 2, 3), np.uint8))
print(image.url, image.tensor.shape, image.embedding, image.bytes_)

Made = create_doc("Made", text=(str, "x"), number=(int, ...))
print(Made(number=3).text, issubclass(Made, BaseDoc))
old = LegacyDocument(text="a", chunks=DocList[LegacyDocument]([LegacyDocument(text="b")]), tags={"x": 1})
print(old.chunks[0].text, old.tags, old.matches)
print(ID("5") == "5", Author(id=5, name="n").id)
