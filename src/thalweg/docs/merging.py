"""Two documents made one, and lists of documents merged by `id`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import AnyDoc, BaseDocWithoutId, contents
from thalweg.docs.fields import ready
from thalweg.docs.row import class_of, detach, place_of

T_doc = TypeVar("T_doc", bound=BaseDocWithoutId)


def update(doc: BaseDocWithoutId, other: BaseDocWithoutId) -> None:
    """Take over in `doc` what `other` holds; the `id` of `doc` stays.

    What is not None wins. Lists are extended, sets united, dicts updated by key; documents in fields are updated in turn
    where both have one of the same fields, and lists of documents are merged as `reduce` does. Everything else, tuples
    and tensors too, is replaced. `other` stays as it is and shares only values that are never changed in place here.

    Every change is validated as an assignment is. An `AnyDoc` takes over every field of any document.

    Raises:
        TypeError: the documents do not have the same fields of the same types. Nothing is changed then.
        pydantic.ValidationError: a merged value does not fit its field. Nothing is changed then.
    """
    merge = _Merge()
    merge.documents(doc, other)
    merge.apply()


def reduce(
    left: DocList[T_doc], right: DocList[T_doc] | DocVec[T_doc], left_id_map: dict[str, int] | None = None
) -> DocList[T_doc]:
    """Merge `right` into `left`, in place, and return `left`.

    A document of `right` whose `id` is in `left` updates that one, so what `right` says wins; any other is appended, as
    a copy that shares its tensors. Documents without an `id` are appended.

    Args:
        left_id_map: the position of each `id` in `left`, if it is known already; kept up to date.

    Raises:
        TypeError: `left` is a DocVec, whose number of documents is fixed (use `left.to_doc_list()`), or two documents of
            one `id` do not have the same fields. Nothing is changed then.
        ValueError: a document does not fit `left`, or a merged value does not fit its field. Nothing is changed then.
    """
    if not isinstance(left, DocList):
        hint = "; use left.to_doc_list()" if isinstance(left, DocVec) else ""
        raise TypeError(f"documents are merged into a DocList, not into a {type(left).__name__}{hint}")
    places = _places(left) if left_id_map is None else left_id_map
    merge = _Merge()
    known, fresh = merge.lists(left, right, places.get)
    left._checked(fresh)
    merge.apply()
    places.update((identity, place) for identity, place in known.items())
    left.extend(fresh)
    return left


def reduce_all(docs: Sequence[DocList[T_doc]]) -> DocList[T_doc]:
    """Merge all lists into the first, in place, and return it. Later lists win; no `id` comes in twice.

    Raises:
        ValueError: there are no lists; otherwise what `reduce` raises. The lists before the one that failed are merged.
    """
    if not docs:
        raise ValueError("there are no lists to merge")
    first, *others = docs
    places = _places(first) if others else {}
    for other in others:
        reduce(first, other, places)
    return first


def _places(docs: Iterable[Any]) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, doc in enumerate(docs):
        if (identity := _identity(doc)) is not None:
            places.setdefault(identity, place)
    return places


def _identity(doc: BaseDocWithoutId) -> str | None:
    return contents(doc).get("id")


class _Merge:
    """Changes that are worked out first, so that what cannot be done is found before anything is done."""

    def __init__(self) -> None:
        self._changes: dict[Hashable, tuple[Any, dict[str, Any]]] = {}
        self._met: dict[Hashable, tuple[Any, Any]] = {}  # holds on to both, as their addresses are the keys

    def documents(self, doc: BaseDocWithoutId, other: BaseDocWithoutId) -> None:
        """Plan what `other` changes in `doc`."""
        if not _same_fields(doc, other):
            raise TypeError(
                f"a {_name(doc)} takes over what another document of the same fields holds, not a {_name(other)}"
            )
        pair = place_of(doc), place_of(other)
        if pair in self._met:  # documents that hold themselves
            return
        self._met[pair] = doc, other
        _, changes = self._changes.setdefault(pair[0], (doc, {}))
        held = contents(doc)
        for name, theirs in contents(other).items():
            if name == "id" or theirs is None:
                continue
            mine = changes[name] if name in changes else held.get(name)
            merged = self._merged(mine, theirs)
            if merged is not mine:
                changes[name] = merged

    def _merged(self, mine: Any, theirs: Any) -> Any:
        if isinstance(mine, BaseDocWithoutId) and isinstance(theirs, BaseDocWithoutId) and _same_fields(mine, theirs):
            self.documents(mine, theirs)
            return mine
        if isinstance(mine, (DocList, DocVec)) and isinstance(theirs, (DocList, DocVec)):
            return self._arrays(mine, theirs)
        if isinstance(mine, list) and isinstance(theirs, list):
            return [*mine, *theirs]
        if isinstance(mine, (set, frozenset)) and isinstance(theirs, (set, frozenset)):
            return mine | theirs
        if isinstance(mine, dict) and isinstance(theirs, dict):
            return {**mine, **theirs}
        return _own(theirs, {})

    def _arrays(self, mine: Any, theirs: Any) -> Any:
        if isinstance(mine, DocVec):  # a fixed number of documents: another one takes its place
            docs = DocList[mine.doc_type].trusted(_own(mine.to_doc_list(), {}))
            return type(mine)(reduce(docs, theirs))
        _, fresh = self.lists(mine, theirs, _places(mine).get)
        return mine + fresh if fresh else mine

    def lists(
        self, left: DocList[Any], right: Iterable[Any], find: Callable[[str], int | None]
    ) -> tuple[dict[str, int], list[Any]]:
        """Plan the updates of documents that `left` has; returns the others, and where they will be."""
        fresh: list[Any] = []
        places: dict[str, int] = {}
        for doc in right:
            identity = _identity(doc)
            place = None if identity is None else places.get(identity, find(identity))
            if place is not None:
                self.documents(left[place] if place < len(left) else fresh[place - len(left)], doc)
                continue
            if identity is not None:
                places[identity] = len(left) + len(fresh)
            fresh.append(_own(_fitting(doc, left.doc_type), {}))
        return places, fresh

    def apply(self) -> None:
        """Assign all that was planned, or nothing."""
        before = []
        try:
            for doc, changes in self._changes.values():
                before.append((doc, _state(doc)))
                for name, value in changes.items():
                    setattr(doc, name, value)
        except BaseException:
            for doc, state in reversed(before):
                _restore(doc, state)
            raise


def _same_fields(doc: BaseDocWithoutId, other: Any) -> bool:
    if not isinstance(other, BaseDocWithoutId):
        return False
    mine, theirs = class_of(type(doc)), class_of(type(other))
    return mine is theirs or issubclass(mine, AnyDoc) or _annotations(mine) == _annotations(theirs)


def _fitting(doc: BaseDocWithoutId, doc_type: type[BaseDocWithoutId]) -> BaseDocWithoutId:
    """`doc`, as a document of `doc_type` where it is of another class with the same fields."""
    if doc_type is AnyDoc or isinstance(doc, doc_type) or _annotations(class_of(type(doc))) != _annotations(doc_type):
        return doc
    return doc_type.model_validate(contents(doc), by_alias=True, by_name=True)


def _annotations(doc_type: type[BaseDocWithoutId]) -> dict[str, Any]:
    ready(doc_type)
    return {name: field.annotation for name, field in doc_type.model_fields.items()}


def _name(value: Any) -> str:
    return class_of(type(value)).__name__


def _own(value: Any, made: dict[Hashable, Any]) -> Any:
    """`value` such that later changes of it do not reach the original: documents in it are copied, tensors shared."""
    if isinstance(value, DocVec):
        return type(value)(_own(value.to_doc_list(), made))
    if isinstance(value, DocList):
        return value.trusted([_own(doc, made) for doc in value])
    if not isinstance(value, BaseDocWithoutId):
        return value
    place = place_of(value)
    if place not in made:
        made[place] = copy = detach(value).model_copy()
        for held in (copy.__dict__, copy.__pydantic_extra__ or {}):
            held.update((name, _own(item, made)) for name, item in held.items() if isinstance(item, _HOLDS_DOCUMENTS))
    return made[place]


_HOLDS_DOCUMENTS = (BaseDocWithoutId, DocList, DocVec)


def _state(doc: BaseDocWithoutId) -> BaseDocWithoutId:
    """What `doc` holds now; of a row of a DocVec a copy, as its tensors are written over."""
    return doc.model_copy(deep=detach(doc) is not doc)


def _restore(doc: Any, state: BaseDocWithoutId) -> None:
    if detach(doc) is not doc:
        doc._columns.write(doc._index, state.__dict__)
        return
    for slot in ("__dict__", "__pydantic_extra__", "__pydantic_fields_set__"):
        object.__setattr__(doc, slot, getattr(state, slot))
