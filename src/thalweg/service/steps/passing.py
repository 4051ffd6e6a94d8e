"""Nodes of a Flow without an Executor: they give back what they are given."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from thalweg.message import Context, Pending, Reply, Request, Response
from thalweg.message.branches import BRANCHES
from thalweg.service.steps.joining import joined_answer


class Passing:
    """Answers a request with its own documents, in the content type that is wanted."""

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        parameters = {name: value for name, value in request.parameters.items() if name != BRANCHES}
        given = Response(request.body, request.content_type, parameters)
        yield joined_answer([given], request.accept or request.content_type)

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """Always None: a reply may not be called before this has returned."""
        return None
