"""A request's documents, divided among shards, and the shards' answers put together again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from thalweg.docs import AnyDoc, DocList
from thalweg.docs.codecs import columns
from thalweg.docs.codecs.columns.rows import RawRows
from thalweg.docs.codecs.content import decode_content, encode_content
from thalweg.graph.merge import RESULTS, merged_documents, merged_parameters, thinned
from thalweg.graph.ranking import limit_in, rank, ranked
from thalweg.message import COLUMNS, Buffer, Request, Response
from thalweg.message.branches import BRANCHES
from thalweg.routing.partition import shard_of
from thalweg.service.shards.division import Key, identity


class Opened:
    """A request whose documents are known, each with an id. `request` is the same, with those ids in its body."""

    def __init__(
        self, request: Request, ids: Sequence[str], rows: RawRows | None, documents: DocList[Any] | None
    ) -> None:
        self.request = request
        self.ids = ids
        self._rows = rows
        self._documents = documents

    @classmethod
    def of(cls, request: Request) -> Opened:
        rows = RawRows.of(request.body) if request.content_type == COLUMNS else None
        if rows is not None and rows.ids is not None:
            return cls(request, rows.ids, rows, None)
        documents, parameters = decode_content(request.content_type, request.body, AnyDoc)
        ids = [document.id for document in documents]
        given = replace(request, parameters={**request.parameters, **parameters}) if parameters else request
        if not all("id" in document.model_fields_set for document in documents):
            accept = request.accept or request.content_type
            given = replace(given, body=columns.encode(documents), content_type=COLUMNS, accept=accept)
        return cls(given, ids, None, documents)

    @property
    def documents(self) -> DocList[Any]:
        if self._documents is None:
            self._documents, _ = decode_content(self.request.content_type, self.request.body, AnyDoc)
        return self._documents

    def places(self, key: Key, shards: int) -> dict[int, list[int]]:
        """The positions of the documents that belong to each shard, by the number of the shard."""
        keys = self.ids if key is identity else map(key, self.documents)
        found: dict[int, list[int]] = {}
        for place, one in enumerate(keys):
            found.setdefault(shard_of(one, shards), []).append(place)
        return dict(sorted(found.items()))

    def part(self, places: Sequence[int]) -> Request:
        """The documents at these positions as a request of their own."""
        if len(places) == len(self.ids):
            return self.request
        if self._rows is not None:
            body = self._rows.cut(places).body()
        else:
            body = columns.encode(DocList[AnyDoc].trusted([self.documents[place] for place in places]))
        parameters = self.request.parameters
        if BRANCHES in parameters:
            taken = set(places)
            kept = thinned(parameters[BRANCHES], [place in taken for place in range(len(self.ids))])
            parameters = {**parameters, BRANCHES: kept}
        return replace(self.request, body=body, content_type=COLUMNS, accept=COLUMNS, parameters=parameters)


def arranged(opened: Opened, places: Mapping[int, Sequence[int]], answers: Answers) -> Response:
    """What each shard made of its part, in the order in which the documents came.

    An answer stands where the document of its id stood; where no id is known and there are as many answers as questions,
    in the place of its question. All others come behind, shard by shard.
    """
    found: list[int | None] = [None] * len(opened.ids)
    fresh: list[int] = []
    number = 0
    for shard, taken in places.items():
        ids = answers.ids(shard)
        at = {opened.ids[place]: place for place in taken}
        known = [at.get(identity) for identity in ids]
        if len(ids) == len(taken) and all(place is None for place in known):
            known = list(taken)
        for place in known:
            if place is None or found[place] is not None:
                fresh.append(number)
            else:
                found[place] = number
            number += 1
    return answers.in_order([place for place in found if place is not None] + fresh)


def merged(questions: Opened, executor: str, answers: Answers) -> Response:
    """What all shards answered, as one: documents of one id are joined, what they found is ranked and cut to `limit`."""
    opened = answers.documents
    limit = limit_in(questions.request.parameters, f"{executor}__limit")
    flat = ranked(opened, limit) if len(questions.ids) <= 1 else None
    if flat is not None:
        return answers.packed(flat)
    together = merged_documents(opened, questions.ids)
    rank(together, opened, limit)
    return answers.packed(together)


def as_matrix(executor: str, answers: Answers) -> Response:
    """What all shards answered, one shard after the other, as it is; the parameters tell which documents are whose."""
    response = answers.in_order(None)
    counts = [[f"{executor}/{shard}", len(answers.ids(shard))] for shard in answers.shards]
    return replace(response, parameters={**response.parameters, BRANCHES: counts})


class Answers:
    """The answers of several shards, by the number of the shard."""

    def __init__(self, executor: str, answers: Mapping[int, Response]) -> None:
        self.shards = tuple(answers)
        self._answers = answers
        self._rows: dict[int, RawRows] = {}
        self._documents: dict[int, DocList[Any]] = {}
        self._headers: dict[str, str] = {}
        self._parameters: list[Mapping[str, Any]] = []
        for shard, answer in answers.items():
            rows = RawRows.of(answer.body) if answer.content_type == COLUMNS else None
            parameters = answer.parameters
            if rows is not None and rows.ids is not None:
                self._rows[shard] = rows
            else:
                self._documents[shard], parameters = _opened(answer)
            self._headers.update(answer.headers)
            self._parameters.append(_reported(parameters, executor, shard) if len(answers) > 1 else parameters)

    def ids(self, shard: int) -> Sequence[str]:
        """Those of the documents of one shard."""
        rows = self._rows.get(shard)
        ids = None if rows is None else rows.ids
        return [document.id for document in self._documents[shard]] if ids is None else ids

    @property
    def documents(self) -> list[DocList[Any]]:
        """Those of each shard."""
        for shard in self.shards:
            if shard not in self._documents:
                self._documents[shard], _ = _opened(self._answers[shard])
        return [self._documents[shard] for shard in self.shards]

    def in_order(self, numbers: Sequence[int] | None) -> Response:
        """All documents as one answer, or those with these numbers, counted from the first shard on."""
        rows = (
            RawRows.joined([self._rows[shard] for shard in self.shards])
            if len(self._rows) == len(self.shards)
            else None
        )
        if rows is not None:
            return self._with(rows.body() if numbers is None else rows.cut(numbers).body())
        every = [document for documents in self.documents for document in documents]
        return self.packed(every if numbers is None else [every[number] for number in numbers])

    def packed(self, documents: Sequence[Any]) -> Response:
        """One answer with these documents, and all parameters and headers."""
        return self._with(columns.encode(DocList[AnyDoc].trusted(list(documents))))

    def _with(self, body: tuple[Buffer, ...]) -> Response:
        return Response(body, COLUMNS, merged_parameters(self._parameters), self._headers)


def _opened(response: Response) -> tuple[DocList[Any], dict[str, Any]]:
    documents, parameters = decode_content(response.content_type, response.body, AnyDoc)
    return documents, {**response.parameters, **parameters} if parameters else response.parameters


def _reported(parameters: dict[str, Any], executor: str, shard: int) -> dict[str, Any]:
    """`parameters`, where what the Executor reports stands under the name of its shard, so that nothing is lost."""
    results = parameters.get(RESULTS)
    if not isinstance(results, dict) or executor not in results:
        return parameters
    renamed = {f"{executor}/{shard}" if name == executor else name: one for name, one in results.items()}
    return {**parameters, RESULTS: renamed}


def converted(response: Response, accept: str) -> Response:
    """`response` in the content type that the caller wants."""
    if response.content_type == accept:
        return response
    documents, parameters = _opened(response)
    body, beside = encode_content(accept, documents, parameters)
    return Response(body, accept, beside, response.headers)
