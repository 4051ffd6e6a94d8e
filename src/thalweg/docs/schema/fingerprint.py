"""What identifies the schema of a document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema

from thalweg.docs.annotation import documents_in, written_field
from thalweg.docs.derived import derive
from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.fields import ready
from thalweg.docs.schema.definitions import Definitions


def fingerprint(doc_type: type[BaseDocWithoutId]) -> str:
    """64 hexadecimal digits that are the same for the same fields of the same types, in every process.

    They follow the names, types and constraints of fields, whether each is required, and those of the documents in
    them. Titles, descriptions, examples, defaults, the order of fields and the name of the class itself do not count.
    """
    return derive(doc_type, "fingerprint", _fingerprint)


class _Lenient(GenerateJsonSchema):
    """Goes on where a type has no JSON form: its name is in the annotation."""

    def handle_invalid_for_json_schema(self, schema: CoreSchema, error_info: str) -> JsonSchemaValue:
        return {}


def _fingerprint(doc_type: type[BaseDocWithoutId]) -> str:
    schema = doc_type.model_json_schema(schema_generator=_Lenient)
    content = Definitions(schema, with_defaults=False).content(schema)
    # JSON does not tell a list from a DocList, nor text from an address.
    return sha256(json.dumps([content, list(_types(doc_type))]).encode()).hexdigest()


def _types(doc_type: type[BaseDocWithoutId]) -> Iterator[Any]:
    """Name and type of each field of each class, in the order in which the classes are met."""
    seen = [doc_type]
    for found in seen:  # grows while it is read
        ready(found)
        fields = sorted(found.model_fields.items())
        yield [[name, written_field(field)] for name, field in fields]
        for _, field in fields:
            seen.extend(nested for nested in documents_in(field.annotation) if nested not in seen)
