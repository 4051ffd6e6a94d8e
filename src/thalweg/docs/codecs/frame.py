"""Documents as data frames of pandas and Polars.

In pandas the fields of a nested document are columns of their own, such as `author__name`; a document within a document of
its own class stays in one. Polars has structs, so nested documents stay whole; the other form is read as well.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from thalweg.docs.codecs.columns.layout import Documents, Group, Nested, Values
from thalweg.docs.codecs.columns.reader import Reader
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import AnyDoc, BaseDocWithoutId, contents
from thalweg.docs.extras import load_extra
from thalweg.docs.fields import FieldKind, Holds, field_kinds
from thalweg.docs.row import detach

Tree: TypeAlias = dict[str, Any]
"""Name of a field -> its values, or the Tree of a nested document."""

_INT64 = range(-(1 << 63), 1 << 63)


class _Leaf(NamedTuple):
    """A column: the names that lead to its field, and what the field holds."""

    path: tuple[str, ...]
    kind: FieldKind


# --- pandas, written


def to_pandas(docs: DocList[Any] | DocVec[Any]) -> Any:
    """A `pandas.DataFrame` with a row for each document.

    Numbers, text and times have pandas' own types, those that know missing values where a field may be None (for floats
    that is NaN). Anything else, such as tensors and lists, is kept as it is, as objects.

    Raises:
        TypeError: the list is untyped.
    """
    pd = load_extra("pandas", "pandas", "Data frames")
    doc_type = docs.doc_type
    if doc_type is AnyDoc:
        raise TypeError("a data frame needs a typed list, such as DocList[MyDoc]")
    rows = docs.to_doc_list() if isinstance(docs, DocVec) else [detach(doc) for doc in docs]
    levels: dict[tuple[str, ...], list[Any]] = {(): rows}
    columns = {}
    for path, kind in _leaves(doc_type, (doc_type,), ()):
        columns["__".join(path)] = _series(pd, kind, _values(levels, path))
    for name in _more(rows):
        columns[name] = _objects(pd, [contents(doc).get(name) for doc in rows])
    return pd.DataFrame(columns)


def _leaves(
    doc_type: type[BaseDocWithoutId], within: tuple[type[BaseDocWithoutId], ...], above: tuple[str, ...]
) -> Iterator[_Leaf]:
    for name, kind in field_kinds(doc_type).items():
        if doc_type.model_fields[name].exclude:
            continue
        if kind.holds is Holds.DOCUMENT and kind.type not in within and _closed(kind.type):
            yield from _leaves(kind.type, (*within, kind.type), (*above, name))
        else:
            yield _Leaf((*above, name), kind)


def _closed(doc_type: type[BaseDocWithoutId]) -> bool:
    return doc_type.model_config.get("extra") != "allow" and bool(doc_type.model_fields)


def _more(rows: Sequence[Any]) -> list[str]:
    """Names of fields beyond the schema."""
    return list(dict.fromkeys(name for doc in rows for name in doc.__pydantic_extra__ or ()))


def _values(levels: dict[tuple[str, ...], list[Any]], path: tuple[str, ...]) -> list[Any]:
    """The values at a path; `levels` keeps the documents at each beginning of a path."""
    docs = levels.get(path[:-1])
    if docs is None:
        docs = levels[path[:-1]] = list(map(detach, _values(levels, path[:-1])))
    try:
        return [None if doc is None else doc.__dict__[path[-1]] for doc in docs]
    except KeyError:
        raise ValueError(f"a document has no {'.'.join(path)}: it was made without validation") from None


def _series(pd: Any, kind: FieldKind, values: list[Any]) -> Any:
    if kind.type is float:
        return pd.Series(values, dtype="float64")
    missing = any(value is None for value in values)
    if kind.type is bool:
        return pd.Series(values, dtype="boolean" if missing else "bool")
    if kind.type is int and all(value is None or value in _INT64 for value in values):
        return pd.Series(values, dtype="Int64" if missing else "int64")
    if kind.type in (datetime.datetime, datetime.timedelta) or (kind.type is str and values):
        return pd.Series(values)
    return _objects(pd, values)


def _objects(pd: Any, values: list[Any]) -> Any:
    cells = np.empty(len(values), object)
    for number, value in enumerate(values):  # at once, NumPy would stack arrays
        cells[number] = value
    return pd.Series(cells, dtype=object)


# --- Polars, written


def to_polars(docs: DocList[Any] | DocVec[Any]) -> Any:
    """A `polars.DataFrame` with a row for each document: nested documents are structs, tensors of one shape arrays.

    Raises:
        ValueError: a field holds something that cannot travel.
    """
    pl = load_extra("polars", "polars", "Polars data frames")
    from thalweg.docs.codecs import arrow
    from thalweg.docs.codecs.arrow.plain import plain_table

    return pl.from_arrow(plain_table(arrow.encode(docs), halves=hasattr(pl, "Float16")))


# --- read


def from_frame(data: Any, doc_type: type[BaseDocWithoutId]) -> DocList[Any]:
    """The documents of a pandas or Polars data frame.

    Each column is a field, or a field of a nested document as `author__name`. What pandas holds as missing (None, NaN,
    NaT, NA) is None; in a float field that cannot be None, NaN stays. A nested document that may be None is None where all
    of its columns are. The index is ignored.

    Raises:
        TypeError: it is no data frame, or the list is untyped.
        ValueError: columns are no fields; the message names all of them.
        InvalidDocument: values do not fit; `details` says which row and which field.
    """
    library = type(data).__module__.partition(".")[0]
    if library not in ("pandas", "polars") or not hasattr(data, "columns"):
        raise TypeError(f"a data frame of pandas or Polars is read, not {type(data).__name__}")
    if doc_type is AnyDoc:
        raise TypeError("a data frame needs a typed list, such as DocList[MyDoc]")
    paths = _paths(list(data.columns), doc_type)
    if library == "polars":
        return _from_polars(data, paths, doc_type)
    tree: Tree = {}
    for number, leaf in enumerate(paths):
        _put(tree, leaf.path, _cells(data.iloc[:, number], leaf.kind))
    return from_lists(tree, len(data), doc_type)


def from_lists(tree: Tree, count: int, doc_type: type[BaseDocWithoutId]) -> DocList[Any]:
    """The documents of columns that are lists of `count` values each.

    Raises:
        InvalidDocument: values do not fit; `details` says which row and which field.
    """
    documents = Documents([_group(doc_type, tree, count)])
    reader = Reader([b""])
    reader.granted, reader.cells = True, 1 << 62  # the values are all there: nothing is claimed that is not
    docs = reader.documents(documents, lambda name: doc_type, lambda row: [row])
    return DocList[doc_type].trusted(docs)  # type: ignore[valid-type]


def _paths(names: list[Any], doc_type: type[BaseDocWithoutId]) -> list[_Leaf]:
    """What each column is.

    Raises:
        ValueError: columns are no fields, or two are for one field.
    """
    found = [_path(name, doc_type) for name in names]
    unknown = [str(name) for name, leaf in zip(names, found, strict=True) if leaf is None]
    if unknown:
        raise ValueError(
            f"{', '.join(map(repr, unknown))}: no fields of {doc_type.__name__}, "
            "nor of documents in it as 'author__name' would be"
        )
    leaves = [leaf for leaf in found if leaf is not None]
    paths = {leaf.path for leaf in leaves}
    doubled = [
        "__".join(leaf.path)
        for number, leaf in enumerate(leaves)
        if leaf.path in {other.path for other in leaves[:number]}
        or any(leaf.path[:length] in paths for length in range(1, len(leaf.path)))
    ]
    if doubled:
        raise ValueError(f"{', '.join(map(repr, doubled))}: another column is for the same field")
    return leaves


def _path(name: Any, doc_type: type[BaseDocWithoutId]) -> _Leaf | None:
    kinds = field_kinds(doc_type)
    if name in kinds:
        return _Leaf((name,), kinds[name])
    if isinstance(name, str):
        for field, kind in kinds.items():
            if kind.holds is Holds.DOCUMENT and name.startswith(f"{field}__"):
                rest = _path(name[len(field) + 2 :], kind.type)
                if rest is not None:
                    return _Leaf((field, *rest.path), rest.kind)
        if doc_type.model_config.get("extra") == "allow":
            return _Leaf((name,), FieldKind(Holds.OTHER, Any, True, False))
    return None


def _put(tree: Tree, path: tuple[str, ...], values: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = values


def _cells(series: Any, kind: FieldKind) -> list[Any]:
    """The values of a column, in the types of Python, None where one is missing."""
    values: list[Any] = series.tolist()
    if series.dtype.kind == "M":
        values = [value.to_pydatetime(warn=False) for value in values]
    elif series.dtype.kind == "m":
        values = [value.to_pytimedelta() for value in values]
    missing = series.isna().tolist()
    if not any(missing):
        return values
    stays = kind.type is float and not kind.optional
    return [
        None if gone and not (stays and type(value) is float) else value
        for value, gone in zip(values, missing, strict=True)
    ]


def _group(doc_type: type[BaseDocWithoutId], tree: Tree, count: int) -> Group:
    columns: list[Any] = []
    for name, held in tree.items():
        if not isinstance(held, dict):
            columns.append(Values(name, held))
            continue
        kind = field_kinds(doc_type)[name]
        present = _present(held, count) if kind.optional else []
        nested = _chosen(held, present) if present else held
        rows = sum(present) if present else count
        columns.append(Nested(name, Documents([_group(kind.type, nested, rows)]), present))
    return Group(doc_type.__name__, count, columns)


def _present(tree: Tree, count: int) -> list[bool]:
    """Which rows have a value in any column; empty where all have."""
    found = np.zeros(count, bool)
    for held in tree.values():
        there = _present(held, count) or [True] * count if isinstance(held, dict) else [v is not None for v in held]
        found |= np.array(there, bool)
    return [] if found.all() else found.tolist()


def _chosen(tree: Tree, present: list[bool]) -> Tree:
    return {
        name: _chosen(held, present)
        if isinstance(held, dict)
        else [value for value, there in zip(held, present, strict=True) if there]
        for name, held in tree.items()
    }


def _from_polars(data: Any, paths: list[_Leaf], doc_type: type[BaseDocWithoutId]) -> DocList[Any]:
    from thalweg.docs.codecs import arrow
    from thalweg.docs.codecs.arrow.plain import with_structs

    table = arrow.arrow_table(data)
    if any(len(leaf.path) > 1 for leaf in paths):
        tree: Tree = {}
        for number, leaf in enumerate(paths):
            _put(tree, leaf.path, table.column(number).combine_chunks())
        table = with_structs(tree, _nullable(tree, doc_type, ()))
    return arrow.decode(table, doc_type)


def _nullable(tree: Tree, doc_type: type[BaseDocWithoutId], above: tuple[str, ...]) -> set[tuple[str, ...]]:
    """The paths of nested documents that may be None."""
    found = set()
    for name, held in tree.items():
        if isinstance(held, dict):
            kind = field_kinds(doc_type)[name]
            found |= _nullable(held, kind.type, (*above, name)) | ({(*above, name)} if kind.optional else set())
    return found
