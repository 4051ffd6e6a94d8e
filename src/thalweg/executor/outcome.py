"""What an endpoint returned, held against what it is annotated to return."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from pydantic import ValidationError

from thalweg.docs import BaseDoc, BaseDocWithoutId, DocList, DocVec
from thalweg.errors import WrongReturnType
from thalweg.executor.annotation import name_of
from thalweg.executor.endpoint import Endpoint

Documents: TypeAlias = DocList[Any] | DocVec[Any]


class Outcomes:
    """Checks what one endpoint of one Executor gives.

    Instances of subclasses of the annotated class pass. So does a document of another class with exactly the same
    fields, if its values validate: it is converted. Anything else is an error of the Executor, never sent half-right.
    """

    __slots__ = ("_endpoint", "_executor", "_list", "_path", "_type")

    def __init__(self, executor: str, path: str, endpoint: Endpoint) -> None:
        self._executor = executor
        self._path = path
        self._endpoint = endpoint
        self._type = endpoint.output_type
        self._list: Any = DocList if self._type is None else DocList[self._type]  # type: ignore[name-defined]

    def of_batch(self, returned: Any, docs: Documents) -> tuple[Documents, dict[str, Any] | None]:
        """The documents to answer with, and the results beside them, of a method that took all documents at once."""
        if returned is None:
            return self._fitting(docs, None), None
        if isinstance(returned, dict):
            return self._fitting(docs, None), returned
        if isinstance(returned, (DocList, DocVec)):
            return self._fitting(returned, returned), None
        if isinstance(returned, (list, tuple)):
            return self._gathered(returned, returned), None
        if isinstance(returned, BaseDocWithoutId) and self._endpoint.single:
            return self._gathered((returned,), returned), None
        raise self._wrong(returned)

    def of_each(self, returned: list[Any], docs: Documents) -> tuple[Documents, dict[str, Any] | None]:
        """The same of a method that was called once for each of `docs`."""
        results: dict[str, Any] | None = None
        gathered: list[Any] = []
        for one, doc in zip(returned, docs, strict=True):
            if isinstance(one, dict):
                results = {**(results or {}), **one}
            elif one is not None and not isinstance(one, BaseDocWithoutId):
                raise self._wrong(one)
            gathered.append(one if isinstance(one, BaseDocWithoutId) else doc)
        return self._gathered(gathered, None), results

    def of_item(self, item: Any) -> Documents:
        """The documents of one item of a stream: a document, or a list of them."""
        if isinstance(item, BaseDocWithoutId):
            return self._gathered((item,), item)
        if isinstance(item, (DocList, DocVec)):
            return self._fitting(item, item)
        if isinstance(item, (list, tuple)):
            return self._gathered(item, item)
        raise self._wrong(item)

    def _fitting(self, docs: Documents, returned: Any) -> Documents:
        declared = self._type
        given = getattr(docs, "doc_type", None)
        if declared is None or given is declared or (isinstance(given, type) and issubclass(given, declared)):
            return docs
        return self._gathered(docs, returned)

    def _gathered(self, docs: Iterable[Any], returned: Any) -> Documents:
        """A list of `docs`, each of which is or becomes an instance of the declared class."""
        if self._type is None:
            elements = list(docs)
            strange = next((doc for doc in elements if not isinstance(doc, BaseDocWithoutId)), None)
            if strange is not None:
                raise self._wrong(strange)
        else:
            elements = [doc if isinstance(doc, self._type) else self._converted(doc, returned) for doc in docs]
        # every element has just been looked at
        gathered: Documents = self._list(elements) if self._type is None else self._list.trusted(elements)
        return gathered

    def _converted(self, doc: Any, returned: Any) -> BaseDocWithoutId:
        declared = self._type
        if declared is None or not isinstance(doc, BaseDocWithoutId):
            raise self._wrong(doc)
        given = type(doc)
        if given.model_fields.keys() != declared.model_fields.keys():
            raise self._wrong(doc if returned is not None else None, kept=given)
        try:
            return declared.model_validate({name: getattr(doc, name) for name in given.model_fields})
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise self._wrong(doc, reason=f" ({'.'.join(map(str, first['loc']))}: {first['msg']})") from None

    def _wrong(self, given: Any, kept: type | None = None, reason: str = "") -> WrongReturnType:
        """The error, in words that name Executor, endpoint and both types."""
        declared = name_of(self._type or BaseDoc)
        expected = declared if self._endpoint.single else f"DocList[{declared}]"
        if given is None and kept is not None:
            found = f"None, which keeps the documents it was given, and those are {name_of(kept)}"
        else:
            found = f"{'an item of type ' if self._endpoint.streaming else ''}{name_of(type(given))}"
        return WrongReturnType(
            f"{self._executor} returned {found} at {self._path}{reason}; {expected} is expected.",
            executor=self._executor,
        )
