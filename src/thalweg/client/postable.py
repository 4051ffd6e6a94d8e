"""What one can post to: the methods that clients, Flows and Deployments have alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any, Literal, TypeVar, Unpack, overload

from thalweg.client.answer import Answer
from thalweg.client.arguments import AsyncCallback, CallArguments, Callback, Parameters
from thalweg.client.call import Callbacks, ClientSettings, Posted
from thalweg.client.conversing import one_document
from thalweg.client.exchange import Inputs, ReturnType, check_inputs
from thalweg.client.posting import Posting
from thalweg.client.profile import Profile
from thalweg.docs import AnyDoc, BaseDocWithoutId, DocList
from thalweg.errors import ConfigurationError

D = TypeVar("D", bound=BaseDocWithoutId)


class Postable(ABC):
    """Whatever can be called and waited for."""

    @abstractmethod
    def is_ready(self, timeout: float = 5.0) -> bool:
        """Whether the service answers and says that it is ready, within `timeout` seconds."""

    @abstractmethod
    def profiling(self, show_table: bool = True, rounds: int = 20, timeout: float = 30.0) -> Profile:
        """Where the time of a request goes, as far as the service tells."""

    @abstractmethod
    def _settled(self) -> ClientSettings:
        """What holds for every call that says nothing else."""

    @abstractmethod
    def _posting(self, call: Posted, inputs: Inputs) -> Any:
        """Carry `call` out."""

    @abstractmethod
    def _streaming(self, call: Posted, inputs: Inputs) -> Iterator[Any]:
        """Carry `call` out, document by document."""

    @abstractmethod
    def _conversing(self, call: Posted, inputs: Inputs) -> Iterator[Any]:
        """Carry `call` out as one stream in both directions."""

    @overload
    def post(  # type: ignore[overload-overlap]
        self,
        on: str,
        inputs: BaseDocWithoutId,
        on_done: None = None,
        on_error: Callback = None,
        on_always: None = None,
        parameters: Parameters = None,
        target_executor: str = "",
        *,
        return_type: type[D],
        return_responses: Literal[False] = False,
        **options: Unpack[CallArguments],
    ) -> D: ...

    @overload
    def post(
        self,
        on: str,
        inputs: Inputs = None,
        on_done: None = None,
        on_error: Callback = None,
        on_always: None = None,
        parameters: Parameters = None,
        target_executor: str = "",
        *,
        return_type: type[D] | type[DocList[D]],
        return_responses: Literal[False] = False,
        **options: Unpack[CallArguments],
    ) -> DocList[D]: ...

    @overload
    def post(
        self,
        on: str,
        inputs: Inputs = None,
        on_done: None = None,
        on_error: Callback = None,
        on_always: None = None,
        parameters: Parameters = None,
        target_executor: str = "",
        *,
        return_type: None = None,
        return_responses: Literal[False] = False,
        **options: Unpack[CallArguments],
    ) -> DocList[AnyDoc]: ...

    @overload
    def post(
        self,
        on: str,
        inputs: Inputs = None,
        on_done: Callback = None,
        on_error: Callback = None,
        on_always: Callback = None,
        parameters: Parameters = None,
        target_executor: str = "",
        *,
        return_type: ReturnType = None,
        return_responses: Literal[True],
        **options: Unpack[CallArguments],
    ) -> list[Answer[Any]]: ...

    @overload
    def post(
        self,
        on: str,
        inputs: Inputs = None,
        on_done: Callback = None,
        on_error: Callback = None,
        on_always: Callback = None,
        parameters: Parameters = None,
        target_executor: str = "",
        *,
        return_type: ReturnType = None,
        return_responses: bool = False,
        **options: Unpack[CallArguments],
    ) -> Any: ...

    def post(
        self,
        on: str,
        inputs: Inputs = None,
        on_done: Callback = None,
        on_error: Callback = None,
        on_always: Callback = None,
        parameters: Parameters = None,
        target_executor: str = "",
        **options: Any,
    ) -> Any:
        """Send documents to an endpoint and wait for the answer.

        Args:
            on: the endpoint, such as `/search`.
            inputs: a document, a mapping of its fields, a list or an iterable of them, an asynchronous iterable, a function
                that returns one of these, or None. They are read lazily and go in requests of `request_size` documents,
                `prefetch` of them under way at once.
            on_done: called with the `Answer` of every request that succeeded. With it, or with `on_always`, nothing is
                returned.
            on_error: called with the `Answer` of every request that failed, whatever the reason; nothing is raised then,
                and the other requests go on.
            on_always: called with every `Answer`, after one of the two others. They run in the thread that called.
            parameters: a mapping, or a pydantic model.
            target_executor: a regular expression; Executors whose whole name it does not match pass documents on.
            options: `return_type` (`T` or `DocList[T]`), `return_responses` (the answers in place of their documents),
                and what `CallArguments` describes.

        Returns:
            `DocList[T]`, in the order of the inputs (with `results_in_order=False` as they come); documents without a
            schema where no `return_type` is given; one document where `inputs` is one, `return_type` is `T`, and one
            came back.
            With `continue_on_error`, what succeeded; `return_responses=True` shows what did not, too.

        Raises:
            ThalwegError: the error of the first request that failed, the others being called off; not with `on_error` or
                `continue_on_error`. `attempts` says how often the request was sent.
        """
        callbacks = _callbacks(on_done, on_error, on_always)
        call = Posted.of(on, callbacks, parameters, target_executor, options, self._settled())
        return self._posting(call, inputs)

    @overload
    def stream(
        self,
        on: str,
        inputs: Inputs = None,
        *,
        parameters: Parameters = None,
        target_executor: str = "",
        return_type: type[D] | type[DocList[D]],
        **options: Unpack[CallArguments],
    ) -> Iterator[D]: ...

    @overload
    def stream(
        self,
        on: str,
        inputs: Inputs = None,
        *,
        parameters: Parameters = None,
        target_executor: str = "",
        return_type: None = None,
        **options: Unpack[CallArguments],
    ) -> Iterator[AnyDoc]: ...

    def stream(
        self,
        on: str,
        inputs: Inputs = None,
        *,
        parameters: Parameters = None,
        target_executor: str = "",
        **options: Any,
    ) -> Iterator[Any]:
        """The documents of the answer one by one, as they come: the items of a streaming endpoint, or those of any other
        while later requests are still under way. Closing the iterator, or dropping it, calls the rest off.

        Arguments as for `post`, without callbacks; each request has one document unless `request_size` says otherwise.
        """
        call = Posted.of(on, None, parameters, target_executor, {"request_size": 1, **options}, self._settled())
        return self._streaming(call, inputs)

    def stream_doc(
        self,
        on: str,
        inputs: BaseDocWithoutId | Mapping[str, Any],
        parameters: Parameters = None,
        target_executor: str = "",
        **options: Any,
    ) -> Iterator[Any]:
        """What a streaming endpoint makes of one document, item by item. Jina's name for `stream` with one document.

        Raises `MalformedRequest` where `inputs` is anything else.
        """
        return self.stream(on, one_document(inputs), parameters=parameters, target_executor=target_executor, **options)

    def converse(
        self,
        on: str,
        inputs: Inputs,
        *,
        parameters: Parameters = None,
        target_executor: str = "",
        **options: Any,
    ) -> Iterator[Any]:
        """Send documents while answers come: all of `inputs` is ONE stream to the endpoint, and what it says comes back at
        once. Each document goes out when it is there and the endpoint has room for it; `request_size` may join several.
        An iterator is read in a thread of its own, so it may wait for what you do with an answer.

        Any transport but HTTP offers it. An endpoint that reads no streams answers each document as a request of its own.
        There are no retries: what was said cannot be said again. Closing the iterator calls the rest off.

        Raises:
            UnsupportedContent: it was called over HTTP.
            ThalwegError: as `post`. What `inputs` raises comes out unchanged.
        """
        call = Posted.of(on, None, parameters, target_executor, {"request_size": 1, **options}, self._settled())
        return self._conversing(call, inputs)

    def is_flow_ready(self, timeout: float = 5.0) -> bool:
        """Jina's name for `is_ready`."""
        return self.is_ready(timeout)

    def dry_run(self, timeout: float = 5.0) -> bool:
        """Jina's older name for `is_ready`."""
        return self.is_ready(timeout)

    @staticmethod
    def check_input(inputs: Inputs = None) -> None:
        """Raise `MalformedRequest` where `inputs` cannot be sent, by the first of them. Takes that one from a generator."""
        check_inputs(inputs)

    def index(self, inputs: Inputs = None, **arguments: Any) -> Any:
        """`post` to `/index`."""
        return self.post("/index", inputs, **arguments)

    def search(self, inputs: Inputs = None, **arguments: Any) -> Any:
        """`post` to `/search`."""
        return self.post("/search", inputs, **arguments)

    def update(self, inputs: Inputs = None, **arguments: Any) -> Any:
        """`post` to `/update`."""
        return self.post("/update", inputs, **arguments)

    def delete(self, inputs: Inputs = None, **arguments: Any) -> Any:
        """`post` to `/delete`."""
        return self.post("/delete", inputs, **arguments)


