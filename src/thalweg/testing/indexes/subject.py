"""What is checked, what a check is, and the documents that checks use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias
from uuid import uuid4

import numpy as np
from pydantic import Field

from thalweg.docs import BaseDoc, DocList
from thalweg.docs.index import DocIndex
from thalweg.docs.typing import TextUrl
from thalweg.docs.typing.shape import Shape
from thalweg.docs.typing.tensor import tensor_type

SIZE = 6
"""Numbers in the vectors of the checks."""

Vector: TypeAlias = Annotated[np.ndarray[Any, Any], tensor_type("numpy", Shape((6,)))]


class Paragraph(BaseDoc):
    words: str
    vector: Vector


class Chapter(BaseDoc):
    title: str
    number: int = 0
    vector: Vector | None = None
    paragraphs: DocList[Paragraph] = DocList[Paragraph]()


class Author(BaseDoc):
    name: str
    born: int | None = None


class Book(BaseDoc):
    """Something of everything: what a condition can ask about, and what is only kept."""

    title: str
    pages: int = 0
    price: float | None = None
    sold: bool = False
    labels: list[str] = Field(default_factory=list)
    author: Author | None = None
    url: TextUrl | None = None
    notes: dict[str, Any] = Field(default_factory=dict)
    cover: bytes = b""
    picture: Annotated[np.ndarray[Any, Any], tensor_type("numpy", Shape(("height", "width", 3)))] | None = None
    vector: Vector | None = None


class Shelf(BaseDoc):
    """Lists in lists in lists."""

    name: str
    vector: Vector
    chapters: DocList[Chapter] = DocList[Chapter]()


class Library(BaseDoc):
    name: str
    vector: Vector | None = None
    shelves: DocList[Shelf] = DocList[Shelf]()


class Plain(BaseDoc):
    """One vector and one text."""

    text: str = ""
    number: int = 0
    vector: Vector = Field(json_schema_extra={"space": "cosine"})


@dataclass(frozen=True)
class IndexSubject:
    """A kind of index to check.

    Args:
        name: what to call it in messages.
        kind: the class, not subscribed.
        options: makes the options of an index that is not there yet; called once for each check. `index_name` is added.
        persistent: what was indexed is there when the index is closed and opened again with the same options.
        lacks: names of checks that the database cannot pass, each with the reason.
    """

    name: str
    kind: Any
    options: Callable[[], Mapping[str, Any]] = dict
    persistent: bool = False
    lacks: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def opened(self, doc_type: type[BaseDoc], docs: Any = ()) -> Iterator[DocIndex[Any]]:
        """A new index that holds `docs`; dropped at the end."""
        with self.again(doc_type, {"index_name": f"check{uuid4().hex[:12]}", **self.options()}) as index:
            index.index(docs)
            yield index

    @contextmanager
    def again(self, doc_type: type[BaseDoc], options: Mapping[str, Any], drop: bool = True) -> Iterator[DocIndex[Any]]:
        """An index with these options, closed at the end."""
        index = self.kind[doc_type](**options)
        try:
            yield index
        finally:
            if drop:
                index.drop()
            index.close()

    @property
    def searches_words(self) -> bool:
        return bool(self.kind.collection_type.searches_words)


@dataclass(frozen=True)
class IndexCheck:
    """One thing that every index does. Call it with a subject; `AssertionError` says what was wrong."""

    name: str
    function: Callable[[IndexSubject], None]
    needs: Callable[[IndexSubject], bool]

    def applies(self, subject: IndexSubject) -> bool:
        return self.name not in subject.lacks and self.needs(subject)

    def __call__(self, subject: IndexSubject) -> None:
        self.function(subject)


INDEX_CHECKS: list[IndexCheck] = []
"""Every check there is, in the order in which they make sense to read."""


def index_check(
    needs: Callable[[IndexSubject], bool] = lambda subject: True,
) -> Callable[[Callable[[IndexSubject], None]], Callable[[IndexSubject], None]]:
    """Add a function to `INDEX_CHECKS`."""

    def add(function: Callable[[IndexSubject], None]) -> Callable[[IndexSubject], None]:
        INDEX_CHECKS.append(IndexCheck(getattr(function, "__name__", repr(function)), function, needs))
        return function

    return add


def check_index(subject: IndexSubject) -> None:
    """Run every check that applies. Raises an `ExceptionGroup` of what was wrong, each with the name of its check."""
    wrong: list[Exception] = []
    for one in INDEX_CHECKS:
        if one.applies(subject):
            try:
                one(subject)
            except Exception as error:
                error.add_note(f"in the check {one.name}")
                wrong.append(error)
    if wrong:
        raise ExceptionGroup(f"{subject.name} does not do what an index must", wrong)


def raised(kind: type[Exception], call: Callable[[], Any]) -> Exception:
    """The exception of this kind that `call` raises."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was to be raised")


def vectors(count: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """Vectors that are always the same for one seed."""
    return np.random.default_rng(seed).normal(size=(count, SIZE)).astype(np.float32)


def books(count: int = 10) -> DocList[Book]:
    """Books `b0`, `b1` and so on. Every third has no author, every fifth no vector."""
    made = [
        Book(
            id=f"b{n}",
            title=f"Book number {n}",
            pages=10 * n,
            price=n / 2 if n % 4 else None,
            sold=n % 2 == 0,
            labels=[f"label{n % 3}", "all"],
            author=Author(name=f"Author {n % 2}", born=1900 + n) if n % 3 else None,
            notes={"shelf": n % 2, "nested": {"deep": [n]}},
            cover=bytes(range(n)),
            picture=np.full((2, n + 1, 3), n, np.uint8),
            vector=vector if n % 5 else None,
        )
        for n, vector in enumerate(vectors(count))
    ]
    return DocList[Book](made)


def plains(count: int, seed: int = 0) -> DocList[Plain]:
    """Documents `p0`, `p1` and so on."""
    return DocList[Plain](
        [Plain(id=f"p{n}", text=f"text {n}", number=n, vector=v) for n, v in enumerate(vectors(count, seed))]
    )
