"""From a query to its result: parse, check, run."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationType,
    execute,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import NoSchemaIntrospectionCustomRule

from thalweg.config import GraphqlOptions
from thalweg.errors import MalformedRequest, ThalwegError, WrongReturnType
from thalweg.message import JSON, Context, Request, Response, ServiceDescription
from thalweg.message.status import to_failure
from thalweg.transport.contract import Serving
from thalweg.transport.dispatch import dispatch
from thalweg.transport.graphql.limits import check_extent
from thalweg.transport.graphql.schema import Answer, EndpointCall, graphql_schema
from thalweg.transport.http.failures import encode_failure

MOST_ERRORS = 20
"""Findings about one query that are told."""
REMEMBERED = 256
"""Queries that are kept parsed and checked."""
LONG_QUERY = 2_000
"""Characters from which on a query is checked beside the event loop, so that others do not wait for it."""


class Asked(NamedTuple):
    """A request as it comes over HTTP."""

    query: str
    variables: Mapping[str, Any]
    operation: str | None


class QueryRefused(Exception):
    """The query was not run, because of `errors`."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(errors[0].message)
        self.errors = errors


class _Answer(msgspec.Struct):
    data: list[Any] | dict[str, Any] = []
    parameters: dict[str, Any] = {}


_read = msgspec.json.Decoder(_Answer).decode


class Engine:
    """Runs queries on what `serving` serves."""

    def __init__(self, serving: Serving, options: GraphqlOptions) -> None:
        self._serving = serving
        self._options = options
        self._described: ServiceDescription | None = None
        self._schema: GraphQLSchema | None = None
        self._known: OrderedDict[str, DocumentNode] = OrderedDict()
        self._rules = [*specified_rules, *([] if options.introspection else [NoSchemaIntrospectionCustomRule])]

    @property
    def schema(self) -> GraphQLSchema:
        described = self._serving.describe()
        if self._schema is None or described is not self._described:
            self._described = described
            self._schema = graphql_schema(described, self._ask)
            self._known.clear()
        return self._schema

    async def run(self, asked: Asked, context: Context, headers: dict[str, str], *, reading: bool) -> dict[str, Any]:
        """The result. `headers` takes those that Executors give. `reading` is for requests that must not be mutations.

        Raises:
            QueryRefused: the query is none, or not one of this schema.
            MalformedRequest: it asks to change something where that cannot be asked.
            InvalidDocument: it asks for too much.
        """
        document = await self._document(asked.query)
        operation = get_operation_ast(document, asked.operation)
        if reading and operation is not None and operation.operation is not OperationType.QUERY:
            raise MalformedRequest("A mutation comes by POST.")
        result = execute(
            self.schema,
            document,
            context_value=_Run(context, headers),
            variable_values=dict(asked.variables),
            operation_name=asked.operation,
        )
        outcome: Any = await result if hasattr(result, "__await__") else result
        if outcome.data is None and outcome.errors and all(error.path is None for error in outcome.errors):
            raise QueryRefused(outcome.errors)
        told: dict[str, Any] = {"data": outcome.data}
        if outcome.errors:
            told["errors"] = [told_error(error, context) for error in outcome.errors]
        return told

    async def _document(self, query: str) -> DocumentNode:
        schema = self.schema
        known = self._known.get(query)
        if known is not None:
            self._known.move_to_end(query)
            return known
        if len(query) > LONG_QUERY:
            document = await asyncio.to_thread(self._checked, schema, query)
        else:
            document = self._checked(schema, query)
        self._known[query] = document
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return document

    def _checked(self, schema: GraphQLSchema, query: str) -> DocumentNode:
        try:
            document = parse(query, max_tokens=self._options.max_tokens)
        except GraphQLError as error:
            raise QueryRefused([error]) from None
        except RecursionError:
            raise MalformedRequest("The query is nested too deeply.") from None
        check_extent(document, self._options)
        errors = validate(schema, document, self._rules, max_errors=MOST_ERRORS)
        if errors:
            raise QueryRefused(errors)
        return document

    async def _ask(self, call: EndpointCall, info: GraphQLResolveInfo[Any]) -> Answer:
        """Ask the handler; what a streaming endpoint gives is one list here."""
        run: _Run = info.context
        data = call.data if isinstance(call.data, list) or call.data is None else [call.data]
        endpoint = self._serving.describe().find(call.endpoint)
        bare = endpoint is not None and not endpoint.envelope
        if bare:
            if data is None or len(data) != 1:
                raise MalformedRequest(f"{call.endpoint} takes one document.")
            body = msgspec.json.encode(data[0])
        else:
            content: dict[str, Any] = {} if data is None else {"data": data}
            if call.parameters is not None:
                content["parameters"] = call.parameters
            body = msgspec.json.encode(content)
        gathered = _Gathered(bare, self._serving.limits.max_message_bytes)
        request = Request(call.endpoint, (body,), JSON, target=call.target or "")
        error = await dispatch(self._serving.handler, request, run.own(), gathered.take)
        run.headers.update(gathered.headers)
        if error is not None:
            raise error
        return {"data": gathered.data, "parameters": gathered.parameters}


class _Run:
    """What the calls of one query share."""

    def __init__(self, context: Context, headers: dict[str, str]) -> None:
        self._context = context
        self.headers = headers

    def own(self) -> Context:
        """A context of a call's own: one that fails is called off alone."""
        shared = self._context
        return Context(
            deadline=shared.deadline,
            metadata=shared.metadata,
            trace=shared.trace,
            request_id=shared.request_id,
            priority=shared.priority,
            share=shared.share,
        )


class _Gathered:
    """The answers to one call, put together, up to the largest answer that there may be."""

    def __init__(self, bare: bool, largest: int) -> None:
        self.data: list[Any] = []
        self.parameters: dict[str, Any] = {}
        self.headers: dict[str, str] = {}
        self._bare = bare
        self._left = largest

    def take(self, response: Response) -> None:
        self._left -= response.size
        if self._left < 0:
            raise WrongReturnType("The answer is larger than any that is sent.")
        self.headers.update(response.headers)
        body = b"".join(response.body)
        if self._bare:
            self.data.append(msgspec.json.decode(body))
            return
        answer = _read(body)
        self.data += answer.data if isinstance(answer.data, list) else [answer.data]
        self.parameters |= {**response.parameters, **answer.parameters}


def told_error(error: GraphQLError, context: Context | None = None) -> dict[str, Any]:
    """`error` as GraphQL tells it, with the body that it has everywhere else in `extensions`."""
    told: dict[str, Any] = {"message": error.message}
    if error.locations:
        told["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        told["path"] = error.path
    original = error.original_error
    if original is not None and not isinstance(original, GraphQLError):
        failure = to_failure(original, context.request_id if context is not None else "")
        told["message"] = failure.message
        told["extensions"] = msgspec.json.decode(encode_failure(failure))
    elif isinstance(original, ThalwegError):
        told["message"] = original.message
    else:
        told["extensions"] = {"code": "malformed_request"}
    return told
