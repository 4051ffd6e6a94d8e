"""Documents in the place of a payload, for whoever reads them in the same process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thalweg.docs.codecs import columns
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import AnyDoc, BaseDocWithoutId
from thalweg.errors import MalformedRequest


class Objects(bytes):
    """A payload that is the documents themselves. As bytes it is empty."""

    documents: DocList[Any] | DocVec[Any]

    @classmethod
    def of(cls, documents: DocList[Any] | DocVec[Any]) -> Objects:
        objects = cls()
        objects.documents = documents
        return objects


def taken_over(body: Sequence[object], doc_type: type[BaseDocWithoutId] | None) -> DocList[Any]:
    """The very documents of `body`, where they are of that class (`AnyDoc` where it is None). Others go the way that they
    would go between two processes, and come out as copies.

    Raises:
        InvalidDocument: they do not fit the class.
        MalformedRequest: the body holds no documents.
    """
    wanted = doc_type or AnyDoc
    if not body:
        return DocList[wanted]()  # type: ignore[valid-type]
    objects = body[0]
    if not isinstance(objects, Objects):
        raise MalformedRequest("The body holds no documents of this process.")
    documents = objects.documents
    if isinstance(documents, DocVec):
        if issubclass(documents.doc_type, wanted):
            return documents.to_doc_list()
    elif documents.doc_type is wanted and wanted is not AnyDoc:
        # What a list says of its documents is true of all of them; one that names no class says nothing.
        return documents
    elif all(isinstance(document, wanted) for document in documents):
        return DocList[wanted].trusted(list(documents))  # type: ignore[valid-type]
    return columns.decode(columns.encode(documents), doc_type)
