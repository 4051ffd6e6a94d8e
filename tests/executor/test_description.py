"""What an Executor says of itself."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from thalweg.config.workers import WorkerOptions
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ConfigurationError
from thalweg.executor import Executor, requests
from thalweg.executor.description import describe
from thalweg.executor.source import ExecutorSource
from thalweg.message import Context


class Text(BaseDoc):
    text: str


class Settings(BaseModel):
    limit: int = 3


class Searcher(Executor):
    def __init__(self, **kwargs: Any) -> None:
        raise AssertionError("nobody constructs it to describe it")

    @requests(on="/search")
    def search(self, docs: DocList[Text], parameters: Settings) -> DocList[Text]:
        """Find what is like it."""

    @requests(on="/tokens")
    def tokens(self, doc: Text) -> Iterator[Text]:
        yield doc

    @requests
    def anything(self, docs: Any) -> Any: ...


def test_each_endpoint_is_described_without_constructing_anything() -> None:
    description = describe(ExecutorSource(Searcher), WorkerOptions(name="search"))
    assert description.name == "search"
    assert [endpoint.path for endpoint in description.endpoints] == ["/default", "/search", "/tokens"]
    default, search, tokens = description.endpoints
    assert (default.input_schema, default.output_schema, default.parameters_schema) == (None, None, None)
    assert search.input_schema == Text.model_json_schema()
    assert search.output_schema == Text.model_json_schema(mode="serialization")
    assert search.parameters_schema == Settings.model_json_schema()
    assert search.description == "Find what is like it."
    assert (search.streaming, tokens.streaming) == (False, True)


def test_remapped_endpoints_are_described_where_they_are() -> None:
    options = WorkerOptions(uses_requests={"/find": "search"})
    assert [e.path for e in describe(ExecutorSource(Searcher), options).endpoints] == ["/default", "/find", "/tokens"]


def test_remapping_to_an_unknown_method_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"Searcher has no method 'fnd'.*anything, search, tokens"):
        describe(ExecutorSource(Searcher), WorkerOptions(uses_requests={"/find": "fnd"}))


class Odd(BaseDoc):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    call: Callable[[], None]


def test_a_document_that_json_cannot_describe_is_named() -> None:
    class Strange(Executor):
        @requests
        def answer(self, docs: DocList[Odd]) -> None: ...

    with pytest.raises(ConfigurationError, match=r"Strange\.answer: Odd has no JSON Schema"):
        describe(ExecutorSource(Strange), WorkerOptions())


def test_a_description_says_whether_headers_are_read() -> None:
    class Reader(Executor):
        @requests(on="/deaf")
        def deaf(self, docs: DocList[BaseDoc]) -> None: ...

        @requests(on="/headers")
        def headers(self, headers: dict[str, str]) -> None: ...

        @requests(on="/context")
        def context(self, context: Context) -> None: ...

        @requests(on="/all")
        def all(self, **kwargs: object) -> None: ...

    options = WorkerOptions()
    described = describe(ExecutorSource(Reader), options)
    assert {endpoint.path: endpoint.reads_metadata for endpoint in described.endpoints} == {
        "/deaf": False,
        "/headers": True,
        "/context": True,
        "/all": True,
    }


class Loud(Text):
    text: str = Field(serialization_alias="words")


class Named(Text):
    model_config = ConfigDict(title="Something else")


def test_documents_whose_json_is_their_values_are_said_to_be_plain() -> None:
    class Speaker(Executor):
        @requests(on="/any")
        def any(self, docs: Any) -> Any: ...

        @requests(on="/loud")
        def loud(self, docs: DocList[Text]) -> DocList[Loud]: ...

        @requests(on="/named")
        def named(self, docs: DocList[Text]) -> DocList[Named]: ...

        @requests(on="/text")
        def text(self, docs: DocList[Text]) -> DocList[Text]: ...

    endpoints = describe(ExecutorSource(Speaker), WorkerOptions(name="speak")).endpoints
    assert [endpoint.path for endpoint in endpoints if endpoint.plain] == ["/text"]
