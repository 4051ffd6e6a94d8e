"""Documents as bodies and responses of FastAPI.

Documents are pydantic models, so FastAPI takes them as they are. Two things it does not: it holds a `DocList` for a list of
uploaded files, and it makes Python of a body before it validates it, so that bytes are not read as the base64 that they
are written as. `DocumentRoute` does both right, and reads tensors faster.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Coroutine
from functools import partial, update_wrapper
from typing import Annotated, Any, get_args, get_origin

import msgspec
from fastapi import Body, Request, Response
from fastapi.params import Body as BodyInfo
from fastapi.params import Depends, File, Form, Param
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import GetCoreSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, core_schema, to_json

from thalweg.docs.annotation import documents_in
from thalweg.docs.codecs.json import encode_array
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.typed import ArrayClass
from thalweg.docs.typing.array import is_tensor
from thalweg.docs.typing.tensor import to_plain

__all__ = ["DocArrayResponse", "DocumentRoute"]


class DocArrayResponse(JSONResponse):
    """A response of documents, written as `to_json` writes them: a document, a list of them, or anything JSON can hold
    with documents and tensors in it.

    Returned from an endpoint it is sent as it is, without a second validation: `return DocArrayResponse(docs)`, with
    `response_model=DocList[Answer]` for the OpenAPI schema.
    """

    def render(self, content: Any) -> bytes:
        if isinstance(content, BaseDocWithoutId):
            return content.to_json().encode()
        if isinstance(content, (DocList, DocVec)):
            return encode_array(content)
        if isinstance(content, (list, tuple)) and content and all(isinstance(d, BaseDocWithoutId) for d in content):
            return encode_array(DocList.trusted(content))
        return to_json(content, inf_nan_mode="strings", bytes_mode="base64", fallback=_tensor)


def _tensor(value: Any) -> Any:
    if isinstance(value, DocVec):
        return value.to_doc_list()
    if is_tensor(value):
        return to_plain(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


class DocumentRoute(APIRoute):
    """A route whose bodies may be documents: `app.router.route_class = DocumentRoute`, before any endpoint is added, or
    `APIRouter(route_class=DocumentRoute)`.

    A parameter that is a document, a `DocList`, a `DocVec` or a list of documents is a body, read from JSON in one pass.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        signature = _signature(endpoint)
        bodies = {name: body for name, found in signature.parameters.items() if (body := _body(found)) is not None}
        self._names = frozenset(map(_name, bodies.values()))
        if bodies:
            parameters = [bodies.get(name, parameter) for name, parameter in signature.parameters.items()]
            endpoint = _with_signature(endpoint, signature.replace(parameters=parameters))
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, which leaves documents in a body unparsed until they are validated."""
        handle, names = super().get_route_handler(), self._names
        if not names:
            return handle

        async def handle_unparsed(request: Request) -> Response:
            return await handle(_UnparsedRequest(request, names))

        return handle_unparsed


class _Unparsed:
    """JSON of documents, or an object in which some values are JSON of documents."""

    def __init__(self, data: bytes, names: frozenset[str]) -> None:
        self.data = data
        self._names = names
        self._values: dict[str, msgspec.Raw] | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """What FastAPI asks a body for that holds several parameters."""
        if self._values is None:
            try:
                self._values = _OBJECT.decode(self.data)
            except msgspec.MsgspecError:
                raise AttributeError("the body is no JSON object") from None
        raw = self._values.get(name)
        if raw is None:
            return default
        return _Unparsed(bytes(raw), frozenset()) if name in self._names else json.loads(bytes(raw))


_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _UnparsedRequest(Request):
    def __init__(self, request: Request, names: frozenset[str]) -> None:
        super().__init__(request.scope, request.receive)
        self._names = names

    async def json(self) -> Any:
        return _Unparsed(await self.body(), self._names)


class _FromJSON:
    """Validates JSON that is not parsed yet; anything else as ever."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        read = _reader(source)

        def validate(value: Any, inner: core_schema.ValidatorFunctionWrapHandler) -> Any:
            return read(value.data) if type(value) is _Unparsed else inner(value)

        return core_schema.no_info_wrap_validator_function(validate, handler(source))


def _reader(source: Any) -> Callable[[bytes], Any]:
    if isinstance(source, ArrayClass):
        return source.from_json  # type: ignore[attr-defined, no-any-return]
    if get_origin(source) is list and isinstance(item := get_args(source)[0], type):
        return lambda data: list(DocList[item].from_json(data))  # type: ignore[valid-type]
    return TypeAdapter(source).validate_json


def _signature(endpoint: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(endpoint, eval_str=True)
    except NameError:  # an annotation in quotes that only FastAPI can say something about
        return inspect.signature(endpoint)


def _body(parameter: inspect.Parameter) -> inspect.Parameter | None:
    """The parameter as a body of documents; None where it is something else."""
    annotation, said = parameter.annotation, parameter.default
    metadata = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    if any(isinstance(item, (Depends, Param, Form, File)) for item in (*metadata, said)):
        return None
    if not _holds_documents(annotation):
        return None
    is_body = any(isinstance(item, BodyInfo) for item in (*metadata, said))
    more = (_FromJSON(),) if is_body else (_FromJSON(), Body())
    return parameter.replace(annotation=Annotated[(annotation, *more)])


def _holds_documents(annotation: Any) -> bool:
    return annotation in (DocList, DocVec) or any(True for _ in documents_in(annotation))


def _name(parameter: inspect.Parameter) -> str:
    said = (*get_args(parameter.annotation)[1:], parameter.default)
    return next((item.alias for item in said if isinstance(item, BodyInfo) and item.alias), parameter.name)


def _with_signature(endpoint: Callable[..., Any], signature: inspect.Signature) -> Callable[..., Any]:
    """The same endpoint under another signature; the user's function stays as it is."""
    wrapped = partial(endpoint)
    update_wrapper(wrapped, endpoint)
    wrapped.__signature__ = signature  # type: ignore[attr-defined]
    return wrapped