class AsyncPostable(ABC):
    """Whatever can be called without waiting for it."""

    @abstractmethod
    async def is_ready(self, timeout: float = 5.0) -> bool:
        """Whether the service answers and says that it is ready, within `timeout` seconds."""

    @abstractmethod
    async def profiling(self, show_table: bool = True, rounds: int = 20, timeout: float = 30.0) -> Profile:
        """Where the time of a request goes, as far as the service tells."""

    @abstractmethod
    def _settled(self) -> ClientSettings:
        """What holds for every call that says nothing else."""

    @abstractmethod
    def _posting(self, call: Posted, inputs: Inputs) -> Posting[Any, Any]:
        """Carry `call` out."""

    @abstractmethod
    def _streaming(self, call: Posted, inputs: Inputs) -> AsyncGenerator[Any, None]:
        """Carry `call` out, document by document."""

    @abstractmethod
    def _conversing(self, call: Posted, inputs: Inputs) -> AsyncGenerator[Any, None]:
        """Carry `call` out as one stream in both directions."""

    @overload
    def post(  # type: ignore[overload-overlap]
        self,
        on: str,
        inputs: BaseDocWithoutId,
        on_done: None = None,
        on_error: AsyncCallback = None,
        on_always: None = None,
        parameters: Parameters = None,
        target_executor: str = "",
        *,
        return_type: type[D],
        return_responses: Literal[False] = False,
        **options: Unpack[CallArguments],
    ) -> Posting[D, DocList[D]]: ...

    @overload
    def post(
        self,
        on: str,
        inputs: Inputs = None,
        on_done: None = None,
        on_error: AsyncCallback = None,
        on_always: None = None,
        parameters: Parameters = None,
        target_executor: str = "",
        *,
        return_type: type[D] | type[DocList[D]],
        return_responses: Literal[False] = False,
        **options: Unpack[CallArguments],
    ) -> Posting[DocList[D], DocList[D]]: ...

    @overload
    def post(
        self,
        on: str,
        inputs: Inputs = None,
        on_done: None = None,
        on_error: AsyncCallback = None,
        on_always: None = None,
        parameters: Parameters = None,
        target_executor: str = "",
        *,
        return_type: None = None,
        return_responses: Literal[False] = False,
        **options: Unpack[CallArguments],
    ) -> Posting[DocList[AnyDoc], DocList[AnyDoc]]: ...

    @overload
    def post(
        self,
        on: str,
        inputs: Inputs = None,
        on_done: AsyncCallback = None,
        on_error: AsyncCallback = None,
        on_always: AsyncCallback = None,
        parameters: Parameters = None,
        target_executor: str = "",
        *,
        return_type: ReturnType = None,
        return_responses: Literal[True],
        **options: Unpack[CallArguments],
    ) -> Posting[list[Answer[Any]], Answer[Any]]: ...

    @overload
    def post(
        self,
        on: str,
        inputs: Inputs = None,
        on_done: AsyncCallback = None,
        on_error: AsyncCallback = None,
        on_always: AsyncCallback = None,
        parameters: Parameters = None,
        target_executor: str = "",
        *,
        return_type: ReturnType = None,
        return_responses: bool = False,
        **options: Unpack[CallArguments],
    ) -> Posting[Any, Any]: ...

    def post(
        self,
        on: str,
        inputs: Inputs = None,
        on_done: AsyncCallback = None,
        on_error: AsyncCallback = None,
        on_always: AsyncCallback = None,
        parameters: Parameters = None,
        target_executor: str = "",
        **options: Any,
    ) -> Any:
        """Send documents to an endpoint.

        Args:
            on: the endpoint, such as `/search`.
            inputs: a document, a mapping of its fields, a list or an iterable of them, an asynchronous iterable, a function
                that returns one of these, or None. They are read lazily and go in requests of `request_size` documents,
                `prefetch` of them under way at once.
            on_done: called with the `Answer` of every request that succeeded. With it, or with `on_always`, nothing is
                returned.
            on_error: called with the `Answer` of every request that failed, whatever the reason; nothing is raised then,
                and the other requests go on.
            on_always: called with every `Answer`, after one of the two others. Each may be asynchronous.
            parameters: a mapping, or a pydantic model.
            target_executor: a regular expression; Executors whose whole name it does not match pass documents on.
            options: `return_type` (`T` or `DocList[T]`), `return_responses` (the answers in place of their documents),
                and what `CallArguments` describes.

        Returns:
            `DocList[T]`, in the order of the inputs (with `results_in_order=False` as they come); documents without a
            schema where no `return_type` is given; one document where `inputs` is one, `return_type` is `T`, and one
            came back. Iterated instead of awaited, the list of each request.
            With `continue_on_error`, what succeeded; `return_responses=True` shows what did not, too.

        Raises:
            ThalwegError: the error of the first request that failed, the others being called off; not with `on_error` or
                `continue_on_error`. `attempts` says how often the request was sent.
        """
        callbacks = _callbacks(on_done, on_error, on_always)
        call = Posted.of(on, callbacks, parameters, target_executor, options, self._settled())
        return self._posting(call, inputs)

    @overload
    def stream(
        self,
        on: str,
        inputs: Inputs = None,
        *,
        parameters: Parameters = None,
        target_executor: str = "",
        return_type: type[D] | type[DocList[D]],
        **options: Unpack[CallArguments],
    ) -> AsyncGenerator[D, None]: ...

    @overload
    def stream(
        self,
        on: str,
        inputs: Inputs = None,
        *,
        parameters: Parameters = None,
        target_executor: str = "",
        return_type: None = None,
        **options: Unpack[CallArguments],
    ) -> AsyncGenerator[AnyDoc, None]: ...

    def stream(
        self,
        on: str,
        inputs: Inputs = None,
        *,
        parameters: Parameters = None,
        target_executor: str = "",
        **options: Any,
    ) -> AsyncGenerator[Any, None]:
        """The documents of the answer one by one, as they come: the items of a streaming endpoint, or those of any other
        while later requests are still under way. Closing the iterator calls the rest off.

        Arguments as for `post`, without callbacks; each request has one document unless `request_size` says otherwise.
        """
        call = Posted.of(on, None, parameters, target_executor, {"request_size": 1, **options}, self._settled())
        return self._streaming(call, inputs)

    def stream_doc(
        self,
        on: str,
        inputs: BaseDocWithoutId | Mapping[str, Any],
        parameters: Parameters = None,
        target_executor: str = "",
        **options: Any,
    ) -> AsyncGenerator[Any, None]:
        """What a streaming endpoint makes of one document, item by item. Jina's name for `stream` with one document.

        Raises `MalformedRequest` where `inputs` is anything else.
        """
        return self.stream(on, one_document(inputs), parameters=parameters, target_executor=target_executor, **options)

    def converse(
        self,
        on: str,
        inputs: Inputs,
        *,
        parameters: Parameters = None,
        target_executor: str = "",
        **options: Any,
    ) -> AsyncGenerator[Any, None]:
        """Send documents while answers come: all of `inputs` is ONE stream to the endpoint, and what it says comes back at
        once. Each document goes out when it is there and the endpoint has room for it; `request_size` may join several.
        An asynchronous iterator may wait for what you do with an answer.

        Any transport but HTTP offers it. An endpoint that reads no streams answers each document as a request of its own.
        There are no retries: what was said cannot be said again. Closing the iterator calls the rest off.

        Raises:
            UnsupportedContent: it was called over HTTP.
            ThalwegError: as `post`. What `inputs` raises comes out unchanged.
        """
        call = Posted.of(on, None, parameters, target_executor, {"request_size": 1, **options}, self._settled())
        return self._conversing(call, inputs)

    async def is_flow_ready(self, timeout: float = 5.0) -> bool:
        """Jina's name for `is_ready`."""
        return await self.is_ready(timeout)

    async def dry_run(self, timeout: float = 5.0) -> bool:
        """Jina's older name for `is_ready`."""
        return await self.is_ready(timeout)

    @staticmethod
    def check_input(inputs: Inputs = None) -> None:
        """Raise `MalformedRequest` where `inputs` cannot be sent, by the first of them. Takes that one from a generator."""
        check_inputs(inputs)

    def index(self, inputs: Inputs = None, **arguments: Any) -> Any:
        """`post` to `/index`."""
        return self.post("/index", inputs, **arguments)

    def search(self, inputs: Inputs = None, **arguments: Any) -> Any:
        """`post` to `/search`."""
        return self.post("/search", inputs, **arguments)

    def update(self, inputs: Inputs = None, **arguments: Any) -> Any:
        """`post` to `/update`."""
        return self.post("/update", inputs, **arguments)

    def delete(self, inputs: Inputs = None, **arguments: Any) -> Any:
        """`post` to `/delete`."""
        return self.post("/delete", inputs, **arguments)


def _callbacks(on_done: AsyncCallback, on_error: AsyncCallback, on_always: AsyncCallback) -> Callbacks | None:
    given = (on_done, on_error, on_always)
    for name, callback in zip(("on_done", "on_error", "on_always"), given, strict=True):
        if callback is not None and not callable(callback):
            raise ConfigurationError(f"{name} must be a function that takes an answer, not {callback!r}.")
    return None if given == (None, None, None) else Callbacks(*given)
