"""Gateways of a user's own: other routes, other servers, in front of the same Flow."""

from thalweg.gateway.custom import Gateway
from thalweg.gateway.streamer import ExecutorCalls, Streamer

__all__ = ["ExecutorCalls", "Gateway", "Streamer"]
