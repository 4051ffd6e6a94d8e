"""An Executor with shards and what stands before and after them: from outside they are one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from thalweg.errors import SchemaMismatch
from thalweg.graph.schema import combined, misfits
from thalweg.message import EndpointDescription, ServiceDescription

BEFORE = "/before"
AFTER = "/after"
"""What is added to the name of an Executor for the one that stands before, or after, its shards. No Executor of the user's
is called so: a name has no slash in it."""


def whole(descriptions: Mapping[str, ServiceDescription]) -> dict[str, ServiceDescription]:
    """Each Executor as it is seen from outside: it takes what stands before its shards takes, and gives what stands after
    them gives."""
    return {
        name: ServiceDescription(
            description.name, tuple(_joined(name, endpoint, descriptions) for endpoint in description.endpoints)
        )
        for name, description in descriptions.items()
        if not name.endswith((BEFORE, AFTER))
    }


def binding(descriptions: Mapping[str, ServiceDescription], name: str, path: str) -> EndpointDescription | None:
    """What the Executor `name` does at `path`, if there is one."""
    description = descriptions.get(name)
    return None if description is None else description.find(path)


def _joined(
    name: str, endpoint: EndpointDescription, descriptions: Mapping[str, ServiceDescription]
) -> EndpointDescription:
    before = binding(descriptions, name + BEFORE, endpoint.path)
    after = None if endpoint.streaming else binding(descriptions, name + AFTER, endpoint.path)
    first = before or endpoint
    last = after or endpoint
    given = last.output_schema or last.input_schema
    parts = [part for part in (before, endpoint, after) if part is not None]
    if len(parts) == 1:
        return endpoint
    return replace(
        endpoint,
        input_schema=first.input_schema,
        output_schema=given,
        parameters_schema=combined([part.parameters_schema for part in parts if part.parameters_schema is not None]),
        single=first.single,
        envelope=first.envelope,
        reads_metadata=any(part.reads_metadata for part in parts),
        writes=any(part.writes for part in parts),
        plain=last.plain,
    )


def check_parts(descriptions: Mapping[str, ServiceDescription]) -> None:
    """Check that what stands before and after shards fits them.

    Raises:
        SchemaMismatch: one's output cannot feed the next one's input, or one streams that stands beside the shards.
    """
    for name, description in descriptions.items():
        for endpoint in () if name.endswith((BEFORE, AFTER)) else description.endpoints:
            for giver, given, taker, taken in _pairs(name, endpoint, descriptions):
                if "/" in giver + taker and (
                    problems := misfits(given.output_schema or given.input_schema, taken.input_schema)
                ):
                    listed = "\n".join(f"  - {problem}" for problem in problems)
                    raise SchemaMismatch(
                        f"{giver!r} cannot feed {taker!r}: what it gives at {given.path} does not fit what is taken at "
                        f"{taken.path}:\n{listed}",
                        executor=taker,
                    )


def _pairs(
    name: str, endpoint: EndpointDescription, descriptions: Mapping[str, ServiceDescription]
) -> Iterator[tuple[str, EndpointDescription, str, EndpointDescription]]:
    before = binding(descriptions, name + BEFORE, endpoint.path)
    after = binding(descriptions, name + AFTER, endpoint.path)
    for part, found in ((BEFORE, before), (AFTER, after)):
        if found is not None and found.streaming:
            raise SchemaMismatch(
                f"{name + part!r} answers {endpoint.path} with a stream; what stands {part[1:]} shards answers once.",
                executor=name + part,
            )
    if before is not None:
        yield name + BEFORE, before, name, endpoint
    if after is not None and not endpoint.streaming:
        yield name, endpoint, name + AFTER, after
