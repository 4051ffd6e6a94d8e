"""Calling a Flow or a Deployment: `Client` blocks, `AsyncClient` does not."""

from thalweg.client.answer import Answer
from thalweg.client.asynchronous import AsyncClient
from thalweg.client.blocking import Client

__all__ = ["Answer", "AsyncClient", "Client"]
