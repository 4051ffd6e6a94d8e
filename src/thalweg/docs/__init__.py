"""Typed documents, usable alone."""

from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import AnyDoc, BaseDoc

__all__ = ["AnyDoc", "BaseDoc", "DocList", "DocVec"]
