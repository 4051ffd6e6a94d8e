"""JSON schemas of documents: what identifies one, and classes made of one."""

from thalweg.docs.schema.fingerprint import fingerprint
from thalweg.docs.schema.pure import create_pure_python_type_model
from thalweg.docs.schema.rebuild import create_base_doc_from_schema

__all__ = ["create_base_doc_from_schema", "create_pure_python_type_model", "fingerprint"]
