"""The GraphQL schema of a service: a field for each endpoint, among the queries and among the mutations; pure.

    { encode(data: [{text: "hello"}], parameters: {top: 3}) { data { embedding } parameters } }

Queries run side by side, mutations one after the other; what an endpoint does to the world only its author knows, so each is
both. The field `docs` takes the endpoint as an argument, as Jina's does, and gives the documents themselves:

    mutation { docs(data: [{text: "hello"}], execEndpoint: "/encode") { id text } }
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLString,
)

from thalweg.message import EndpointDescription, ServiceDescription
from thalweg.transport.graphql.types import ANYTHING, Types, identifier

SEARCH = "/search"
"""What `docs` calls where nothing else is said, as in Jina."""
DOCS = "docs"
_TARGET = "Only Executors whose whole name matches this regular expression do their work."


class EndpointCall(NamedTuple):
    """What one field asks of an endpoint."""

    endpoint: str
    data: Any
    parameters: Any
    target: str


Answer: TypeAlias = dict[str, Any]
"""`data` and `parameters` of an answer, as they are in JSON."""
Ask: TypeAlias = Callable[[EndpointCall, GraphQLResolveInfo[Any]], Awaitable[Answer]]


def graphql_schema(service: ServiceDescription, ask: Ask) -> GraphQLSchema:
    """The schema of `service`, whose fields are resolved by `ask`."""
    types = Types()
    for reserved in ("Query", "Mutation", "Document", "JSON", "Tensor", "Long"):
        types.name(reserved, reserved)
    fields: dict[str, GraphQLField] = {}
    for endpoint in service.endpoints:
        name = identifier(endpoint.path)
        while name in fields or name == DOCS:
            name += "_"
        fields[name] = _field(endpoint, name, types, ask)
    fields[DOCS] = _docs(service, types, ask)
    return GraphQLSchema(GraphQLObjectType("Query", fields), GraphQLObjectType("Mutation", dict(fields)))


def _field(endpoint: EndpointDescription, name: str, types: Types, ask: Ask) -> GraphQLField:
    document = types.output(endpoint.output_schema, f"{name}_document")
    taken = types.input(endpoint.input_schema, f"{name}_document")
    parameters = types.input(endpoint.parameters_schema, f"{name}_parameters")
    if endpoint.parameters_schema and endpoint.parameters_schema.get("required"):
        parameters = GraphQLNonNull(parameters)
    answer = GraphQLObjectType(
        types.name(f"{name}_answer", f"answer {endpoint.path}"),
        {
            "data": GraphQLField(GraphQLNonNull(GraphQLList(document)), description="The documents."),
            "parameters": GraphQLField(ANYTHING, description="The parameters, and what Executors reported in them."),
        },
    )

    async def resolve(
        _: Any, info: GraphQLResolveInfo[Any], *, data: Any = None, parameters: Any = None, target: str = ""
    ) -> Answer:
        return await ask(EndpointCall(endpoint.path, data, parameters, target), info)

    return GraphQLField(
        GraphQLNonNull(answer),
        args={
            "data": GraphQLArgument(GraphQLList(GraphQLNonNull(taken)), description="One document, or several."),
            "parameters": GraphQLArgument(parameters),
            "target": GraphQLArgument(GraphQLString, description=_TARGET),
        },
        resolve=resolve,
        description=endpoint.description or f"Calls {endpoint.path}.",
    )


def _docs(service: ServiceDescription, types: Types, ask: Ask) -> GraphQLField:
    async def resolve(_: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
        endpoint = given.get("execEndpoint") or SEARCH
        call = EndpointCall(
            endpoint if endpoint.startswith("/") else f"/{endpoint}",
            given.get("data"),
            given.get("parameters"),
            given.get("targetExecutor") or "",
        )
        return (await ask(call, info))["data"]

    return GraphQLField(
        GraphQLList(_any_document(service, types)),
        args={
            "data": GraphQLArgument(ANYTHING, description="One document, or a list of them."),
            "targetExecutor": GraphQLArgument(GraphQLString, description=_TARGET),
            "parameters": GraphQLArgument(ANYTHING),
            "execEndpoint": GraphQLArgument(GraphQLString, default_value=SEARCH),
        },
        resolve=resolve,
        description="Calls the endpoint that is named, and gives its documents.",
    )


def _any_document(service: ServiceDescription, types: Types) -> GraphQLObjectType:
    """A document of any endpoint: it has the fields of all; one that is not the same everywhere is any JSON."""

    def fields() -> dict[str, GraphQLField]:
        found: dict[str, GraphQLField] = {"id": GraphQLField(GraphQLString)}
        for endpoint in service.endpoints:
            document = types.output(endpoint.output_schema, f"{identifier(endpoint.path)}_document")
            for name, field in (document.fields if isinstance(document, GraphQLObjectType) else {}).items():
                known = found.get(name)
                same = known is None or known.type is field.type or str(known.type) == str(field.type)
                found[name] = field if same else GraphQLField(ANYTHING, resolve=field.resolve)
        return found

    return GraphQLObjectType("Document", fields)
