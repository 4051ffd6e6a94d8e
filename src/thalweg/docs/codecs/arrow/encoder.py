"""Documents into tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thalweg.docs.codecs.arrow.forms import column_of, inferred, structs_of
from thalweg.docs.codecs.arrow.library import pa
from thalweg.docs.codecs.arrow.packed import packed_value
from thalweg.docs.codecs.arrow.tensors import Written
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import AnyDoc, BaseDocWithoutId, contents
from thalweg.docs.fields import field_kinds
from thalweg.docs.row import class_of, detach

DOCUMENT, ABSENT = b"thalweg.document", b"thalweg.absent"


def encode(docs: DocList[Any] | DocVec[Any]) -> Any:
    """The documents as a `pyarrow.Table`, a column for each field.

    The tensors of a DocVec are not copied (but booleans, which Arrow packs): the table shows what is written to them
    later. Columns without any value of a field whose type only values tell, such as a tensor, are of type null.

    Raises:
        ValueError: a field holds something that cannot travel; or there are no fields, which a table cannot count.
    """
    try:
        if isinstance(docs, DocVec):
            return _table(docs.doc_type, structs_of(docs.doc_type).columns(docs._columns), set())
        doc_type = docs.doc_type
        if doc_type is AnyDoc:
            kinds = {class_of(type(doc)) for doc in docs}
            doc_type = kinds.pop() if len(kinds) == 1 else AnyDoc
        if doc_type.model_config.get("extra") == "allow":
            return _open_table(doc_type, [contents(detach(doc)) for doc in docs])
        return _table(doc_type, structs_of(doc_type).fields([detach(doc).__dict__ for doc in docs]), set())
    except RecursionError:
        raise ValueError("documents are nested too deep, or contain themselves") from None


def _open_table(doc_type: type[BaseDocWithoutId], spaces: Sequence[dict[str, Any]]) -> Any:
    """The table of documents with fields beyond their schema. A field that only some have is null in the others."""
    declared = structs_of(doc_type)
    columns = {} if doc_type is AnyDoc else declared.fields(spaces)
    names = dict.fromkeys(name for space in spaces for name in space)
    absent = set()
    for name in [name for name in names if name not in columns]:
        values = [space[name] for space in spaces if name in space]
        form = declared.forms.get(name) or inferred(values)
        if len(values) < len(spaces):
            absent.add(name)
            if any(value is None for value in values):  # null must not mean two things
                columns[name] = _packed(name, spaces)
                continue
            values = [space.get(name) for space in spaces]
        columns[name] = column_of(name, form, values)
    return _table(doc_type, columns, absent)


def _packed(name: str, spaces: Sequence[dict[str, Any]]) -> Written:
    return Written(
        pa.array([packed_value(space[name]) if name in space else None for space in spaces], pa.binary()), {}
    )


def _table(doc_type: type[BaseDocWithoutId], columns: dict[str, Written], absent: set[str]) -> Any:
    if not columns:
        raise ValueError(f"{doc_type.__name__} has no fields, and a table without columns does not tell its length")
    kinds = field_kinds(doc_type)
    fields = []
    for name, (array, metadata) in columns.items():
        needed = name in kinds and not kinds[name].optional and doc_type.model_fields[name].annotation is not Any
        more = {**metadata, ABSENT: b"1"} if name in absent else metadata
        nullable = not needed or bool(array.null_count) or pa.types.is_null(array.type)
        fields.append(pa.field(name, array.type, nullable, more or None))
    schema = pa.schema(fields, {DOCUMENT: doc_type.__name__.encode()})
    return pa.Table.from_arrays([column.array for column in columns.values()], schema=schema)
