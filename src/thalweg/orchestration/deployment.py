"""`Deployment`: one Executor served alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from thalweg.config import DeploymentOptions
from thalweg.config.load import ConfigSource, load_deployment, parse_options
from thalweg.orchestration.arguments import DeploymentArguments
from thalweg.orchestration.blueprint import Blueprint, deployment_blueprint
from thalweg.orchestration.directory import Directory
from thalweg.orchestration.runnable import Runnable

DEFAULT_NAME = "executor"


class Deployment(Runnable):
    """One Executor, at the same URLs and for the same clients as a Flow.

        with Deployment(uses=Encoder, protocol="http", port=8080) as deployment:
            deployment.block()

    With one replica the worker's own process listens, and nothing stands between it and its callers. With several, a
    Gateway process stands in front: it gives each request to the replica with the least to do, and asks another one
    where a replica dies before it has answered.

    Args:
        uses: a class, a function, `"package.module:Class"`, `"file.py:Class"`, or YAML.
        name: in logs, errors and on the OpenAPI page.
        options: those of the Executor (`uses_with`, `uses_metas`, `uses_requests`, `workspace`, `py_modules`, `replicas`,
            `env`, `queue`) and of the server (`protocol`, `port`, `host`, `limits`, `timeout`, `title`, `drain_seconds`,
            `retries`, `replica_wait`). `thalweg.config.DeploymentOptions` describes each.

    Raises:
        ConfigurationError: an unknown option, with the nearest that is known, or a value that does not fit.
    """

    def __init__(self, uses: Any = None, *, name: str = DEFAULT_NAME, **options: Unpack[DeploymentArguments]) -> None:
        super().__init__()
        self._options = parse_options(DeploymentOptions, {"uses": uses, "name": name, **options}, "Deployment")

    @classmethod
    def of(cls, options: DeploymentOptions) -> Deployment:
        """A Deployment from finished options."""
        deployment = cls()
        deployment._options = options.model_copy(update={"name": options.name or DEFAULT_NAME})
        return deployment

    @classmethod
    def load_config(cls, source: ConfigSource, *, context: Mapping[str, Any] | None = None) -> Deployment:
        """A Deployment from a YAML or JSON file, from its text, or from a mapping of the same shape.
        `${{ CONTEXT.name }}` in it is filled in from `context`, `${{ ENV.NAME }}` from the environment.

        Raises:
            ConfigurationError: each finding with its file, line and key.
        """
        return cls.of(load_deployment(source, context=context))

    @property
    def name(self) -> str:
        return self._options.name

    @property
    def options(self) -> DeploymentOptions:
        """What the Deployment is made of."""
        return self._options

    _kind = "deployment"

    def _blueprint(self, directory: Directory) -> Blueprint:
        return deployment_blueprint(self._options, directory)

    @property
    def _server(self) -> DeploymentOptions:
        return self._options

    def __repr__(self) -> str:
        return f"<Deployment {self.name!r}>"
