"""The one interface in the middle: a request, an answer, and what handles them."""

from thalweg.message.content import COLUMNS, JSON
from thalweg.message.context import Context
from thalweg.message.description import EndpointDescription, ServiceDescription
from thalweg.message.envelope import Buffer, Request, Response
from thalweg.message.handler import Handler, Pending, Reply, UnaryHandler

__all__ = [
    "COLUMNS",
    "JSON",
    "Buffer",
    "Context",
    "EndpointDescription",
    "Handler",
    "Pending",
    "Reply",
    "Request",
    "Response",
    "ServiceDescription",
    "UnaryHandler",
]
