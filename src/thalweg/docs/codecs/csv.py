"""Documents as CSV: a row for each, a column for each field, those of a nested document as `author__name`.

Text, numbers and booleans are themselves, bytes are base64; tensors, lists, dicts and nested lists of documents are JSON. So
is a document within a document of its own class, which would have no end of columns, and one without a schema.

CSV has one thing for nothing and for empty text: an empty cell. It is None where the field may be None, as the word
`None` is; empty text where the field is text that may not; the field's default otherwise. Nor does CSV tell a number from
its digits: in a field that takes both, they come back as text.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import reprlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from os import PathLike, fspath
from typing import IO, Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from thalweg.docs.codecs.failures import LIMIT, error_details, invalid_document
from thalweg.docs.derived import derive
from thalweg.docs.doc_list import DocList
from thalweg.docs.document import AnyDoc, BaseDoc, BaseDocWithoutId
from thalweg.docs.fields import FieldKind, Holds, field_kinds
from thalweg.docs.media.address import scheme_of
from thalweg.docs.media.fetching import fetch
from thalweg.docs.query.suggestion import did_you_mean
from thalweg.docs.whole_file import whole_file
from thalweg.errors import MalformedRequest

CELL = (1 << 31) - 1
"""Characters of one cell. Python's own limit of 131,072 is less than a tensor may take."""

_NOTHING = ("", "None")
_NAMED = 20
"""Columns that a message names at most."""
_short = reprlib.Repr()
_short.maxstring = 200


class _Column(NamedTuple):
    """`path` leads from the document to the field. `optional` are the lengths of those beginnings of it that may be None."""

    path: tuple[str, ...]
    kind: FieldKind
    optional: tuple[int, ...]


def write_csv(docs: DocList[Any], path: str | PathLike[str], dialect: Any) -> None:
    """See `DocList.to_csv`.

    Raises:
        TypeError: the list is untyped.
        ValueError: the dialect is not known, or a value has no form in JSON.
    """
    columns = _columns_of(docs.doc_type)
    _check_dialect(dialect)
    with whole_file(path) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="")
        try:
            rows = csv.writer(text, dialect)
            rows.writerow(columns)
            rows.writerows(_rows(docs, [column.path for column in columns.values()]))
        except csv.Error as error:
            raise ValueError(f"The dialect cannot hold the documents: {error}") from None
        finally:
            text.detach()  # writes what it still holds, and leaves the file open


def read_csv(doc_type: type[BaseDocWithoutId], path: str | PathLike[str], encoding: str, dialect: Any) -> list[Any]:
    """See `DocList.from_csv`.

    Raises:
        TypeError: there is no schema.
        ValueError: a column is no field, the dialect or the encoding is not known, or an address holds too much.
        InvalidDocument: cells do not fit; `details` says which, by line and field.
        MalformedRequest: it is not CSV, or not in that encoding.
        OSError: the file cannot be read.
    """
    columns = _columns_of(doc_type)
    _check_dialect(dialect)
    try:
        # What Excel calls UTF-8 begins with a mark that would become part of the first column's name.
        encoding = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    except LookupError:
        raise ValueError(f"There is no encoding {encoding!r}") from None
    csv.field_size_limit(max(csv.field_size_limit(), CELL))
    with _opened(path) as file, io.TextIOWrapper(file, encoding, newline="") as text:
        lines = csv.reader(text, dialect)
        try:
            return _documents(doc_type, columns, lines)
        except UnicodeDecodeError as error:
            raise MalformedRequest(
                f"The file is not {error.encoding}: behind line {lines.line_num} there is a byte "
                f"0x{error.object[error.start]:02x}. Say what it is, as in encoding='latin-1'."
            ) from None
        except csv.Error as error:
            raise MalformedRequest(f"Line {lines.line_num} is not CSV: {error}.") from None


def _opened(path: str | PathLike[str]) -> IO[bytes]:
    address = fspath(path)
    return io.BytesIO(fetch(address)) if scheme_of(address) else open(address, "rb")


def _check_dialect(dialect: Any) -> None:
    if isinstance(dialect, str) and dialect not in csv.list_dialects():
        raise ValueError(f"There is no dialect {dialect!r}{did_you_mean(dialect, csv.list_dialects())}")


# --- columns


def _columns_of(doc_type: type[BaseDocWithoutId]) -> dict[str, _Column]:
    if doc_type in (AnyDoc, BaseDoc, BaseDocWithoutId):
        raise TypeError("CSV needs a schema for its columns: a typed list, such as DocList[MyDoc]")
    return derive(doc_type, "csv columns", _named)


def _named(doc_type: type[BaseDocWithoutId]) -> dict[str, _Column]:
    columns: dict[str, _Column] = {}
    for column in _leaves(doc_type, (doc_type,), _Column((), FieldKind(Holds.DOCUMENT, doc_type, False, True), ())):
        name = "__".join(column.path)
        if name in columns:
            raise ValueError(f"Two fields of {doc_type.__name__} would have the column {name!r}")
        columns[name] = column
    return columns


