"""Who may call, and how often: handlers that stand in front of a service."""

from thalweg.access.guard import Guard

__all__ = ["Guard"]
