"""The one interface in the middle: a request, an answer, and what handles them."""

from thalweg.message.content import ARROW, COLUMNS, DOCARRAY, JSON
from thalweg.message.context import Context, Visit
from thalweg.message.description import EndpointDescription, ServiceDescription
from thalweg.message.envelope import Buffer, Inflow, Request, Response
from thalweg.message.handler import Handler, Pending, Reply, UnaryHandler

__all__ = [
    "ARROW",
    "COLUMNS",
    "DOCARRAY",
    "JSON",
    "Buffer",
    "Context",
    "EndpointDescription",
    "Handler",
    "Inflow",
    "Pending",
    "Reply",
    "Request",
    "Response",
    "ServiceDescription",
    "UnaryHandler",
    "Visit",
]
