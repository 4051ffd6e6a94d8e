"""Typed documents, usable alone."""

from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import AnyDoc, BaseDoc, BaseDocWithoutId
from thalweg.docs.merging import reduce, reduce_all

__all__ = ["AnyDoc", "BaseDoc", "BaseDocWithoutId", "DocList", "DocVec", "reduce", "reduce_all"]
