"""The document of DocArray up to 0.21."""

import numpy as np

from thalweg.docs import DocList
from thalweg.docs.documents import LegacyDocument
from thalweg.docs.typing import ID, AnyEmbedding, AnyTensor


def test_the_fields_are_those_of_the_old_document() -> None:
    documents = DocList[LegacyDocument] | None
    assert {name: field.annotation for name, field in LegacyDocument.model_fields.items()} == {
        "id": ID | None,
        "tensor": AnyTensor | None,
        "chunks": documents,
        "matches": documents,
        "blob": bytes | None,
        "text": str | None,
        "url": str | None,
        "embedding": AnyEmbedding | None,
        "tags": LegacyDocument.model_fields["tags"].annotation,
        "scores": LegacyDocument.model_fields["scores"].annotation,
    }
    assert LegacyDocument().tags == {}
    assert LegacyDocument().tags is not LegacyDocument().tags


def test_it_holds_documents_of_its_own_kind() -> None:
    doc = LegacyDocument(text="hello", tensor=np.zeros((3, 2)), embedding=np.ones(4), tags={"price": 10})
    doc.chunks = DocList[LegacyDocument]([LegacyDocument(text="part")])
    doc.chunks[0].matches = DocList[LegacyDocument]([LegacyDocument(text="found", scores={"cosine": 0.5})])
    assert doc.chunks.text == ["part"]
    back = LegacyDocument.from_json(doc.to_json())
    assert back == doc
    assert back.chunks is not None
    assert back.chunks[0].matches is not None
    assert back.chunks[0].matches.text == ["found"]
    doc.update(LegacyDocument(tags={"size": 3}))
    assert doc.tags == {"price": 10, "size": 3}
