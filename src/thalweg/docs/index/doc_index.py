"""The document index: documents of one class that are kept, and found by vectors, conditions and words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from threading import RLock
from types import GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, overload

import numpy as np
from pydantic import ValidationError

from thalweg.docs.derived import derived, keep
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import AnyDoc, BaseDoc, BaseDocWithoutId, contents
from thalweg.docs.index.builder import Query, QueryBuilder, query_from
from thalweg.docs.index.collection import Collection, Layout, Unsupported
from thalweg.docs.index.fusion import fused
from thalweg.docs.index.level import Found, Level
from thalweg.docs.index.outline import Ability, Outline, outline_of
from thalweg.docs.index.records import keys_below, records_of
from thalweg.docs.query.metric import Metric
from thalweg.docs.query.result import FindResult, FindResultBatched, SubindexFindResult
from thalweg.docs.row import detach

T_doc = TypeVar("T_doc", bound=BaseDoc)
_DEEPER = 4
_DEEPEST_AT_LEAST = 50


class DocIndex(ABC, Generic[T_doc]):
    """Keeps documents of one class and finds them again. Subscribe a kind of index with the class: `Kind[MyDoc](...)`.

    Fields that are tensors of a known size are searched by nearness, text and numbers by conditions and words, documents
    inside of documents by paths such as `author__name`, and lists of documents (`DocList` fields) as subindexes of their
    own. Whatever else there is in a document is kept with it. Documents come back as they went in.

    `find` and the like return the best first; how scores are to be read says the field's metric (`Metric`), the same for
    every kind of index. Limits are exact; None or -1 means all. Methods may be called from several threads.

    Options are those of the kind's `DBConfig`, given as one object, by name, or both.

    Raises:
        ValueError: without a class of document, or for one that cannot be indexed; the message says what to write.
        TypeError: an unknown option.
        LayoutMismatch: what the database keeps under this name was made for another class of document.
    """

    collection_type: ClassVar[type[Collection]]
    """What keeps the records."""

    default_metric: ClassVar[Metric] = Metric.COSINE
    """How vectors are compared where the field does not say."""

    doc_type: ClassVar[type[BaseDoc]]
    """The class of the documents."""

    @dataclass
    class DBConfig:
        """What stays as it is for the life of an index.

        `default_column_config` has options for each type of column: those of a field win over them. Keys are Python types
        (`np.ndarray` for vectors) and the names that `Field(col_type=...)` may choose.
        """

        index_name: str | None = None
        default_column_config: dict[Any, dict[str, Any]] = field(default_factory=dict)

    @dataclass
    class RuntimeConfig:
        """What `configure` changes. `batch_size` is the number of documents that are written at once."""

        batch_size: int = 1000

    if not TYPE_CHECKING:

        def __class_getitem__(cls, item: Any) -> Any:
            if isinstance(item, tuple) and len(item) == 1:
                item = item[0]
            if isinstance(item, TypeVar):
                return super().__class_getitem__(item) if cls is DocIndex else GenericAlias(cls, (item,))
            if "doc_type" in vars(cls):
                raise TypeError(f"{cls.__name__} has a class of document already")
            if not isinstance(item, type) or not issubclass(item, BaseDoc) or issubclass(item, AnyDoc):
                raise ValueError(
                    f"{cls.__name__}[...] takes a subclass of BaseDoc with fields of its own, not {item!r}"
                )
            found = derived(item, cls)
            if found is None:
                name = f"{cls.__name__}[{item.__name__}]"
                namespace = {"__module__": cls.__module__, "__qualname__": name, "doc_type": item}
                found = keep(item, cls, type(cls)(name, (cls,), namespace))
            return found

    def __init__(self, db_config: DBConfig | None = None, **options: Any) -> None:
        if not hasattr(self, "doc_type"):
            name = type(self).__name__
            raise ValueError(f"{name} needs the class of its documents: {name}[MyDoc](...)")
        self.db_config = _configured(db_config or self.DBConfig(), options)
        self.runtime_config = self.RuntimeConfig()
        self._writing = RLock()
        ability = Ability(self.collection_type, self.default_metric, self.db_config.default_column_config)
        outline = outline_of(self.doc_type, self.index_name, ability)
        self._outline: Outline = outline
        self._levels: dict[str, Level] = {}
        try:
            for level in outline.levels():
                opened = self.open_collection(level.layout)
                self._levels[level.layout.name] = Level(level, opened, nested=level is not outline)
        except BaseException:
            self.close()
            raise
        self._root = self._levels[outline.layout.name]

    @abstractmethod
    def open_collection(self, layout: Layout) -> Collection:
        """Open the collection of a layout as `self.db_config` says, and make it where there is none."""

    @property
    def index_name(self) -> str:
        """What the collection is called in the database: as configured, else the name of the class in lower case."""
        return self.db_config.index_name or self.doc_type.__name__.lower()

    def configure(self, runtime_config: RuntimeConfig | None = None, **options: Any) -> None:
        """Change what may change while it runs.

        Raises:
            TypeError: an unknown option.
        """
        self.runtime_config = _configured(runtime_config or self.runtime_config, options)

    # --- documents go in

    def index(self, docs: T_doc | Iterable[T_doc | Mapping[str, Any]]) -> None:
        """Keep documents, in place of those with the same ids; they are found as soon as this returns.

        `docs` is one document or any iterable of them, a generator as well: they are written in batches. Documents of
        another class are taken where their fields fit.

        Raises:
            ValueError: a document that does not fit, has no id, or holds a value that cannot be indexed. Batches before
                its own are kept, its own is not.
        """
        given: Iterable[Any]
        if isinstance(docs, (BaseDocWithoutId, Mapping)):
            given = [docs]
        else:
            given = docs.to_doc_list() if isinstance(docs, DocVec) else docs
        iterator = iter(given)
        while batch := list(islice(iterator, self.runtime_config.batch_size)):
            self._put([self._accepted(doc) for doc in batch])

    def update(self, key: str | None, /, **changes: Any) -> None:
        """Set fields of the document with this id; what is not named stays as it is.

        Raises:
            KeyError: there is no such document.
            ValueError: a field that is not there, its id, or a value that does not fit.
        """
        with self._writing:
            doc = self[key]
            for name, value in changes.items():
                if name not in self.doc_type.model_fields or name == "id":
                    raise ValueError(f"{name!r} is no field of {self.doc_type.__name__} that can be changed")
                setattr(doc, name, value)
            self._put([doc])

    def _accepted(self, doc: Any) -> Any:
        doc = detach(doc)
        if isinstance(doc, self.doc_type):
            return doc
        if isinstance(doc, BaseDocWithoutId):
            held = contents(doc)
        elif isinstance(doc, Mapping):
            held = dict(doc)
        else:
            raise ValueError(f"an index takes documents, not {type(doc).__name__}")
        try:
            return self.doc_type.model_validate(held)
        except ValidationError as error:
            kind = type(doc).__name__
            raise ValueError(f"{kind} does not fit the index of {self.doc_type.__name__}: {error}") from None

    def _put(self, docs: list[Any]) -> None:
        made = records_of(docs, self._outline)
        if not self._outline.lists:
            self._root.collection.put(made[self._outline.layout.name])
            return
        with self._writing:
            self._forget_below([doc.id for doc in docs])
            for name, records in made.items():
                if records:
                    self._levels[name].collection.put(records)

    def _forget_below(self, keys: Sequence[str]) -> None:
        """Delete the records of all documents in the lists of these."""
        doomed: dict[str, list[str]] = {}
        for payload in self._root.collection.get(keys):
            if payload is not None:
                for name, below in keys_below(self._root.kept(payload).document, self._outline).items():
                    doomed.setdefault(name, []).extend(below)
        for name, below in doomed.items():
            if below:
                self._levels[name].collection.delete(below)

    # --- documents come out by their ids

    @overload
    def get(self, key: str | None) -> T_doc | None: ...  # type: ignore[overload-overlap]  # a str is a sequence of str
    @overload
    def get(self, key: Sequence[str | None]) -> list[T_doc | None]: ...
    def get(self, key: str | Sequence[str | None] | None) -> T_doc | list[T_doc | None] | None:
        """The document with this id, or None; for several ids a list in their order."""
        keys = self._keys(key)
        there = dict(zip(asked := [each for each in keys if each], self._root.collection.get(asked), strict=True))
        payloads = map(there.get, keys)
        found = [None if payload is None else self._root.kept(payload).document for payload in payloads]
        return found[0] if key is None or isinstance(key, str) else found

    @overload
    def __getitem__(self, key: str | None) -> T_doc: ...  # type: ignore[overload-overlap]  # as above
    @overload
    def __getitem__(self, key: Iterable[str | None]) -> DocList[T_doc]: ...
    def __getitem__(self, key: str | Iterable[str | None] | None) -> T_doc | DocList[T_doc]:
        """The document with this id; for several ids a DocList in their order. No document has the id None.

        Raises:
            KeyError: one or more of them are not there; the message names all of these.
        """
        keys = self._keys(key)
        found = self.get(keys)
        _require(keys, [doc is not None for doc in found])
        docs: list[Any] = list(found)
        return docs[0] if key is None or isinstance(key, str) else self._listed(docs)

    def __delitem__(self, key: str | Iterable[str | None] | None) -> None:
        """Forget the documents with these ids, and all in their lists.

        Raises:
            KeyError: one or more of them are not there. Then none is forgotten.
        """
        keys = self._keys(key)
        with self._writing:
            _require(keys, [doc is not None for doc in self.get(keys)])
            self.delete(keys)

    def delete(self, key: str | Iterable[str | None] | None) -> None:
        """Forget the documents with these ids, and all in their lists; ids that are not there are ignored."""
        keys = [each for each in self._keys(key) if each]
        with self._writing:
            if self._outline.lists:
                self._forget_below(keys)
            self._root.collection.delete(keys)

    def __contains__(self, item: object) -> bool:
        """Whether there is a document with this id, or with the id of this document."""
        return self._root.holds(_identity(item))

    def subindex_contains(self, item: T_doc | BaseDoc | str) -> bool:
        """Whether a document with this id is in the index, or in a list of one that is, however deep."""
        identity = _identity(item)
        return any(level.holds(identity) for level in self._levels.values())

    def num_docs(self) -> int:
        """The number of documents; those in lists of others do not count."""
        return self._root.collection.count()

    def __len__(self) -> int:
        return self.num_docs()

    def __bool__(self) -> bool:
        return True  # an index that is empty is still an index

    def __iter__(self) -> Iterator[T_doc]:
        """Every document, in no particular order, fetched page by page."""
        return self._root.all()

    def _keys(self, key: Any) -> list[str]:
        """Ids as a list. The empty text stands for None: neither is any document's id."""
        keys = [key] if key is None or isinstance(key, str) else list(key)
        for each in keys:
            if each is not None and not isinstance(each, str):
                raise TypeError(f"documents are found by their ids, which are str, not by {type(each).__name__}")
        return ["" if each is None else each for each in keys]

    def _listed(self, docs: Iterable[Any]) -> DocList[T_doc]:
        listed: DocList[T_doc] = DocList[self.doc_type].trusted(docs)  # type: ignore[name-defined]
        return listed

    # --- documents are found by vectors

    def find(
        self, query: Any, search_field: str = "", limit: int | None = 10, *, filter_query: Any = None
    ) -> FindResult[DocList[T_doc]]:
        """The documents whose vector in `search_field` is nearest to `query`.

        Args:
            query: a tensor, a list of numbers, or a document of which the same field is taken.
            search_field: the field, such as `embedding` or `image__embedding`. May be left out where there is only one.
            filter_query: only documents that fulfil this are looked at, as in `filter`.

        Raises:
            ValueError: an unknown field, or a query of another size.
            Unsupported: a NotImplementedError; the database cannot ask `filter_query`.
        """
        column = self._root.vector(search_field)
        (found,) = self._root.nearest(column, self._root.queries([query], column), limit, filter_query)
        return self._result(found)

    def metric(self, search_field: str = "") -> Metric:
        """How the vectors of a field are compared, and so how its scores are to be read.

        Raises:
            ValueError: an unknown field.
        """
        return self._outline.layout.vector(self._root.vector(search_field)).metric

    def find_batched(
        self, queries: Any, search_field: str = "", limit: int | None = 10, *, filter_query: Any = None
    ) -> FindResultBatched[DocList[T_doc]]:
        """What `find` gives for each row of a two-dimensional tensor, or for each of a sequence of queries."""
        column = self._root.vector(search_field)
        found = self._root.nearest(column, self._root.queries(queries, column), limit, filter_query)
        results = [self._result(one) for one in found]
        return FindResultBatched([result.documents for result in results], [result.scores for result in results])

    def find_subindex(
        self,
        query: Any,
        subindex: str = "",
        search_field: str = "",
        limit: int | None = 10,
        *,
        filter_query: Any = None,
    ) -> SubindexFindResult[DocList[T_doc]]:
        """The documents in lists whose vectors are nearest, each with the document of the index that holds it.

        Args:
            subindex: the list, such as `chapters`, or `chapters__paragraphs` for lists inside of lists, to any depth.
        """
        level = self._below(subindex)
        column = level.vector(search_field)
        (found,) = level.nearest(column, level.queries([query], column), limit, filter_query)
        roots = dict.fromkeys(one.root for one in found)
        held = dict(zip(roots, self.get(list(roots)), strict=True))
        present = [one for one in found if held[one.root] is not None]  # another thread may just have deleted it
        return SubindexFindResult(
            self._listed(held[one.root] for one in present),
            DocList[level.outline.doc_type].trusted([one.document for one in present]),  # type: ignore[name-defined]
            _scores(present),
        )

    def _below(self, subindex: str) -> Level:
        return self._levels[self._outline.below(subindex).layout.name]

    def _result(self, found: Sequence[Found]) -> FindResult[DocList[T_doc]]:
        return FindResult(self._listed(one.document for one in found), _scores(found))

    # --- by conditions

    def filter(self, filter_query: Any, limit: int | None = 10) -> DocList[T_doc]:
        """Documents that fulfil a condition, in no particular order.

        Args:
            filter_query: a dict such as `{"price": {"$lt": 50}}` (see `thalweg.docs.query`), the same as JSON, a
                Condition, or the database's own language where it has one.

        Raises:
            ValueError: it cannot be read, or does not fit the documents.
            Unsupported: a NotImplementedError; the database cannot ask this.
        """
        return self._listed(kept.document for kept in self._root.select(filter_query, limit))

    def filter_batched(self, filter_queries: Iterable[Any], limit: int | None = 10) -> list[DocList[T_doc]]:
        """What `filter` gives for each query."""
        return [self.filter(query, limit) for query in filter_queries]

    def filter_subindex(self, filter_query: Any, subindex: str, limit: int | None = 10) -> DocList[Any]:
        """Documents in lists that fulfil a condition. `parent_id` is the id of the document whose list it is."""
        level = self._below(subindex)
        docs = [kept.document for kept in level.select(filter_query, limit)]
        return DocList[level.outline.doc_type].trusted(docs)  # type: ignore[name-defined]

    # --- by words

    def text_search(
        self, query: str | BaseDoc, search_field: str = "", limit: int | None = 10, *, filter_query: Any = None
    ) -> FindResult[DocList[T_doc]]:
        """The documents whose text in `search_field` has words of `query`, the most relevant first.

        Raises:
            Unsupported: a NotImplementedError; the database does not search for words.
        """
        return self._result(self._matched(query, search_field, limit, filter_query))

    def text_search_batched(
        self,
        queries: Iterable[str | BaseDoc],
        search_field: str = "",
        limit: int | None = 10,
        *,
        filter_query: Any = None,
    ) -> FindResultBatched[DocList[T_doc]]:
        """What `text_search` gives for each query."""
        results = [self.text_search(query, search_field, limit, filter_query=filter_query) for query in queries]
        return FindResultBatched([result.documents for result in results], [result.scores for result in results])

    def _matched(self, query: Any, search_field: str, limit: int | None, filter_query: Any) -> list[Found]:
        column = self._root.words(search_field)
        text = query if isinstance(query, str) else getattr(query, column, None)
        if not isinstance(text, str):
            raise ValueError(f"a search for words takes text, or a document with text in {column!r}, not {query!r}")
        return self._root.match(column, text, limit, filter_query)

    # --- by several of these at once

    def hybrid_search(
        self,
        query: Any,
        text: str,
        search_field: str = "",
        text_field: str = "",
        limit: int = 10,
        *,
        weights: tuple[float, float] = (1.0, 1.0),
        filter_query: Any = None,
    ) -> FindResult[DocList[T_doc]]:
        """The documents that are near to a vector, have words of a text, or both.

        Scores are those of reciprocal rank fusion: the sum of `weight / (60 + rank)` over both rankings, of which the
        first four times `limit` (but at least 50) count; `weights` are those of nearness and of words.
        """
        builder = self.build_query().find(query, search_field, weight=weights[0])
        builder.text_search(text, text_field, weight=weights[1])
        if filter_query is not None:
            builder.filter(filter_query)
        return self.execute_query(builder.build(limit))

    def build_query(self) -> QueryBuilder:
        """Begin a query of several parts."""
        return QueryBuilder()

    def execute_query(
        self, query: Query | QueryBuilder | Sequence[tuple[str, Mapping[str, Any]]]
    ) -> FindResult[DocList[T_doc]]:
        """Answer a query that `build_query` began, or a list of names of methods and their arguments.

        Where it is made of conditions alone every score is 1.

        Raises:
            Unsupported: a NotImplementedError; a part that the database cannot answer.
        """
        if isinstance(query, QueryBuilder):
            query = query.build()
        elif isinstance(query, (list, tuple)) and not isinstance(query, Query):
            query = query_from(query)
        if not isinstance(query, Query):
            raise Unsupported(
                f"{type(query).__name__} is no query that {type(self).__name__} runs; put one together with build_query, or "
                "hand on conditions in the database's own language to `filter`"
            )
        limit = self._root.limit(query.limit)
        condition = self._root.condition(*query.filters)
        if not query.rankings:
            docs = [kept.document for kept in self._root.select(condition, limit)]
            return FindResult(self._listed(docs), np.ones(len(docs)))
        depth = limit if len(query.rankings) == 1 else max(_DEEPER * limit, _DEEPEST_AT_LEAST)
        rankings = [self._ranked(part, depth, condition) for part in query.rankings]
        if len(rankings) == 1:
            return self._result(rankings[0])
        docs_by_key = {found.document.id: found.document for ranking in rankings for found in ranking}
        keys = [[found.document.id for found in ranking] for ranking in rankings]
        best = fused(keys, [part.weight for part in query.rankings])[:limit]
        scores = np.array([score for _, score in best], np.float64)
        return FindResult(self._listed(docs_by_key[key] for key, _ in best), scores)

    def _ranked(self, part: Any, limit: int, condition: Any) -> list[Found]:
        if part.text is not None:
            return self._matched(part.text, part.search_field, limit, condition)
        column = self._root.vector(part.search_field)
        return self._root.nearest(column, self._root.queries([part.query], column), limit, condition)[0]

    # --- the index itself

    def persist(self) -> None:
        """Make what was indexed survive the end of this process. Databases do so by themselves."""
        for level in self._levels.values():
            level.collection.flush()

    def drop(self) -> None:
        """Forget all documents and the index itself."""
        for level in self._levels.values():
            level.collection.drop()

    def close(self) -> None:
        """Let go of files and connections. What was indexed stays where the database keeps it."""
        for level in self._levels.values():
            level.collection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.index_name!r}>"


def _configured(config: Any, options: Mapping[str, Any]) -> Any:
    known = [each.name for each in fields(config)]
    for name in options:
        if name not in known:
            raise TypeError(f"{name!r} is no option of {type(config).__qualname__}; there are {', '.join(known)}")
    return replace(config, **options)


def _identity(item: object) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, BaseDocWithoutId):
        return str(getattr(item, "id", None) or "")
    raise TypeError(f"an index holds documents: ask for one or for its id, not for {type(item).__name__}")


def _require(keys: Sequence[str], there: Sequence[bool]) -> None:
    missing = [key for key, found in zip(keys, there, strict=True) if not found]
    if missing:
        raise KeyError(f"no document with the id {', '.join(map(repr, missing))}")


def _scores(found: Sequence[Found]) -> np.ndarray[Any, Any]:
    return np.array([one.score for one in found], np.float64)
