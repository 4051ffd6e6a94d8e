"""What Executors say of themselves, asked in processes of their own, before anything is served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from thalweg.config import FlowOptions
from thalweg.message import ServiceDescription
from thalweg.orchestration.blueprint import Blueprint, flow_blueprint
from thalweg.orchestration.directory import Directory
from thalweg.orchestration.session import Session


class _Seen(Exception):
    """Ends a start at the moment when every Executor is described and fits, and none is constructed."""

    def __init__(self, descriptions: Mapping[str, ServiceDescription]) -> None:
        super().__init__()
        self.descriptions = descriptions


def inspect(options: FlowOptions) -> Mapping[str, ServiceDescription]:
    """What each Executor of a Flow answers. User code is imported, in child processes; nothing is constructed or bound.

    Raises:
        StartupFailed: an Executor cannot be found or imported; its traceback is part of the error.
        TopologyError, SchemaMismatch: the Executors do not fit together.
    """
    once = tuple(node.model_copy(update={"replicas": 1, "shards": 1}) for node in options.executors)

    def design(directory: Directory) -> Blueprint:
        blueprint = flow_blueprint(options.model_copy(update={"executors": once}), directory)

        def look(descriptions: Mapping[str, ServiceDescription]) -> None:
            blueprint.check(descriptions)
            raise _Seen(descriptions)

        return replace(blueprint, gateway=None, check=look)

    try:
        Session.start(design, drain_seconds=0.0).close()
    except _Seen as seen:
        return seen.descriptions
    return {}
