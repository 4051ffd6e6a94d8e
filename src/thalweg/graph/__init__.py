"""Flow logic, pure: which Executors there are, which of them an endpoint needs, in what order, and how branches join."""

from thalweg.graph.plan import Plan, Step
from thalweg.graph.topology import ENTRY, Node, Topology

__all__ = ["ENTRY", "Node", "Plan", "Step", "Topology"]
