"""To which replica a request goes, and what happens when that one is lost."""

from thalweg.routing.balancer import Balancer
from thalweg.routing.pool import ReplicaPool

__all__ = ["Balancer", "ReplicaPool"]
