"""A request's documents, divided among shards, and the shards' answers put together again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from thalweg.docs import AnyDoc, DocList
from thalweg.docs.codecs import columns
from thalweg.docs.codecs.content import decode_content, encode_content
from thalweg.graph.merge import RESULTS, merged_documents, merged_parameters, thinned
from thalweg.graph.ranking import limit_in, rank, ranked
from thalweg.message import COLUMNS, Request, Response
from thalweg.message.branches import BRANCHES
from thalweg.routing.partition import shard_of
from thalweg.service.shards.division import Key


@dataclass(frozen=True)
class Opened:
    """A request whose documents are known, each with an id. `request` is the same, with those ids in its body."""

    request: Request
    documents: DocList[Any]

    @classmethod
    def of(cls, request: Request) -> Opened:
        documents, parameters = decode_content(request.content_type, request.body, AnyDoc)
        if request.content_type == COLUMNS or all("id" in document.model_fields_set for document in documents):
            given = replace(request, parameters={**request.parameters, **parameters}) if parameters else request
            return cls(given, documents)
        accept = request.accept or request.content_type
        beside = {**request.parameters, **parameters}
        body = columns.encode(documents)
        return cls(replace(request, body=body, content_type=COLUMNS, accept=accept, parameters=beside), documents)

    def places(self, key: Key, shards: int) -> dict[int, list[int]]:
        """The positions of the documents that belong to each shard, by the number of the shard."""
        found: dict[int, list[int]] = {}
        for place, document in enumerate(self.documents):
            found.setdefault(shard_of(key(document), shards), []).append(place)
        return dict(sorted(found.items()))

    def part(self, places: Sequence[int]) -> Request:
        """The documents at these positions as a request of their own."""
        if len(places) == len(self.documents):
            return self.request
        part = DocList[AnyDoc].trusted([self.documents[place] for place in places])
        parameters = self.request.parameters
        if BRANCHES in parameters:
            taken = set(places)
            kept = thinned(parameters[BRANCHES], [place in taken for place in range(len(self.documents))])
            parameters = {**parameters, BRANCHES: kept}
        return replace(
            self.request, body=columns.encode(part), content_type=COLUMNS, accept=COLUMNS, parameters=parameters
        )


def arranged(opened: Opened, places: Mapping[int, Sequence[int]], answers: Answers) -> Response:
    """What each shard made of its part, in the order in which the documents came.

    An answer stands where the document of its id stood; where no id is known and there are as many answers as questions,
    in the place of its question. All others come behind, shard by shard.
    """
    found: list[Any] = [None] * len(opened.documents)
    fresh: list[Any] = []
    for shard, taken in places.items():
        documents = answers.documents[shard]
        at = {opened.documents[place].id: place for place in taken}
        known = [at.get(document.id) for document in documents]
        if len(documents) == len(taken) and all(place is None for place in known):
            known = list(taken)
        for place, document in zip(known, documents, strict=True):
            if place is None or found[place] is not None:
                fresh.append(document)
            else:
                found[place] = document
    return answers.packed([document for document in found if document is not None] + fresh)


def merged(questions: Opened, executor: str, answers: Answers) -> Response:
    """What all shards answered, as one: documents of one id are joined, what they found is ranked and cut to `limit`."""
    opened = list(answers.documents.values())
    limit = limit_in(questions.request.parameters, f"{executor}__limit")
    flat = ranked(opened, limit) if len(questions.documents) <= 1 else None
    if flat is not None:
        return answers.packed(flat)
    together = merged_documents(opened, [document.id for document in questions.documents])
    rank(together, opened, limit)
    return answers.packed(together)


def as_matrix(executor: str, answers: Answers) -> Response:
    """What all shards answered, one shard after the other, as it is; the parameters tell which documents are whose."""
    response = answers.packed([document for documents in answers.documents.values() for document in documents])
    counts = [[f"{executor}/{shard}", len(documents)] for shard, documents in answers.documents.items()]
    return replace(response, parameters={**response.parameters, BRANCHES: counts})


class Answers:
    """The answers of several shards, opened, by the number of the shard."""

    def __init__(self, executor: str, answers: Mapping[int, Response]) -> None:
        self.documents: dict[int, DocList[Any]] = {}
        self._headers: dict[str, str] = {}
        self._parameters: list[Mapping[str, Any]] = []
        for shard, answer in answers.items():
            documents, parameters = _opened(answer)
            self.documents[shard] = documents
            self._headers.update(answer.headers)
            self._parameters.append(_reported(parameters, executor, shard) if len(answers) > 1 else parameters)

    def packed(self, documents: Sequence[Any]) -> Response:
        """One answer with these documents, and all parameters and headers."""
        body = columns.encode(DocList[AnyDoc].trusted(list(documents)))
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
