"""What is read from the signature of a method."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Optional

import pytest
from pydantic import BaseModel

from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.errors import ConfigurationError
from thalweg.executor import Endpoint, Executor, requests
from thalweg.executor.annotation import UnknownName
from thalweg.executor.endpoint import MethodKind, endpoints

if TYPE_CHECKING:
    from nowhere import Missing  # type: ignore[import-not-found]


class Text(BaseDoc):
    text: str = ""


class Embedded(Text):
    score: float = 0.0


class Settings(BaseModel):
    limit: int = 3


def only(cls: type[Executor]) -> Endpoint:
    (endpoint,) = set(endpoints(cls).values())
    return endpoint


def method(function: Callable[..., Any], **options: Any) -> Endpoint:
    """The endpoint of an Executor with `function` as its only method."""
    decorated = requests(**options)(function)
    return only(type("Sample", (Executor,), {function.__name__: decorated}))


def test_a_decorated_function_stays_what_it_was() -> None:
    def double(docs: DocList[Text]) -> DocList[Text]:
        return DocList[Text]([*docs, *docs])

    assert requests(double) is double
    assert requests(on="/double")(double) is double
    assert len(double(DocList[Text]([Text()]))) == 2


def test_bare_and_without_a_path_mean_the_default_endpoint() -> None:
    class Bare(Executor):
        @requests
        def answer(self, docs: DocList[Text]) -> None: ...

    class Called(Executor):
        @requests()
        def answer(self, docs: DocList[Text]) -> None: ...

    assert list(endpoints(Bare)) == list(endpoints(Called)) == ["/default"]


def test_paths_are_one_or_several_and_begin_with_a_slash() -> None:
    def answer(self: Any) -> None: ...

    assert method(answer, on="encode").paths == ("/encode",)

    def other(self: Any) -> None: ...

    assert method(other, on=["/a", "b"]).paths == ("/a", "/b")


@pytest.mark.parametrize("on", ["", "/", [], [3]])
def test_a_path_that_names_nothing_is_refused(on: Any) -> None:
    with pytest.raises(TypeError, match="name an endpoint such as '/encode'"):
        requests(on=on)


def test_stacked_decorators_add_up() -> None:
    class Stacked(Executor):
        @requests(on="/a")
        @requests(on="/b", request_schema=Text)
        def answer(self, docs: Any) -> None: ...

    found = endpoints(Stacked)
    assert set(found) == {"/a", "/b"}
    assert found["/a"].input_type is Text


def test_only_functions_can_be_decorated() -> None:
    with pytest.raises(TypeError, match="directly above a method or a function"):
        requests(on="/a")(3)  # type: ignore[type-var]


# --- what a method asks for


def test_a_method_gets_what_it_names() -> None:
    def answer(self: Any, docs: DocList[Text], parameters: dict[str, Any], headers: Any, context: Any) -> None: ...

    assert method(answer).takes == {"docs", "parameters", "headers", "context"}
    assert not method(answer).takes_rest


def test_keywords_stand_for_everything_else() -> None:
    def answer(self: Any, docs: DocList[Text], **kwargs: Any) -> None: ...

    endpoint = method(answer)
    assert endpoint.takes == {"docs"}
    assert endpoint.takes_rest


def test_arguments_with_a_default_are_left_alone() -> None:
    def answer(self: Any, docs: DocList[Text], depth: int = 3) -> None: ...

    assert method(answer).takes == {"docs"}


def test_an_argument_that_nobody_gives_is_refused() -> None:
    with pytest.raises(
        TypeError,
        match=r"Searcher\.search: nobody knows what to give for 'texts'.*docs, doc, docs_matrix, docs_map, param",
    ):

        class Searcher(Executor):
            @requests
            def search(self, texts: DocList[Text]) -> None: ...


def test_docs_and_doc_exclude_each_other() -> None:
    with pytest.raises(TypeError, match=r"Both\.answer: takes both"):

        class Both(Executor):
            @requests
            def answer(self, docs: DocList[Text], doc: Text) -> None: ...


def test_positional_only_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match=r"Strict\.answer: docs is positional-only"):

        class Strict(Executor):
            @requests
            def answer(self, docs: DocList[Text], /) -> None: ...


# --- how it is run


def test_kinds_follow_from_the_definition() -> None:
    def plain(self: Any, docs: DocList[Text]) -> DocList[Text]: ...

    async def coroutine(self: Any, docs: DocList[Text]) -> DocList[Text]: ...

    def generator(self: Any, doc: Text) -> Generator[Text, None, None]:
        yield doc

    async def async_generator(self: Any, doc: Text) -> AsyncIterator[Text]:
        yield doc

    def gives_iterator(self: Any, doc: Text) -> Iterator[Text]:
        return iter([doc])

    def gives_async_iterator(self: Any, doc: Text) -> AsyncIterator[Text]: ...

    assert method(plain).kind is MethodKind.PLAIN
    assert method(coroutine).kind is MethodKind.ASYNC
    assert method(generator).kind is MethodKind.ITERATOR
    assert method(async_generator).kind is MethodKind.ASYNC_ITERATOR
    assert method(gives_iterator).kind is MethodKind.ITERATOR
    assert method(gives_async_iterator).kind is MethodKind.ASYNC_ITERATOR
    assert method(generator).streaming
    assert not method(coroutine).streaming


def test_a_coroutine_that_promises_an_iterator_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Odd\.answer: is a coroutine annotated to return an iterator"):

        class Odd(Executor):
            @requests
            async def answer(self, doc: Text) -> AsyncIterator[Text]: ...


def test_doc_means_once_for_each_document() -> None:
    def answer(self: Any, doc: Text) -> Embedded: ...

    endpoint = method(answer)
    assert endpoint.single
    assert (endpoint.input_type, endpoint.output_type) == (Text, Embedded)


# --- schemas


@pytest.mark.parametrize(
    "annotation, expected, columns",
    [
        (DocList[Text], Text, False),
        (DocVec[Text], Text, True),
        ("DocList[Text]", Text, False),
        (DocList["Text"], Text, False),  # type: ignore[type-arg]
        (Optional[DocList[Text]], Text, False),  # noqa: UP045  the old spelling is read too
        ("DocList[Text] | None", Text, False),
        (Annotated[DocList[Text], "note"], Text, False),
        (DocList, None, False),
        (DocList[AnyDoc], None, False),
        (DocList[BaseDoc], None, False),
        (Any, None, False),
    ],
)
def test_the_input_is_read_from_docs(annotation: Any, expected: Any, columns: bool) -> None:
    def answer(self: Any, docs: Any) -> None: ...

    answer.__annotations__["docs"] = annotation
    endpoint = method(answer)
    assert endpoint.input_type is expected
    assert endpoint.input_as_columns is columns


@pytest.mark.parametrize(
    "annotation, expected",
    [
        (DocList[Embedded], Embedded),
        (DocVec[Embedded], Embedded),
        (Embedded, Embedded),
        (list[Embedded], Embedded),
        (DocList[Embedded] | None, Embedded),
        (DocList[Embedded] | dict | None, Embedded),
        (None, Text),
        (dict, Text),
        (dict[str, Any], Text),
        (Any, None),
        (BaseDoc, None),
        (list, None),
        (Iterator[Embedded], Embedded),
        (Iterator[DocList[Embedded]], Embedded),
        (Generator["Embedded", None, None], Embedded),
        (Iterator, None),
    ],
)
def test_the_output_is_read_from_the_return_annotation(annotation: Any, expected: Any) -> None:
    def answer(self: Any, docs: DocList[Text]) -> Any: ...

    answer.__annotations__["return"] = annotation
    assert method(answer).output_type is expected


def test_no_annotations_mean_any_document() -> None:
    def answer(self, docs): ...  # type: ignore[no-untyped-def]

    endpoint = method(answer)
    assert (endpoint.input_type, endpoint.output_type) == (None, None)


def test_schemas_given_to_the_decorator_win() -> None:
    def answer(self: Any, docs: DocList[Text]) -> DocList[Text]: ...

    endpoint = method(answer, request_schema=DocList[Embedded], response_schema=Embedded)
    assert (endpoint.input_type, endpoint.output_type) == (Embedded, Embedded)


def test_a_schema_that_is_no_document_is_refused() -> None:
    def answer(self: Any, docs: DocList[Text]) -> None: ...

    with pytest.raises(TypeError, match=r"Sample\.answer: request_schema is Settings"):
        method(answer, request_schema=Settings)


def test_parameters_may_be_a_model() -> None:
    def answer(self: Any, parameters: Settings) -> None: ...

    def maybe(self: Any, parameters: Settings | None) -> None: ...

    def plain(self: Any, parameters: dict[str, Any]) -> None: ...

    assert method(answer).parameters_type is Settings
    assert not method(answer).parameters_optional
    assert method(maybe).parameters_optional
    assert method(plain).parameters_type is None


@pytest.mark.parametrize(
    "annotation, advice",
    [
        (Text, r"`docs: DocList\[Text\]`.*`doc: Text`"),
        (list[Text], r"`docs: DocList\[Text\]`"),
        (int, r"`docs: DocList\[YourDocument\]`"),
        (DocVec, r"DocVec\[YourDocument\]"),
        (DocList[Text] | DocList[Embedded], "one class of documents"),
    ],
)
def test_a_wrong_annotation_of_docs_is_an_error_that_says_what_to_write(annotation: Any, advice: str) -> None:
    def answer(self: Any, docs: Any) -> None: ...

    answer.__annotations__["docs"] = annotation
    with pytest.raises(TypeError, match=rf"Sample\.answer: `docs` is .*{advice}"):
        method(answer)


@pytest.mark.parametrize(
    "annotation, advice", [(DocList[Text], r"`docs: DocList\[Text\]`"), (int, "no subclass of BaseDoc")]
)
def test_a_wrong_annotation_of_doc_is_an_error_that_says_what_to_write(annotation: Any, advice: str) -> None:
    def answer(self: Any, doc: Any) -> None: ...

    answer.__annotations__["doc"] = annotation
    with pytest.raises(TypeError, match=rf"Sample\.answer: `doc` is .*{advice}"):
        method(answer)


def test_a_wrong_annotation_of_parameters_is_an_error() -> None:
    def answer(self: Any, parameters: int) -> None: ...

    with pytest.raises(TypeError, match=r"Sample\.answer: `parameters` is annotated with int.*`parameters: dict`"):
        method(answer)


def test_a_wrong_return_annotation_is_an_error() -> None:
    def answer(self: Any, docs: DocList[Text]) -> int: ...

    with pytest.raises(TypeError, match=r"Sample\.answer: the return annotation is int.*`-> DocList\[YourDocument\]`"):
        method(answer)


# --- string annotations


def test_classes_of_a_function_are_found() -> None:
    class Local(BaseDoc):
        number: int

    class Counter(Executor):
        @requests
        def count(self, docs: DocList[Local]) -> DocList[Local]: ...

    assert only(Counter).input_type is Local


def test_a_class_that_is_defined_later_is_found_when_it_is_there() -> None:
    class Early(Executor):
        @requests
        def answer(self, docs: DocList[DefinedLater]) -> None: ...

    assert only(Early).input_type is DefinedLater


class DefinedLater(BaseDoc):
    pass


def test_a_name_that_is_nowhere_is_an_error_that_says_where_it_was_looked_for() -> None:
    class Lost(Executor):
        @requests
        def answer(self, docs: DocList[Missing]) -> None: ...

    with pytest.raises(UnknownName, match=r"Lost\.answer: .*`docs` uses 'Missing'.*test_endpoint"):
        endpoints(Lost)


def test_annotations_of_other_arguments_need_not_be_known() -> None:
    def answer(self: Any, docs: DocList[Text], context: Missing) -> None: ...

    assert method(answer).input_type is Text


def test_a_wrapped_method_is_read_through_its_wrapper() -> None:
    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    class Wrapped(Executor):
        @requests(on="/inside")
        @counted
        async def inside(self, docs: DocList[Text]) -> DocList[Embedded]: ...

        @counted
        @requests(on="/outside")
        def outside(self, doc: Text) -> Embedded: ...

    found = endpoints(Wrapped)
    assert (found["/inside"].kind, found["/inside"].input_type) == (MethodKind.ASYNC, Text)
    assert (found["/outside"].single, found["/outside"].output_type) == (True, Embedded)


# --- inheritance and remapping


class Parent(Executor):
    @requests(on="/a")
    def a(self, docs: DocList[Text]) -> None: ...

    @requests(on="/b")
    def b(self, docs: DocList[Text]) -> None: ...


def test_endpoints_are_inherited_and_replaced() -> None:
    class Child(Parent):
        @requests(on="/b")
        def other(self, docs: DocList[Embedded]) -> None: ...

    found = endpoints(Child)
    assert {path: endpoint.method for path, endpoint in found.items()} == {"/a": "a", "/b": "other"}
    assert found["/b"].input_type is Embedded


def test_an_overriding_method_answers_for_the_one_it_overrides() -> None:
    class Child(Parent):
        def a(self, docs: DocList[Embedded]) -> None: ...

    assert endpoints(Child)["/a"].input_type is Embedded


def test_a_method_that_is_decorated_again_answers_its_new_path_only() -> None:
    class Child(Parent):
        @requests(on="/c")
        def a(self, docs: DocList[Text]) -> None: ...

    assert set(endpoints(Child)) == {"/b", "/c"}


def test_two_methods_of_one_class_cannot_answer_one_path() -> None:
    with pytest.raises(TypeError, match="Twice: both one and two answer /a"):

        class Twice(Executor):
            @requests(on="/a")
            def one(self, docs: DocList[Text]) -> None: ...

            @requests(on="/a")
            def two(self, docs: DocList[Text]) -> None: ...


def test_static_and_class_methods_may_answer() -> None:
    class Free(Executor):
        @staticmethod
        @requests(on="/static")
        def static(docs: DocList[Text]) -> None: ...

        @classmethod
        @requests(on="/class")
        def of_class(cls, docs: DocList[Text]) -> None: ...

    assert {endpoint.takes for endpoint in endpoints(Free).values()} == {frozenset({"docs"})}


def test_remapping_takes_the_old_path_away() -> None:
    assert {path: e.method for path, e in endpoints(Parent, {"new": "a"}).items()} == {"/new": "a", "/b": "b"}


def test_remapping_reaches_methods_without_a_decorator() -> None:
    class Quiet(Executor):
        def answer(self, docs: DocList[Text]) -> None: ...

    assert endpoints(Quiet, {"/ask": "answer"})["/ask"].input_type is Text


def test_remapping_to_a_method_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(ConfigurationError, match=r"Parent has no method 'c'.*a, b"):
        endpoints(Parent, {"/c": "c"})


def test_a_method_may_read_a_stream() -> None:
    async def chat(self: Any, docs: AsyncIterator[Text]) -> AsyncIterator[Embedded]:
        async for doc in docs:
            yield Embedded(text=doc.text)

    def listen(self: Any, docs: Iterator[Text]) -> Iterator[Text]:
        yield from docs

    for function, kind in ((chat, MethodKind.ASYNC_ITERATOR), (listen, MethodKind.ITERATOR)):
        endpoint = method(function, on="/chat")
        assert endpoint.reads_stream
        assert endpoint.input_type is Text
        assert endpoint.kind is kind
    assert not method(_reads_a_list, on="/list").reads_stream


def _reads_a_list(self: Any, docs: DocList[Text]) -> Iterator[Text]:
    yield from docs


def test_whoever_reads_a_stream_answers_with_one_of_the_same_kind() -> None:
    def silent(self: Any, docs: Iterator[Text]) -> DocList[Text]:
        return DocList[Text](docs)

    def mixed(self: Any, docs: AsyncIterator[Text]) -> Iterator[Text]:
        yield Text()

    async def crossed(self: Any, docs: Iterator[Text]) -> AsyncIterator[Text]:
        yield Text()

    def lists(self: Any, docs: Iterator[DocList[Text]]) -> Iterator[Text]:
        yield Text()

    for function, advice in (
        (silent, "answers with one: `yield`"),
        (mixed, r"`def`, so its `docs` is an Iterator"),
        (crossed, r"`async def`, so its `docs` is an AsyncIterator"),
        (lists, "one document at a time"),
    ):
        with pytest.raises(TypeError, match=advice):
            method(function, on="/chat")
