"""What the OpenAPI document promises is what a Deployment does, for requests that nobody thought of."""

from collections.abc import AsyncIterator, Iterator

import pytest
import requests as http
import schemathesis
from hypothesis import HealthCheck, given, settings
from pydantic import BaseModel, Field
from schemathesis import GenerationMode

from thalweg import Deployment, Executor, requests
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.typing import NdArray
from thalweg.message import JSON

PATHS = ["/upper", "/any/thing", "/words", "/cut"]


class Author(BaseDoc):
    name: str
    friends: "list[Author]" = Field([])


class Text(BaseDoc):
    text: str
    author: Author | None = None
    tags: dict[str, str] = Field({})


class Embedded(Text):
    embedding: NdArray[2]


class Cut(BaseModel):
    suffix: str = Field(max_length=3)


class Writer(Executor):
    @requests(on="/upper")
    def upper(self, docs: DocList[Text]) -> DocList[Embedded]:
        """Shout."""
        return DocList[Embedded](
            [Embedded(text=doc.text.upper(), author=doc.author, embedding=[1.0, 2.0]) for doc in docs]
        )

    @requests(on="/any/thing")
    def anything(self, docs: DocList) -> DocList:  # type: ignore[type-arg]
        return docs

    @requests(on="/words")
    async def words(self, doc: Text) -> AsyncIterator[Text]:
        for word in doc.text.split():
            yield Text(text=word)

    @requests(on="/cut")
    def cut(self, docs: DocList[Text], parameters: Cut) -> None:
        for doc in docs:
            doc.text = doc.text.removesuffix(parameters.suffix)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Deployment(uses=Writer, protocol="http", port=0) as deployment:
        yield f"http://127.0.0.1:{deployment.ports[0]}"


@pytest.fixture(scope="module")
def described(url: str) -> schemathesis.schemas.BaseSchema:
    return schemathesis.openapi.from_url(f"{url}/openapi.json")


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("path", PATHS)
def test_the_server_does_what_its_document_says(
    described: schemathesis.schemas.BaseSchema, path: str, mode: GenerationMode
) -> None:
    strategy = described[path]["POST"].as_strategy(generation_mode=mode)

    @given(strategy.filter(lambda case: case.media_type == JSON))  # of the others it knows that they are bytes
    @settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case) -> None:
        case.headers.pop("thalweg-timeout", None)  # a request that gives itself no time ends in 504, as it should
        case.call_and_validate(session=session)

    with http.Session() as session:
        check()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_the_probes_do_what_the_document_says(described: schemathesis.schemas.BaseSchema, path: str) -> None:
    described[path]["GET"].Case().call_and_validate()