def _leaves(
    doc_type: type[BaseDocWithoutId], within: tuple[type[BaseDocWithoutId], ...], above: _Column
) -> Iterator[_Column]:
    for name, kind in field_kinds(doc_type).items():
        if doc_type.model_fields[name].exclude:
            continue
        path = (*above.path, name)
        if kind.holds is Holds.DOCUMENT and kind.type not in within and kind.type.model_config.get("extra") != "allow":
            optional = (*above.optional, len(path)) if kind.optional else above.optional
            yield from _leaves(kind.type, (*within, kind.type), _Column(path, kind, optional))
        else:
            yield _Column(path, kind, above.optional)


# --- written


def _rows(docs: DocList[Any], paths: list[tuple[str, ...]]) -> Iterator[list[str]]:
    for number, doc in enumerate(docs):
        try:
            data = doc.__pydantic_serializer__.to_python(doc, mode="json", by_alias=False)
        except PydanticSerializationError as error:
            raise ValueError(f"Document {number} has no form in CSV: {error}") from None
        yield [_text(_at(data, path)) for path in paths]


def _at(data: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


# --- read


def _documents(doc_type: type[BaseDocWithoutId], known: dict[str, _Column], lines: Any) -> list[Any]:
    names = next(lines, None)
    if not names:
        raise ValueError("The file has no header: its first line names the columns")
    columns = _chosen(doc_type, names, known)
    docs, details = [], []
    for row in lines:
        if not row:
            continue
        if len(row) != len(columns):
            raise MalformedRequest(f"Line {lines.line_num} has {len(row)} cells for {len(columns)} columns.")
        try:
            docs.append(_document(doc_type, columns, row))
        except ValidationError as error:
            details += error_details(error, [f"line {lines.line_num}"])
            if len(details) >= LIMIT:
                break
    if details:
        raise invalid_document(details)
    return docs


def _document(doc_type: type[BaseDocWithoutId], columns: list[_Column], row: list[str]) -> Any:
    validate = doc_type.__pydantic_validator__.validate_json
    try:
        return validate(to_json(_tree(columns, row, set())), by_alias=True, by_name=True)
    except ValidationError as error:
        # What did not fit may be a number, say of an enumeration. The rest stays text, which keeps a `Decimal` exact.
        refused = {item["loc"] for item in error.errors(include_url=False, include_context=False, include_input=False)}
        with suppress(ValidationError):
            return validate(to_json(_tree(columns, row, refused)), by_alias=True, by_name=True)
        raise error


def _chosen(doc_type: type[BaseDocWithoutId], names: list[str], known: dict[str, _Column]) -> list[_Column]:
    strange = [name for name in names if name not in known]
    if strange:
        guess = did_you_mean(strange[0], known) if len(strange) == 1 else ""
        listed = ", ".join(map(_short.repr, strange[:_NAMED])) + (", ..." if len(strange) > _NAMED else "")
        raise ValueError(f"{doc_type.__name__} has no field for the columns {listed}{guess}")
    doubled = sorted(name for name, times in Counter(names).items() if times > 1)
    if doubled:
        raise ValueError(f"The columns {doubled} come more than once")
    return [known[name] for name in names]


def _tree(columns: list[_Column], row: list[str], numbers: set[tuple[Any, ...]]) -> dict[str, Any]:
    """The cells as nested dicts, those at the paths of `numbers` read as JSON where that is what they are.

    A nested document that may be None, and of which every cell is empty, is None.
    """
    tree: dict[str, Any] = {}
    filled = {
        column.path[:depth] for column, cell in zip(columns, row, strict=True) if cell for depth in column.optional
    }
    for column, cell in zip(columns, row, strict=True):
        path, inner = column.path, tree
        for depth, name in enumerate(path[:-1], 1):
            if depth in column.optional and path[:depth] not in filled:
                inner[name] = None
                break
            inner = inner.setdefault(name, {})
        else:
            _put(inner, path[-1], column.kind, cell, path in numbers)
    return tree


def _put(inner: dict[str, Any], name: str, kind: FieldKind, cell: str, number: bool) -> None:
    if cell not in _NOTHING:
        inner[name] = _value(kind, cell, number)
    elif kind.optional or kind.type is Any:
        inner[name] = None
    elif kind.holds is Holds.SCALAR and kind.type in (str, bytes):
        inner[name] = cell


def _value(kind: FieldKind, cell: str, number: bool) -> Any:
    """What JSON would hold. What is no JSON stays text, for pydantic to make something of it or to say what is wrong."""
    if kind.holds is Holds.SCALAR or (kind.holds is Holds.OTHER and not number and cell[:1] not in ("[", "{")):
        return cell
    try:
        return from_json(cell)
    except ValueError:
        return cell
